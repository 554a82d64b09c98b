// The space-time diagram: what is shown, which message is chosen, keys and pointers.
"use strict";

/** How near to a message a click must be, in pixels. */
const NEAR = 7;

class Diagram extends Picture {
  /** `valueChosen` is called with the value that is chosen, or -1. */
  constructor(messages, valueChosen) {
    super(messages);
    this.valueChosen = valueChosen;
    this.node = -1;
    this.unknown = "";
    const usual = (kind) => !/^((init|topology|read|error)(_ok)?|broadcast_ok)$/.test(kind);
    this.kinds = data.kinds.map(usual);
    if (!this.kinds.includes(true)) this.kinds.fill(true);
    this.build();
    this.filter();
    this.start();
  }

  /** Begins with the first few hundred messages, enough to see shapes; with nearly all if they are few. */
  start() {
    const { m, shown } = this;
    const last = shown[Math.min(300, Math.floor(shown.length * 0.95))] ?? 0;
    this.show(m.sent[shown[0] ?? 0] ?? 0, m.end[last] ?? m.last);
  }

  build() {
    const button = (label, title, act) => make("button", { type: "button", title, click: act }, label);
    const input = (id, label, list, change) => {
      const field = make("input", { id, list: `${id}-list`, autocomplete: "off", placeholder: "all", change });
      const options = list.slice(0, 2000).map((value) => make("option", { value }));
      return [make("label", {}, label, field), make("datalist", { id: `${id}-list` }, ...options)];
    };
    this.said = make("p", { class: "small faint", id: "diagram-said" });
    this.told = make("div", { class: "message", id: "diagram-message", "aria-live": "polite" });
    const kinds = make("fieldset", { class: "kinds" }, make("legend", {}, "Types"));
    data.kinds.forEach((kind, i) => {
      const box = make("input", { type: "checkbox", change: () => { this.kinds[i] = box.checked; this.filter(); } });
      box.checked = this.kinds[i];
      kinds.append(make("label", {}, box, kind || "(no type)"));
    });
    const controls = make("div", { class: "controls" },
      ...input("filter-node", "Node", data.names.slice(0, data.nodes), (event) => this.filterNode(event.target.value)),
      ...input("filter-value", "Value", data.values, (event) => this.filterValue(event.target.value)),
      make("div", { class: "group" },
        button("−", "Zoom out (−)", () => this.zoom(2)),
        button("+", "Zoom in (+)", () => this.zoom(0.5)),
        button("←", "Earlier (left arrow)", () => this.pan(-0.5)),
        button("→", "Later (right arrow)", () => this.pan(0.5)),
        button("All", "The whole run (0)", () => this.show(0, this.m.last))),
      make("div", { class: "group" },
        button("Previous", "Previous message (P)", () => this.next(-1)),
        button("Next", "Next message (N)", () => this.next(1)),
        button("To its cause", "The message behind this one (C)", () => this.follow())));
    const keys = make("p", { class: "small faint", id: "diagram-keys" });
    const say = [["←", "→", " move, "], ["+", "−", " zoom, "], ["0", " all, "], ["N", "P", " next and previous message, "],
      ["C", " to its cause, "], ["E", " to an effect, "], ["V", " only its value, "], ["Esc", " back to all."]];
    for (const part of say) {
      const text = part.pop();
      part.forEach((key) => keys.append(make("kbd", {}, key), " "));
      keys.append(text.trimStart());
    }
    keys.append(" Drag to move, Ctrl and wheel to zoom, click a message to choose it. The strip shows the whole run: drag there to choose a part.");
    this.view = make("div", { class: "view" }, this.canvas);
    $("space-time-live").append(controls, kinds, this.said, this.overview, this.view, this.told, keys);
    $("space-time-live").hidden = false;
    $("space-time-still").hidden = true;
    this.listen();
  }

  listen() {
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.time(event.offsetX));
    }, { passive: false });
    let drag = null;
    this.canvas.addEventListener("pointerdown", (event) => {
      drag = { x: event.offsetX, from: this.from, to: this.to, moved: false };
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!drag) return;
      drag.moved ||= Math.abs(event.offsetX - drag.x) > 4;
      const shift = (drag.x - event.offsetX) / this.width * (drag.to - drag.from);
      if (drag.moved) this.show(drag.from + shift, drag.to + shift);
    });
    this.canvas.addEventListener("pointerup", (event) => {
      if (drag && !drag.moved) this.choose(this.at(event.offsetX, event.offsetY));
      drag = null;
    });
    this.canvas.addEventListener("pointercancel", () => { drag = null; });
    let start = null;
    const time = (event) => (event.offsetX / this.overview.clientWidth) * this.m.last;
    this.overview.addEventListener("pointerdown", (event) => {
      start = time(event);
      this.overview.setPointerCapture(event.pointerId);
    });
    this.overview.addEventListener("pointermove", (event) => {
      if (start !== null) this.show(Math.min(start, time(event)), Math.max(start, time(event)));
    });
    this.overview.addEventListener("pointerup", (event) => {
      const half = (this.to - this.from) / 2, now = time(event);
      if (start !== null && Math.abs(now - start) < this.m.last / 200) this.show(now - half, now + half);
      start = null;
    });
  }

  key(event) {
    const act = {
      ArrowLeft: () => this.pan(-0.2), ArrowRight: () => this.pan(0.2),
      "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2),
      0: () => this.show(0, this.m.last), Home: () => this.pan(-Infinity), End: () => this.pan(Infinity),
      n: () => this.next(1), p: () => this.next(-1), c: () => this.follow(), e: () => this.effect(),
      v: () => this.onlyValue(), Escape: () => this.reset(),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }

  // The part that is shown.

  filterNode(name) {
    this.node = name ? data.names.indexOf(name) : -1;
    this.unknown = name && this.node < 0 ? `There is no node ${name}.` : "";
    this.filter();
  }

  filterValue(text) {
    this.value = text ? data.values.indexOf(text) : -1;
    this.unknown = text && this.value < 0 ? `There is no value ${text}.` : "";
    $("filter-value").value = text;
    this.filter();
    if (this.value >= 0 && this.shown.length) {
      const ends = this.shown.map((i) => this.m.end[i]);
      const from = this.m.sent[this.shown[0]], to = ends.reduce((a, b) => Math.max(a, b), from);
      this.show(from - (to - from) * 0.05 - 1, to + (to - from) * 0.05 + 1);
    }
    this.valueChosen(this.value);
  }

  onlyValue() {
    if (this.chosen < 0) return;
    const [value] = this.m.values(this.chosen);
    if (value !== undefined) this.filterValue(data.values[value]);
  }

  reset() {
    this.chosen = this.node = -1;
    $("filter-node").value = "";
    this.filterValue("");
  }

  filter() {
    const { m } = this;
    const carries = this.value >= 0 ? new Set(m.byValue.get(this.value) ?? []) : null;
    this.shown = [];
    for (let i = 0; i < m.count; i++) {
      const byKind = carries ? carries.has(i) : this.kinds[m.kind[i]];
      const byNode = this.node < 0 || m.src[i] === this.node || m.dest[i] === this.node;
      if (byKind && byNode) this.shown.push(i);
    }
    const clients = this.shown.some((i) => m.isClient(i));
    const all = Array.from({ length: data.nodes }, (_, node) => node);
    const talks = new Set(this.shown.flatMap((i) => [m.src[i], m.dest[i]]));
    this.rows = this.node < 0 ? all : all.filter((node) => node === this.node || talks.has(node));
    this.row = new Map(this.rows.map((node, row) => [node, row + (clients ? 1 : 0)]));
    this.clients = clients;
    this.tell();
    this.draw();
  }

  show(from, to) {
    const least = 20, all = Math.max(this.m.last, 1);
    const length = Math.min(Math.max(to - from, least), all);
    this.from = Math.min(Math.max(from, 0), all - length);
    this.to = this.from + length;
    this.draw();
  }

  pan(share) {
    const length = this.to - this.from;
    const from = share === -Infinity ? 0 : share === Infinity ? this.m.last : this.from + share * length;
    this.show(from, from + length);
  }

  zoom(factor, around) {
    const fixed = around ?? (this.chosen >= 0 && this.isVisible(this.chosen)
      ? this.m.sent[this.chosen] : (this.from + this.to) / 2);
    this.show(fixed - (fixed - this.from) * factor, fixed + (this.to - fixed) * factor);
  }

  // Which message is chosen.

  choose(i) {
    this.chosen = i;
    if (i >= 0 && (this.m.sent[i] < this.from || this.m.end[i] > this.to)) {
      const length = Math.max(this.to - this.from, (this.m.end[i] - this.m.sent[i]) * 1.5);
      const middle = (this.m.sent[i] + this.m.end[i]) / 2;
      this.show(middle - length / 2, middle + length / 2);
    }
    this.tell();
    this.draw();
  }

  next(by) {
    if (!this.shown.length) return;
    if (this.chosen < 0) {
      const visible = this.shown.find((i) => this.isVisible(i));
      return this.choose(visible ?? this.shown[0]);
    }
    const at = this.shown.findIndex((i) => i >= this.chosen);
    const place = at < 0 ? this.shown.length - 1 : this.shown[at] === this.chosen || by < 0 ? at + by : at;
    this.choose(this.shown[Math.min(Math.max(place, 0), this.shown.length - 1)]);
  }

  follow() {
    if (this.chosen < 0) return this.next(1);
    const [cause] = this.m.causeOf(this.chosen, this.value);
    if (cause >= 0) this.choose(cause);
  }

  effect() {
    for (let i = this.chosen + 1; this.chosen >= 0 && i < this.m.count; i++) {
      if (this.m.causeOf(i, this.value)[0] === this.chosen) return this.choose(i);
    }
  }

  /** The message nearest to a point, or -1. */
  at(x, y) {
    let best = -1, least = NEAR;
    for (const i of this.shown) {
      if (!this.isVisible(i)) continue;
      const [x1, y1, x2, y2] = this.ends(i);
      const length = (x2 - x1) ** 2 + (y2 - y1) ** 2;
      const share = length ? Math.min(Math.max(((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length, 0), 1) : 0;
      const distance = Math.hypot(x - x1 - share * (x2 - x1), y - y1 - share * (y2 - y1));
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }

  // In words.

  words(i) {
    const { m } = this, name = (place) => data.names[place];
    const fate = m.isReceived(i) ? `received ${ms(m.end[i])} (${ms(m.end[i] - m.sent[i])} later)`
      : m.isDropped(i) ? `dropped at ${ms(m.end[i])}: ${data.fates[m.fate[i]]}` : data.fates[1];
    return `${name(m.src[i])} to ${name(m.dest[i])}, ${data.kinds[m.kind[i]] || "no type"}, sent ${ms(m.sent[i])}, ${fate}`;
  }

  /** What is in view; called when it was drawn. */
  tellView() {
    const filters = [this.node >= 0 && `of node ${data.names[this.node]}`, this.value >= 0 && `with value ${data.values[this.value]}, of all types`];
    const by = filters.filter(Boolean).map((filter) => `, ${filter}`).join("");
    const some = this.step > 1 ? `, one in ${this.step} of them drawn: zoom in for all` : "";
    const text = `${this.unknown} ${this.visible} of ${this.shown.length} matching messages shown${by}${some}; ${this.m.count} in the file.`.trim();
    if (this.said.textContent !== text) this.said.textContent = text;
  }

  /** The chosen message, and what is behind it. */
  tell() {
    const { m } = this;
    if (this.chosen < 0) {
      this.told.replaceChildren(make("p", { class: "faint" }, "No message is chosen. Click one, or press N in the diagram."));
      return;
    }
    const values = [...m.values(this.chosen)].map((value) => data.values[value]);
    const listed = values.slice(0, 12).join(", ") + (values.length > 12 ? ` and ${values.length - 12} more` : "");
    const chain = m.chain(this.chosen, this.value);
    const list = make("ol", {});
    for (const [i, sure] of chain) {
      const go = make("button", { type: "button", class: "value", click: () => this.choose(i) }, `${m.id[i]}`);
      list.append(make("li", {}, go, (sure ? "" : "probably: ") + this.words(i)));
    }
    const parts = [make("p", {}, make("strong", {}, `Message ${m.id[this.chosen]}: `), this.words(this.chosen))];
    if (values.length) parts.push(make("p", {}, `${values.length === 1 ? "Value" : `${values.length} values`}: ${listed}`));
    parts.push(make("p", {}, chain.length ? "Because of, the nearest first:" : m.isNode(m.src[this.chosen])
      ? "Nothing in this file is behind it." : "A client's request: here it begins."));
    if (chain.length) parts.push(list);
    this.told.replaceChildren(...parts);
  }
}
