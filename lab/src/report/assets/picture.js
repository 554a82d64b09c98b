// The picture of the space-time diagram: time from left to right, a row per node, a line per message.
"use strict";

/** Left of the rows are the names, below them the times; in pixels. */
const LEFT = 58, BELOW = 26;
/** A canvas higher than this is not drawn by all browsers. */
const MAX_HEIGHT = 16000;
/** Of more messages in view, only some are drawn: a reader could not tell them apart, and it would be slow. */
const MAX_DRAWN = 15000;

/** A round step of at least this length. */
function roundStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
}

/** What is seen of some messages, and how it is drawn. */
class Picture {
  constructor(messages) {
    this.m = messages;
    /** The time shown, in µs. */
    this.from = 0;
    this.to = Math.max(messages.last, 1);
    /** The messages that pass the filters. */
    this.shown = [];
    /** The chosen message and value, or -1. */
    this.chosen = -1;
    this.value = -1;
    /** The nodes that have a row, the row of each, and whether there is one for all clients. */
    this.rows = [];
    this.row = new Map();
    this.clients = false;
    /** How many messages are in view, of which every so many is drawn. */
    this.visible = 0;
    this.step = 1;
    this.isDue = false;
    this.canvas = make("canvas", {
      id: "diagram", tabindex: "0", role: "application", "aria-describedby": "diagram-keys",
      "aria-label": "Space-time diagram of messages. Its keys are explained below; the chosen message is told after it.",
    });
    this.overview = make("canvas", { class: "overview", "aria-hidden": "true" });
  }

  isVisible(i) { return this.m.end[i] >= this.from && this.m.sent[i] <= this.to; }

  get width() { return Math.max(this.canvas.clientWidth - LEFT - 8, 50); }
  x(time) { return LEFT + (time - this.from) / (this.to - this.from) * this.width; }
  time(x) { return this.from + (x - LEFT) / this.width * (this.to - this.from); }
  y(name) { return ((this.row.get(name) ?? 0) + 0.5) * this.height; }
  ends(i) { return [this.x(this.m.sent[i]), this.y(this.m.src[i]), this.x(this.m.end[i]), this.y(this.m.dest[i])]; }

  /** Draws with the browser's next picture, however often it is called before. */
  draw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.paint();
    });
  }

  paint() {
    const rows = this.rows.length + (this.clients ? 1 : 0);
    this.height = rows > 300 ? 8 : rows > 60 ? 13 : 20;
    const { canvas } = this, scale = Math.min(devicePixelRatio || 1, MAX_HEIGHT / (rows * this.height + BELOW));
    const height = rows * this.height + BELOW;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(canvas.clientWidth * scale);
    canvas.height = Math.round(height * scale);
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    this.colours = pageColours();
    this.drawFrame(pen, height - BELOW);
    this.drawMessages(pen);
    this.drawChosen(pen);
    this.drawOverview();
    this.tellView();
  }

  drawFrame(pen, bottom) {
    const { colours } = this, right = LEFT + this.width;
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = colours.shade;
    for (const [start, end] of data.partitions) {
      const left = Math.max(this.x(start), LEFT), width = Math.min(this.x(end), right) - left;
      if (width > 0) pen.fillRect(left, 0, width, bottom);
    }
    // A node that is down or paused has a band along its row.
    pen.fillStyle = colours.outage;
    for (const [node, start, end] of data.outages) {
      const left = Math.max(this.x(start), LEFT), width = Math.min(this.x(end), right) - left;
      if (width > 0 && this.row.has(node)) pen.fillRect(left, this.y(node) - this.height * 0.35, width, this.height * 0.7);
    }
    pen.textAlign = "right";
    const name = (text, y) => {
      pen.fillStyle = colours.ink;
      pen.fillText(text.length > 8 ? `${text.slice(0, 7)}…` : text, LEFT - 8, y + 4);
      pen.strokeStyle = colours.rule;
      pen.beginPath(); pen.moveTo(LEFT, y); pen.lineTo(right, y); pen.stroke();
    };
    if (this.clients) name("clients", this.height / 2);
    // Nodes with the same letter reach each other in the first partition that is in view.
    const cut = data.partitions.findIndex(([start, end]) => start < this.to && end > this.from);
    const letter = (node) => (data.groups[cut]?.length ? ` ${String.fromCharCode(65 + data.groups[cut][node])}` : "");
    for (const node of this.rows) if (this.height > 10 || this.row.get(node) % 2 === 0) name(data.names[node] + letter(node), this.y(node));
    const step = roundStep((this.to - this.from) / Math.max(this.width / 90, 2));
    const inSeconds = step >= 1e5, unit = inSeconds ? 1e6 : 1e3;
    pen.textAlign = "center";
    for (let time = Math.ceil(this.from / step) * step; time <= this.to; time += step) {
      pen.strokeStyle = colours.grid;
      pen.beginPath(); pen.moveTo(this.x(time), 0); pen.lineTo(this.x(time), bottom + 4); pen.stroke();
      pen.fillStyle = colours.faint;
      const label = `${+(time / unit).toFixed(3)} ${inSeconds ? "s" : "ms"}`;
      pen.fillText(label, Math.min(this.x(time), right - 18), bottom + 18);
    }
  }

  /** One path per look: that is what keeps 100,000 lines quick. */
  drawMessages(pen) {
    const { m, colours } = this;
    const looks = {
      client: { colour: colours.green, dash: [] }, news: { colour: colours.blue, dash: [] },
      none: { colour: colours.grey, dash: [5, 3] }, dropped: { colour: colours.orange, dash: [5, 3] },
    };
    for (const look of Object.values(looks)) look.path = new Path2D();
    const crosses = new Path2D();
    const visible = this.shown.filter((i) => this.isVisible(i));
    this.step = Math.max(Math.ceil(visible.length / MAX_DRAWN), 1);
    pen.save();
    pen.beginPath(); pen.rect(LEFT, 0, this.width, this.canvas.clientHeight); pen.clip();
    for (let at = 0; at < visible.length; at += this.step) {
      const i = visible[at];
      const [x1, y1, x2, y2] = this.ends(i);
      const look = m.isDropped(i) ? "dropped" : m.isClient(i) ? "client" : m.first[i] < m.first[i + 1] ? "news" : "none";
      looks[look].path.moveTo(x1, y1);
      looks[look].path.lineTo(x2, y2);
      if (m.isDropped(i)) {
        crosses.moveTo(x2 - 3, y2 - 3); crosses.lineTo(x2 + 3, y2 + 3);
        crosses.moveTo(x2 + 3, y2 - 3); crosses.lineTo(x2 - 3, y2 + 3);
      }
    }
    const drawn = visible.length / this.step;
    pen.globalAlpha = drawn > 5000 ? 0.25 : drawn > 1000 ? 0.5 : 0.85;
    for (const name of ["none", "client", "news", "dropped"]) {
      pen.strokeStyle = looks[name].colour;
      // Dashes are slow, and cannot be seen among so many.
      pen.setLineDash(drawn > 3000 ? [] : looks[name].dash);
      pen.stroke(looks[name].path);
    }
    pen.setLineDash([]);
    pen.stroke(crosses);
    pen.restore();
    this.visible = visible.length;
  }

  drawChosen(pen) {
    if (this.chosen < 0) return;
    pen.save();
    pen.beginPath(); pen.rect(LEFT, 0, this.width, this.canvas.clientHeight); pen.clip();
    pen.strokeStyle = pen.fillStyle = this.colours.ink;
    const line = (i, width) => {
      const [x1, y1, x2, y2] = this.ends(i);
      pen.lineWidth = width;
      pen.beginPath(); pen.moveTo(x1, y1); pen.lineTo(x2, y2); pen.stroke();
      pen.beginPath(); pen.arc(x2, y2, width + 1, 0, 7); pen.fill();
    };
    for (const [i] of this.m.chain(this.chosen, this.value)) line(i, 1.6);
    line(this.chosen, 3.2);
    pen.restore();
  }

  drawOverview() {
    const { overview, m, colours } = this, scale = devicePixelRatio || 1;
    const width = Math.max(overview.clientWidth, 1), height = 44;
    overview.width = width * scale; overview.height = height * scale;
    const pen = overview.getContext("2d"), all = Math.max(m.last, 1);
    pen.scale(scale, scale);
    pen.fillStyle = colours.shade;
    for (const [start, end] of data.partitions) pen.fillRect(start / all * width, 0, (end - start) / all * width, height);
    const counts = new Uint32Array(Math.ceil(width / 2));
    for (const i of this.shown) counts[Math.min(Math.max(Math.floor(m.sent[i] / all * counts.length), 0), counts.length - 1)] += 1;
    const most = counts.reduce((a, b) => Math.max(a, b), 1);
    pen.fillStyle = colours.grey;
    counts.forEach((count, i) => { if (count) pen.fillRect(i * 2, height - count / most * 38 - 1, 1.5, count / most * 38 + 1); });
    pen.strokeStyle = colours.accent;
    pen.lineWidth = 2;
    pen.strokeRect(this.from / all * width + 1, 1, Math.max((this.to - this.from) / all * width - 2, 3), height - 2);
  }
}
