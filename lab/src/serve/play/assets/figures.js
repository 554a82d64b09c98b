// The figures: how long, how many messages, how much for nothing.

const COLUMNS = [
  ['50 % know', 'Time until half of the nodes know', (run) => time(run.reached_after_ms[0])],
  ['99 % know', 'Time until 99 % of the nodes know', (run) => time(run.reached_after_ms[1])],
  ['100 % know', 'Time until all nodes know that are not down for good', (run) => time(run.reached_after_ms[2])],
  ['messages per node', 'Messages of any kind', (run) => show(run.messages_per_node)],
  ['redundancy', 'Copies of the rumour that no node needed, per node that got it', (run) => show(run.redundancy)],
  ['reached', 'Share of the nodes that know in the end', (run) => `${+(run.reached * 100).toFixed(1)} %`],
];

function showFigures(lines) {
  const head = make('tr', {}, make('td'), ...COLUMNS.map(([name, title]) => make('th', { scope: 'col', title }, name)));
  const rows = lines.map((line) => {
    const swatch = make('i', { class: `key tone-${line.tone}` });
    const cells = COLUMNS.map(([name, , figure], at) => make('td', { 'data-name': name, ...(at < 5 ? { class: 'big' } : {}) }, figure(line.run)));
    return make('tr', line.isPin ? { class: 'pinned' } : {}, make('th', { scope: 'row' }, swatch, ` ${line.name}`), ...cells);
  });
  $('figures').replaceChildren(make('thead', {}, head), make('tbody', {}, ...rows));
}

/** What the figures do not say. */
function showNotes(played) {
  const notes = [];
  for (const run of played.runs) {
    const name = run.protocol.split(' ')[0];
    if (run.is_cut_short) notes.push(`${name}: broken off after ${time(run.end_ms)}, because it took too many events to show.`);
    if (run.flights.length < run.messages) notes.push(`${name}: the picture has the first ${run.flights.length} of ${run.messages} messages.`);
    if (form.member(name)?.promise.startsWith('Computes')) notes.push(`${name} spreads no rumour: it computes something of all nodes' values.`);
  }
  if (!played.links.length) notes.push('There are too many links to draw.');
  $('notes').textContent = notes.join(' ');
}
