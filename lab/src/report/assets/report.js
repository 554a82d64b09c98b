// The report's script begins here: small tools, light or dark, tables that sort. Without it the page
// is complete but for these and the diagram. What others wrote goes in as text, never as HTML.
"use strict";

const root = document.documentElement;
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);

/** Makes an element with attributes (functions become listeners) and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// --- Light or dark -------------------------------------------------------------------------

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ?? (prefersDark.matches ? "dark" : "light")) === "dark";

/** The page's colours as they are now, for pictures that no style sheet reaches. */
function pageColours() {
  const probe = document.body.appendChild(make("span"));
  const names = ["ink", "faint", "rule", "grid", "blue", "orange", "green", "grey", "shade", "outage", "accent"];
  const colours = Object.fromEntries(names.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  }));
  probe.remove();
  return colours;
}

function offerTheme(redraw) {
  const button = $("theme");
  const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  // A file's page may not be allowed to keep anything: then the choice lasts until it is closed.
  try {
    const kept = localStorage.getItem("theme");
    if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  } catch { /* As said. */ }
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* As said. */ }
    name();
    redraw();
  });
  prefersDark.addEventListener("change", () => { name(); redraw(); });
  button.hidden = false;
  name();
}

// --- Tables that sort ----------------------------------------------------------------------

function offerSorting() {
  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0];
    if (!body || body.rows.length < 3) continue;
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.textContent) return;
      const button = make("button", { type: "button", click: () => sort(body, heads, column) }, head.textContent);
      head.replaceChildren(button);
    });
  }
}

/** What a cell is sorted by: a number if it is one. */
function sortKey(text) {
  const match = /^(-?[\d.]+)([MGT]?)$/.exec(text);
  if (match) return Number(match[1]) * ({ M: 1e6, G: 1e9, T: 1e12 }[match[2]] ?? 1);
  return text === "never" ? Infinity : text === "nothing" ? 0 : text;
}

function sort(body, heads, column) {
  const isDescending = heads[column].getAttribute("aria-sort") !== "descending";
  const compare = (a, b) => typeof a === "number" && typeof b === "number"
    ? (a < b ? -1 : a > b ? 1 : 0)
    : String(a).localeCompare(String(b), "en", { numeric: true });
  const rows = [...body.rows].map((row) => [sortKey(row.cells[column].textContent), row]);
  rows.sort(([a], [b]) => (isDescending ? -1 : 1) * compare(a, b));
  body.append(...rows.map(([, row]) => row));
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", isDescending ? "descending" : "ascending");
}
