// The settings: from the address to the form and back.

const form = {
  fields: $('settings').elements,

  member(name) {
    return family.find((member) => member.name === name);
  },

  /** Shows the settings of a query. */
  write(query) {
    const get = (name) => query.get(name) ?? '';
    const set = (name, value) => { this.fields[name].value = value; };
    set('protocol', get('protocol') || 'rumor');
    set('versus', get('versus'));
    for (const name of ['nodes', 'fanout', 'latency', 'seed']) set(name, get(name));
    set('topology', get('topology') || 'grid');
    set('spread', get('spread') || 'constant');
    set('interval', millis(get('interval')));
    set('loss', get('loss') === '' ? '' : String(+(get('loss') * 100).toPrecision(6)));
    const crash = /^(\w+)@([^+]+)(?:\+(.+))?$/.exec(get('crash')) ?? ['', '', '', ''];
    set('crash-nodes', crash[1]);
    set('crash-at', millis(crash[2]));
    set('crash-for', millis(crash[3] ?? ''));
    const [from, until] = get('partition').split('..');
    set('cut-from', millis(from ?? ''));
    set('cut-until', millis(until ?? ''));
    this.explain(get('flags'), get('versus-flags'));
  },

  /** The query that the form stands for. What is as by default is left out. */
  read() {
    const query = new URLSearchParams();
    const value = (name) => this.fields[name].value.trim();
    const put = (name, text, usual = '') => { if (text !== usual) query.set(name, text); };
    put('protocol', value('protocol'));
    put('flags', this.flags('flags-a'));
    put('versus', value('versus'));
    if (value('versus')) put('versus-flags', this.flags('flags-b'));
    put('nodes', value('nodes'));
    put('topology', value('topology'), 'grid');
    put('fanout', value('fanout'));
    put('interval', value('interval') && `${value('interval')}ms`);
    put('latency', value('latency'));
    put('spread', value('spread'), 'constant');
    put('loss', value('loss') && String(+(value('loss') / 100).toPrecision(6)));
    if (value('crash-nodes')) {
      const back = value('crash-for') && `+${value('crash-for')}ms`;
      query.set('crash', `${value('crash-nodes')}@${value('crash-at') || 0}ms${back}`);
    }
    if (value('cut-until')) query.set('partition', `${value('cut-from') || 0}ms..${value('cut-until')}ms`);
    put('seed', value('seed'));
    return query;
  },

  /** The flags of a protocol that are not as by default. */
  flags(id) {
    const changed = [...$(id).querySelectorAll('[name]')].filter((field) => field.value.trim() && field.value.trim() !== field.dataset.usual);
    return changed.map((field) => `${field.name} ${field.value.trim()}`).join(' ');
  },

  /** Says what the protocols are, and shows the settings that they have of their own. */
  explain(flagsA, flagsB) {
    const members = ['protocol', 'versus'].map((name) => this.member(this.fields[name].value));
    [['a', flagsA], ['b', flagsB]].forEach(([letter, flags], at) => {
      const member = members[at];
      $(`about-${letter}`).textContent = member ? `${member.summary}. ${member.promise}` : '';
      const given = new Map();
      const words = flags.split(/[ =]+/).filter(Boolean);
      for (let i = 0; i + 1 < words.length; i += 2) given.set(words[i], words[i + 1]);
      const own = (member?.flags ?? []).filter((flag) => !['--fanout', '--period'].includes(flag.name));
      const rows = own.map((flag) => flagField(flag, given.get(flag.name)));
      $(`flags-${letter}`).replaceChildren(...rows);
      $(`flags-${letter}`).parentElement.hidden = !rows.length;
      if (given.size) $(`flags-${letter}`).parentElement.open = true;
    });
    for (const [field, name] of [['fanout', '--fanout'], ['interval', '--period']]) {
      const own = members.flatMap((member) => member?.flags ?? []).filter((flag) => flag.name === name);
      this.fields[field].disabled = !own.length;
      this.fields[field].placeholder = own.length ? own[0].default.replace(/ms$/, '').replace(/^([\d.]+)s$/, (_, s) => s * 1000) : 'has none';
    }
  },
};

/** `1.5s`, `200ms` or `200` as a number of milliseconds. */
function millis(text) {
  const parts = /^([\d.]+)(ms|s)?$/.exec(text);
  if (!parts) return '';
  return String(+parts[1] * (parts[2] === 's' ? 1000 : 1));
}

/** A setting of a protocol. */
function flagField(flag, given) {
  const name = flag.name;
  let field;
  if (flag.choices.length) {
    field = make('select', { name }, ...flag.choices.map((choice) => make('option', {}, choice)));
    field.value = given ?? flag.default;
  } else {
    field = make('input', { name, placeholder: flag.default });
    field.value = given ?? '';
  }
  field.dataset.usual = flag.default;
  field.title = flag.help;
  return make('label', { title: flag.help }, `${name.slice(2)} `, field);
}
