// The page: asks for scenes, keeps pins, and brings the parts together.

/** Pins that are kept: there are no more tones. */
const MAX_PINS = 4;

const page = {
  played: null,
  stages: [],
  /** `{ query, played }` each. */
  pins: [],
  asked: 0,

  /** Asks for the scene of a query; an error is told and null. */
  async ask(query) {
    if (film) return film.played;
    const answer = await fetch(`/play/run.json?${query}`);
    const told = await answer.json();
    if (told.error) throw new Error(told.error);
    return told;
  },

  /** Plays what the form says. */
  async play() {
    this.asked += 1;
    const { asked } = this;
    const query = form.read();
    try {
      const played = await this.ask(query);
      if (asked !== this.asked) return;
      this.played = played;
      $('problem').hidden = true;
      this.remember();
      this.show();
    } catch (problem) {
      if (asked !== this.asked) return;
      $('problem').textContent = problem.message;
      $('problem').hidden = false;
    }
    document.body.dataset.shown = asked;
  },

  /** The address holds the settings and the pins. */
  remember() {
    if (film) return;
    const query = form.read();
    for (const pin of this.pins) query.append('pin', pin.query);
    history.replaceState(null, '', `?${query}`);
  },

  lines() {
    const nodes = this.played.nodes;
    const lines = this.played.runs.map((run, at) => ({ run, nodes, tone: TONES[at], name: run.protocol, isPin: false }));
    this.pins.forEach((pin, at) => {
      const [run] = pin.played.runs;
      lines.push({ run, nodes: pin.played.nodes, tone: TONES[2 + at % MAX_PINS], name: `pin ${at + 1}: ${pinName(pin)}`, isPin: true });
    });
    return lines;
  },

  show() {
    const { played } = this;
    const lines = this.lines();
    const last = Math.max(...lines.map((line) => settled(line.run, line.nodes)), ...played.runs.flatMap((run) => run.ups.map(([at]) => at)));
    const cut = played.partition_ms;
    const until = Math.max(1, Math.min(Math.max(last, cut ? Math.min(cut[1], last * 3) : 0) * 1.08, Math.max(...lines.map((line) => line.run.end_ms), 1)));
    Object.assign(curves, { lines, until, partition: cut });
    this.stages = played.runs.map((_, at) => new Stage(played, at, TONES[at], until));
    $('stages').replaceChildren(...this.stages.map((stage) => stage.figure));
    document.body.dataset.count = this.stages.length;
    for (const stage of this.stages) stage.fit();
    showFigures(lines);
    showNotes(played);
    $('command').textContent = played.command;
    $('unpin').hidden = !this.pins.length || Boolean(film);
    clock.onTime = (now) => this.setTime(now);
    clock.reset(until, played.runs.flatMap((run) => [...run.holds, ...run.ups].map(([at]) => at)));
    curves.show();
  },

  setTime(now) {
    for (const stage of this.stages) stage.paint(now);
    curves.setTime(now);
    // Told when it stands still, not in every frame.
    if (clock.frame === null) {
      $('said').textContent = this.stages.map((stage) => `${stage.run.protocol.split(' ')[0]}: ${stage.known(now)} of ${this.played.nodes} nodes know after ${time(now)}.`).join(' ');
    }
  },

  async start() {
    const query = new URLSearchParams(film ? film.query : location.search);
    form.write(query);
    if (film) this.freeze();
    for (const pin of query.getAll('pin').slice(0, MAX_PINS)) {
      try {
        this.pins.push({ query: pin, played: await this.ask(pin) });
      } catch (problem) {
        $('problem').textContent = `A pin of this address is wrong: ${problem.message}`;
        $('problem').hidden = false;
      }
    }
    await this.play();
    // A picture with something in it.
    if (this.played) clock.set(this.played.runs[0].reached_after_ms[0] ?? clock.until / 2);
  },

  /** Without a server the settings are those of the file. */
  freeze() {
    for (const field of $('settings').elements) field.disabled = true;
    for (const id of ['pin', 'save-page', 'lessons']) $(id).hidden = true;
  },
};

/** What a pin has that the present scene has not. */
function pinName(pin) {
  const [here, there] = [form.read(), new URLSearchParams(pin.query)];
  const names = new Set([...here.keys(), ...there.keys()]);
  const differs = [...names].filter((name) => !['versus', 'versus-flags'].includes(name) && here.get(name) !== there.get(name));
  const words = differs.map((name) => `${name} ${there.get(name) ?? 'as usual'}`);
  return words.length ? words.join(', ') : 'the same';
}

let waiting;
const changed = () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => page.play(), 200);
};
$('settings').addEventListener('submit', (event) => { event.preventDefault(); page.play(); });
$('settings').addEventListener('input', (event) => {
  if (['protocol', 'versus'].includes(event.target.name)) form.explain(form.flags('flags-a'), form.flags('flags-b'));
  changed();
});
$('reseed').addEventListener('click', () => {
  form.fields.seed.value = (+form.fields.seed.value || 1) + 1;
  changed();
});
$('pin').addEventListener('click', () => {
  page.pins = [...page.pins, { query: String(form.read()), played: page.played }].slice(-MAX_PINS);
  page.remember();
  page.show();
});
$('unpin').addEventListener('click', () => {
  page.pins = [];
  page.remember();
  page.show();
  $('pin').focus();
});
const isDark = () => (document.documentElement.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
const nameTheme = () => { $('theme').textContent = isDark() ? 'Light' : 'Dark'; };
$('theme').addEventListener('click', () => {
  document.documentElement.dataset.theme = isDark() ? 'light' : 'dark';
  retone();
});
const retone = () => {
  tones.clear();
  nameTheme();
  if (page.played) page.show();
};
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', retone);
nameTheme();
let width = innerWidth;
addEventListener('resize', () => {
  if (innerWidth === width || !page.played) return;
  width = innerWidth;
  page.show();
});
if (innerWidth < 900) $('settings-fold').open = false;
page.start();
