// A stage: the nodes of one run in their topology, and the messages between them, at a moment.

/** A node that learned so short a time ago, as a share of the whole, is marked. */
const FRESH = 0.03;

class Stage {
  /** `played` is a scene that was played, `at` the place of the run in it. */
  constructor(played, at, tone, until) {
    this.played = played;
    this.run = played.runs[at];
    this.tone = tone;
    this.until = until;
    this.canvas = make('canvas', { role: 'img' });
    this.figure = make('figure', {}, make('figcaption', {}, make('i', { class: `key ${'ab'[at]}` }), ` ${this.run.protocol}`), this.canvas);
    this.prepare();
  }

  /** By node, the times at which it came to know or lost it, and went down or up. */
  prepare() {
    const { nodes } = this.played;
    const lists = () => Array.from({ length: nodes }, () => []);
    this.holds = lists();
    this.ups = lists();
    for (const [at, node, is] of this.run.holds) this.holds[node].push([at, is]);
    for (const [at, node, is] of this.run.ups) this.ups[node].push([at, is]);
    // Flights are in the order of sending. The longest tells how far back to look.
    this.sent = this.run.flights.map((flight) => flight[2]);
    this.longest = this.run.flights.reduce((most, [, , sent, ended]) => Math.max(most, (ended ?? sent) - sent), this.played.latency_ms);
  }

  /** The state of a node: `[does it know, since when, is it up]`. */
  state(node, now) {
    let [knows, since, up] = [false, 0, true];
    for (const [at, is] of this.holds[node]) { if (at <= now) [knows, since] = [is === 1, at]; }
    for (const [at, is] of this.ups[node]) { if (at <= now) up = is === 1; }
    return [knows, since, up];
  }

  known(now) {
    let count = 0;
    for (let node = 0; node < this.played.nodes; node += 1) count += this.state(node, now)[0] ? 1 : 0;
    return count;
  }

  fit() {
    const width = Math.max(this.figure.clientWidth, 200);
    const height = Math.round(Math.min(width / 1.4, 430));
    const scale = window.devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.pen = this.canvas.getContext('2d');
    this.pen.setTransform(scale, 0, 0, scale, 0, 0);
    this.size = [width, height];
    const [edge, places] = [22, this.played.places];
    // A ring is round, whatever the shape of the stage.
    const isRound = this.played.topology === 'total' || (this.played.topology.startsWith('tree') && places.length > 64);
    const side = Math.min(width, height) - 2 * edge;
    const [w, h] = isRound ? [side, side] : [width - 2 * edge, height - 2 * edge];
    this.points = places.map(([x, y]) => [(width - w) / 2 + x * w, (height - h) / 2 + y * h]);
    this.radius = Math.max(2.5, Math.min(13, nearest(this.points) * 0.34));
  }

  paint(now) {
    const { pen, played } = this;
    const [width, height] = this.size;
    pen.clearRect(0, 0, width, height);
    this.paintLinks(now);
    this.paintNodes(now);
    this.paintMessages(now);
    const known = this.known(now);
    this.canvas.setAttribute('aria-label', `${this.run.protocol} after ${time(now)}: ${known} of ${played.nodes} nodes know`);
  }

  paintLinks(now) {
    const { pen, points, played } = this;
    const cut = played.partition_ms;
    const isCut = cut && now >= cut[0] && now < cut[1];
    const half = Math.floor(played.nodes / 2);
    pen.lineWidth = 1;
    for (const [a, b] of played.links) {
      const crosses = isCut && (a < half) !== (b < half);
      pen.strokeStyle = colour(crosses ? 'bad' : 'rule');
      pen.setLineDash(crosses ? [2, 5] : []);
      pen.beginPath();
      pen.moveTo(...points[a]);
      pen.lineTo(...points[b]);
      pen.stroke();
    }
    pen.setLineDash([]);
  }

  paintNodes(now) {
    const { pen, points, played, radius } = this;
    const [tone, ink, card, grey, fresh, bad] = [this.tone, 'ink', 'card', 'grey', 'amber', 'bad'].map(colour);
    const cut = played.partition_ms;
    const isCut = cut && now >= cut[0] && now < cut[1];
    for (let node = 0; node < played.nodes; node += 1) {
      const [x, y] = points[node];
      const [knows, since, up] = this.state(node, now);
      pen.beginPath();
      // The upper half of the numbers is square while the halves are apart.
      if (isCut && node >= Math.floor(played.nodes / 2)) pen.rect(x - radius * 0.9, y - radius * 0.9, radius * 1.8, radius * 1.8);
      else pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.fillStyle = knows ? tone : card;
      pen.fill();
      pen.lineWidth = Math.max(1, radius / 6);
      pen.strokeStyle = knows ? tone : grey;
      pen.setLineDash(up ? [] : [2, 2]);
      pen.stroke();
      pen.setLineDash([]);
      if (knows && now - since < this.until * FRESH) {
        pen.beginPath();
        pen.arc(x, y, radius + 3, 0, 2 * Math.PI);
        pen.lineWidth = 2;
        pen.strokeStyle = fresh;
        pen.stroke();
      }
      if (node === 0) {
        pen.beginPath();
        pen.arc(x, y, radius * 0.35, 0, 2 * Math.PI);
        pen.fillStyle = knows ? card : ink;
        pen.fill();
      }
      if (!up) this.cross(x, y, radius * 0.8, bad);
    }
  }

  cross(x, y, size, tone) {
    const { pen } = this;
    pen.strokeStyle = tone;
    pen.lineWidth = Math.max(1.5, size / 4);
    pen.beginPath();
    pen.moveTo(x - size, y - size);
    pen.lineTo(x + size, y + size);
    pen.moveTo(x - size, y + size);
    pen.lineTo(x + size, y - size);
    pen.stroke();
  }

  paintMessages(now) {
    const { pen, points, run } = this;
    const [carrying, other, bad] = ['orange', 'grey', 'bad'].map(colour);
    const delay = this.played.latency_ms;
    const bead = Math.max(2, this.radius * 0.36);
    const first = lastUpTo(this.sent, now - this.longest - delay);
    const last = lastUpTo(this.sent, now);
    for (let i = Math.max(0, first); i <= last; i += 1) {
      const [from, to, sent, ended, hasValues, fate] = run.flights[i];
      // A message that is lost at random gets half the way.
      const until = fate === 1 ? sent + delay / 2 : ended ?? this.until;
      const way = until > sent ? (now - sent) / (until - sent) : 1;
      const isOver = now >= until;
      if (isOver && (fate === 0 || now > until + delay / 3)) continue;
      const most = fate === 1 || fate === 2 ? 0.5 : 1;
      const share = Math.min(way, 1) * most;
      const [x, y] = [0, 1].map((axis) => points[from][axis] + (points[to][axis] - points[from][axis]) * share);
      if (isOver) { this.cross(x, y, bead + 1, bad); continue; }
      pen.strokeStyle = pen.fillStyle = hasValues ? carrying : other;
      pen.globalAlpha = hasValues ? 0.35 : 0.15;
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(...points[from]);
      pen.lineTo(x, y);
      pen.stroke();
      pen.globalAlpha = 1;
      pen.beginPath();
      pen.arc(x, y, hasValues ? bead : bead * 0.6, 0, 2 * Math.PI);
      pen.fill();
    }
  }
}

/** The least distance between two of the first points and any other. */
function nearest(points) {
  let least = Infinity;
  for (let i = 0; i < Math.min(points.length, 40); i += 1) {
    for (let j = 0; j < points.length; j += 1) {
      if (i !== j) least = Math.min(least, Math.hypot(points[i][0] - points[j][0], points[i][1] - points[j][1]));
    }
  }
  return Number.isFinite(least) ? least : 40;
}
