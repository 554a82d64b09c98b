// S-curves: the share of nodes that know, over time; models, pins and the present moment.

const TONES = ['blue', 'orange', 'green', 'purple', 'amber', 'grey'];

/** Nodes that stay dead for good count nowhere. */
function counted(run, nodes) {
  const last = new Map(run.ups.map(([, node, up]) => [node, up]));
  return nodes - [...last.values()].filter((up) => !up).length;
}

/** The steps of a curve: times and shares, from the injection on. */
function steps(run, nodes) {
  const gone = new Set();
  for (const [, node, up] of run.ups) { if (up) gone.delete(node); else gone.add(node); }
  const all = counted(run, nodes);
  let known = 0;
  const points = [];
  for (const [at, node, holds] of run.holds) {
    if (gone.has(node)) continue;
    known += holds ? 1 : -1;
    points.push([at, known / all]);
  }
  points.push([run.end_ms, known / all]);
  return points;
}

/** When a curve has come to where it stays. */
function settled(run, nodes) {
  const points = steps(run, nodes);
  return points.length > 1 ? points[points.length - 2][0] : run.end_ms;
}

const curves = {
  /** Lines to draw: `{ run, nodes, tone, name, isPin }`. */
  lines: [],
  until: 1,
  partition: null,

  /** The chart at a width, for the page or for a file. */
  chart(width) {
    const [height, left, right, top, bottom] = [280, 46, 14, 12, 34];
    const x = (ms) => left + Math.min(ms / this.until, 1) * (width - left - right);
    const y = (share) => height - bottom - share * (height - top - bottom);
    const ink = colour('ink');
    const svg = draw('svg', { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}`, 'font-family': 'system-ui, sans-serif', 'font-size': 12, role: 'img', 'aria-label': this.words() });
    svg.append(draw('rect', { width, height, fill: colour('card') }));
    const text = (at, anchor, words, more = {}) => draw('text', { x: at[0], y: at[1], 'text-anchor': anchor, fill: ink, ...more }, words);
    if (this.partition) {
      const [from, until] = this.partition;
      if (from < this.until) {
        svg.append(draw('rect', { x: x(from), y: y(1), width: x(until) - x(from), height: y(0) - y(1), fill: colour('shade') }));
        if (x(until) - x(from) > 110) svg.append(text([x(from) + 4, y(1) + 14], 'start', 'two halves apart', { fill: colour('faint') }));
      }
    }
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      svg.append(draw('line', { x1: left, x2: width - right, y1: y(share), y2: y(share), stroke: colour('grid') }));
      svg.append(text([left - 6, y(share) + 4], 'end', `${share * 100} %`));
    }
    for (const ms of ticks(this.until, width)) svg.append(text([x(ms), height - bottom + 17], 'middle', `${+ms.toPrecision(6)}`));
    svg.append(text([width - right, height - 3], 'end', 'ms after the first node knew'));
    for (const line of this.lines) {
      const tone = colour(line.tone);
      if (line.run.model.length && !line.isPin) {
        const model = line.run.model.filter(([ms], at, all) => at === 0 || all[at - 1][0] <= this.until);
        svg.append(draw('polyline', { points: model.map(([ms, share]) => `${x(ms)},${y(share)}`).join(' '), fill: 'none', stroke: tone, 'stroke-width': 2.5, 'stroke-dasharray': '1 6', 'stroke-linecap': 'round' }));
      }
    }
    for (const line of this.lines) {
      let before = 0;
      let path = `M${x(0)} ${y(0)}`;
      for (const [ms, share] of steps(line.run, line.nodes)) {
        if (ms > this.until) break;
        path += `L${x(ms).toFixed(1)} ${y(before).toFixed(1)}L${x(ms).toFixed(1)} ${y(share).toFixed(1)}`;
        before = share;
      }
      path += `L${x(this.until)} ${y(before)}`;
      svg.append(draw('path', { d: path, fill: 'none', stroke: colour(line.tone), 'stroke-width': line.isPin ? 1.8 : 2.6, 'stroke-linejoin': 'round', ...(line.isPin ? { 'stroke-dasharray': '7 4' } : {}) }));
    }
    return { svg, x, y };
  },

  /** Draws into the page. */
  show() {
    const width = Math.max($('curve').clientWidth, 260);
    const { svg, x, y } = this.chart(width);
    this.cursor = draw('line', { y1: y(0), y2: y(1), stroke: colour('ink'), 'stroke-width': 1 });
    this.x = x;
    svg.append(this.cursor);
    $('curve').replaceChildren(svg, this.key());
    this.setTime(clock.now);
    svg.addEventListener('click', (event) => {
      const share = (event.clientX - svg.getBoundingClientRect().left - x(0)) / (x(this.until) - x(0));
      clock.set(Math.max(0, Math.min(1, share)) * this.until);
    });
  },

  setTime(ms) {
    if (!this.cursor) return;
    this.cursor.setAttribute('x1', this.x(ms));
    this.cursor.setAttribute('x2', this.x(ms));
  },

  /** The names of the lines, below the chart. */
  key() {
    const items = this.lines.map((line) => {
      const sample = draw('svg', { width: 30, height: 10, 'aria-hidden': 'true' }, draw('line', { x1: 1, x2: 29, y1: 5, y2: 5, stroke: `var(--${line.tone})`, 'stroke-width': 3, ...(line.isPin ? { 'stroke-dasharray': '7 4' } : {}) }));
      return make('span', {}, sample, ` ${line.name}`);
    });
    const hasModel = this.lines.some((line) => line.run.model.length && !line.isPin);
    items.push(make('span', { class: 'faint' }, hasModel ? '· · · what the literature’s model expects, in which all nodes act at once' : 'There is no model for this.'));
    return make('p', { class: 'small legend' }, ...items);
  },

  words() {
    return this.lines.map((line) => `${line.name}: half of the nodes after ${time(line.run.reached_after_ms[0])}, all after ${time(line.run.reached_after_ms[2])}`).join('; ');
  },
};

/** Round numbers for an axis. */
function ticks(until, width) {
  const rough = until / Math.max(2, width / 90);
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * unit).find((n) => n >= rough);
  const list = [];
  for (let at = 0; at <= until * 1.0001; at += step) list.push(at);
  return list;
}
