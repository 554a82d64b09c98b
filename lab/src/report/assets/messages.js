// The messages of the run: typed columns, and what is behind which.
"use strict";

/** A time in µs, in words. */
const ms = (micros) => (micros / 1e3).toFixed(1) + " ms";

/** Typed columns of the messages, and what is behind which. */
class Messages {
  constructor({ messages, nodes }) {
    const sums = (list) => { let sum = 0; return Float64Array.from(list, (step) => (sum += step)); };
    this.count = messages.id.length;
    this.nodes = nodes;
    this.id = sums(messages.id);
    this.sent = sums(messages.sent);
    this.end = this.sent.map((sent, i) => sent + messages.took[i]);
    this.src = Int32Array.from(messages.src);
    this.dest = Int32Array.from(messages.dest);
    this.kind = Int32Array.from(messages.kind);
    this.fate = Int32Array.from(messages.fate);
    this.cause = Int32Array.from(messages.cause, (back, i) => (back ? i - back : -1));
    this.sure = Uint8Array.from(messages.sure);
    this.carried = Int32Array.from(messages.carried);
    this.first = new Int32Array(this.count + 1);
    messages.count.forEach((count, i) => { this.first[i + 1] = this.first[i] + count; });
    this.last = this.end.reduce((last, end) => Math.max(last, end), 0);
    // By value: the messages that carry it, in order of sending.
    this.byValue = new Map();
    for (let i = 0; i < this.count; i++) {
      for (const value of this.values(i)) {
        if (!this.byValue.has(value)) this.byValue.set(value, []);
        this.byValue.get(value).push(i);
      }
    }
  }
  values(i) { return this.carried.subarray(this.first[i], this.first[i + 1]); }
  isReceived(i) { return this.fate[i] === 0; }
  isDropped(i) { return this.fate[i] > 1; }
  isNode(name) { return name < this.nodes; }
  isClient(i) { return !this.isNode(this.src[i]) || !this.isNode(this.dest[i]); }

  /** The message behind another, for a value if it carries that: [message, is it sure?]. */
  causeOf(i, value) {
    if (value >= 0 && this.isNode(this.src[i]) && this.values(i).includes(value)) {
      const earlier = this.byValue.get(value).filter((j) =>
        j < i && this.dest[j] === this.src[i] && this.isReceived(j) && this.end[j] <= this.sent[i]);
      if (earlier.length) return [earlier.reduce((a, b) => (this.end[b] < this.end[a] ? b : a)), true];
    }
    return [this.cause[i], this.sure[i] === 1];
  }

  /** All causes of a message, the nearest first. */
  chain(i, value) {
    const chain = [];
    for (let [j, sure] = this.causeOf(i, value); j >= 0; [j, sure] = this.causeOf(j, value)) {
      chain.push([j, sure]);
      if (chain.length >= 200) break;
    }
    return chain;
  }

  /** How many nodes held a value when: the times at which one more did. */
  holds(value) {
    const held = new Map();
    for (const i of this.byValue.get(value) ?? []) {
      const node = this.dest[i];
      if (this.isReceived(i) && this.isNode(node)) {
        held.set(node, Math.min(held.get(node) ?? Infinity, this.end[i]));
      }
    }
    return [...held.values()].sort((a, b) => a - b);
  }
}
