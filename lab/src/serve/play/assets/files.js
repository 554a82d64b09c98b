// Files: the chart as SVG and PNG, the curves as CSV, the page as one file.

function save(name, content, type) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  make('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

const files = {
  /** The chart with its names, at a fixed width. */
  svg() {
    const { svg } = curves.chart(900);
    const bottom = 280;
    svg.setAttribute('height', bottom + 10 + 20 * curves.lines.length);
    svg.setAttribute('viewBox', `0 0 900 ${bottom + 10 + 20 * curves.lines.length}`);
    svg.firstChild.setAttribute('height', bottom + 10 + 20 * curves.lines.length);
    curves.lines.forEach((line, at) => {
      const y = bottom + 16 + 20 * at;
      const [t50, t99, t100] = line.run.reached_after_ms.map(time);
      svg.append(draw('line', { x1: 46, x2: 76, y1: y - 4, y2: y - 4, stroke: colour(line.tone), 'stroke-width': 3, ...(line.isPin ? { 'stroke-dasharray': '7 4' } : {}) }));
      svg.append(draw('text', { x: 84, y, fill: colour('ink') }, `${line.name}: 50 % ${t50}, 99 % ${t99}, 100 % ${t100}; ${show(line.run.messages_per_node)} messages per node, redundancy ${show(line.run.redundancy)}`));
    });
    return new XMLSerializer().serializeToString(svg);
  },

  async png() {
    const picture = new Image();
    picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(this.svg())}`;
    await picture.decode();
    const canvas = make('canvas', { width: picture.width * 2, height: picture.height * 2 });
    canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => { canvas.toBlob(done, 'image/png'); });
  },

  csv() {
    const quote = (text) => `"${text.replaceAll('"', '""')}"`;
    const rows = curves.lines.flatMap((line) => steps(line.run, line.nodes).map(([ms, share]) => `${quote(line.name)},${ms},${share}`));
    return `protocol,ms,known\n${rows.join('\n')}\n`;
  },
};

$('save-svg').addEventListener('click', () => save('rumour.svg', files.svg(), 'image/svg+xml'));
$('save-csv').addEventListener('click', () => save('rumour.csv', files.csv(), 'text/csv'));
$('save-png').addEventListener('click', async () => save('rumour.png', await files.png(), 'image/png'));
$('save-page').addEventListener('click', () => { location.href = `/play/film.html?${form.read()}`; });
$('copy').addEventListener('click', async () => {
  const words = $('command').textContent;
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    // Without the clipboard, as in a file: the text is selected, to be copied by hand.
    getSelection().selectAllChildren($('command'));
    return;
  }
  $('copy').textContent = 'Copied';
  setTimeout(() => { $('copy').textContent = 'Copy'; }, 1500);
});
