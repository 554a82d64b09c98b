// Additions to the charts: a value's name where one points at it, and the curve of the
// value that was chosen. Then everything is started.
"use strict";

/** The frame of a chart that Rust drew: from values to its SVG's own units. */
function frameOf(id) {
  const chart = document.querySelector(`#${id} [data-frame]`);
  if (!chart) return null;
  const [left, top, right, bottom, xFrom, xTo, yFrom, yTo] = chart.dataset.frame.split(" ").map(Number);
  const between = (value, from, to) => Math.min(Math.max((value - from) / (to - from), 0), 1);
  return {
    chart,
    svg: chart.querySelector("svg"),
    right,
    xTo,
    x: (value) => left + between(value, xFrom, xTo) * (right - left),
    y: (value) => bottom - between(value, yFrom, yTo) * (bottom - top),
  };
}

/** Draws how the chosen value spread, over the curves of all. */
function drawCurve(messages, value) {
  const frame = frameOf("infection");
  if (!frame) return;
  frame.svg.querySelector("#chosen-curve")?.remove();
  const holds = value >= 0 ? messages.holds(value) : [];
  const legend = document.querySelector("#infection .chosen");
  legend.hidden = !holds.length;
  if (!holds.length) return;
  legend.querySelector("li").lastChild.textContent =
    ` the chosen value, ${data.values[value]}: on ${holds.length} of ${data.nodes} nodes`;
  const points = [`${frame.x(0)},${frame.y(0)}`];
  holds.forEach((time, count) => {
    const x = frame.x((time - holds[0]) / 1e3);
    points.push(`${x},${frame.y(count)}`, `${x},${frame.y(count + 1)}`);
  });
  const curve = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const attributes = { id: "chosen-curve", points: points.join(" "), fill: "none", stroke: "var(--ink)", "stroke-width": 2, "stroke-dasharray": "2 2" };
  for (const [name, value] of Object.entries(attributes)) curve.setAttribute(name, value);
  frame.svg.append(curve);
}

/** Names the value one points at in the chart of latencies; a click chooses it. */
function offerPoints(choose) {
  const frame = frameOf("latency");
  if (!frame) return;
  const tip = make("div", { class: "tip", hidden: "" });
  frame.chart.append(tip);
  const near = (event) => {
    const box = frame.svg.getBoundingClientRect();
    const scale = frame.svg.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let best = null, least = 14;
    for (const point of data.points) {
      const distance = Math.hypot(frame.x(point[1] / 1e3) - x, frame.y(point[2] ?? Infinity) - y);
      if (distance < least) [best, least] = [point, distance];
    }
    return best && { point: best, x: event.clientX - box.left, y: event.clientY - box.top, width: box.width };
  };
  frame.svg.addEventListener("pointermove", (event) => {
    const found = near(event);
    tip.hidden = !found;
    if (!found) return;
    const [value, at, took] = found.point;
    tip.textContent = `value ${value}, acknowledged ${(at / 1e3).toFixed(2)} s: ${took === null ? "it came to no end" : `${took} ms`}`;
    tip.style.left = `${Math.min(found.x + 12, Math.max(found.width - 170, 0))}px`;
    tip.style.top = `${found.y + 14}px`;
  });
  frame.svg.addEventListener("pointerleave", () => { tip.hidden = true; });
  frame.svg.addEventListener("click", (event) => {
    const found = near(event);
    if (found) choose(found.point[0]);
  });
}

// --- The start -----------------------------------------------------------------------------

/** The space-time diagram; none without messages. */
let diagram = null;

if (data.messages && data.messages.id.length) {
  const messages = new Messages(data);
  diagram = new Diagram(messages, (value) => drawCurve(messages, value));
  addEventListener("resize", () => diagram.draw());
}
const choose = (value) => {
  if (!diagram || !data.values.includes(value)) return;
  diagram.filterValue(value);
  diagram.canvas.focus({ preventScroll: true });
  $("space-time").scrollIntoView({ block: "start" });
};
for (const button of document.querySelectorAll("#latency button.value")) {
  if (diagram && data.values.includes(button.textContent)) button.addEventListener("click", () => choose(button.textContent));
  else button.disabled = true;
}
offerPoints(choose);
offerSorting();
offerTheme(() => diagram?.draw());
