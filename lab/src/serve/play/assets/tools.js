// Small tools of all scripts of this page.

const $ = (id) => document.getElementById(id);
const family = JSON.parse($('family').textContent);
/** The scene of a page without a server; null on a server. */
const film = JSON.parse($('film').textContent);

const SVG = 'http://www.w3.org/2000/svg';

/** An element with attributes and children; text becomes text. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** The same for a drawing. */
function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A number with as many digits as mean something. */
function show(number) {
  const size = Math.abs(number);
  if (size >= 100) return String(Math.round(number));
  if (size >= 10) return number.toFixed(1);
  return number.toFixed(2);
}

/** A time in milliseconds for people. */
function time(ms) {
  if (ms === null || ms === undefined) return 'never';
  if (ms >= 10000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms >= 100 || Number.isInteger(ms) ? Math.round(ms) : ms.toFixed(1)} ms`;
}

/** Colours of the theme as it is now, as a canvas takes them. */
const tones = new Map();

function colour(name) {
  if (!tones.has(name)) {
    const probe = document.body.appendChild(make('i'));
    probe.style.color = `var(--${name})`;
    tones.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return tones.get(name);
}

/** The place of the last number of a sorted list that is at most `limit`; -1 if none is. */
function lastUpTo(list, limit) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] <= limit) low = middle + 1; else high = middle;
  }
  return low - 1;
}
