/* Line charts, drawn by uPlot, each with a table of its values. */

import { element, number, standIn, row, table, time } from "./dom.js";

const HEIGHT = 220, MAX_ROWS = 200, COLOURS = ["--first", "--second", "--third", "--fourth"];

/* Return a colour of the style sheet in a format for the canvas. */
function colour(holder, name) {
  holder.style.color = `var(${name})`;
  const { color } = getComputedStyle(holder);
  holder.style.color = "";
  return color;
}

/* Return a figure with series {label, times, values, points}. across: the x axis; "Time" means seconds. */
export function chart(view, title, across, series) {
  const isTime = across === "Time", times = [...new Set(series.flatMap((each) => each.times))].sort((one, other) => one - other);
  const data = [times, ...series.map((each) => {
    const values = new Map(each.times.map((at, index) => [at, each.values[index]]));
    return times.map((at) => values.get(at) ?? null);
  })];
  const charts = view.state.charts ??= {}, key = [title, ...series.map((each) => each.label)].join();
  const drawn = charts[key]?.holder.isConnected && charts[key];
  const holder = drawn ? standIn(drawn.holder) : element("div", { "data-unmanaged": true, class: "plot" });
  if (drawn) drawn.plot.setData(data);
  else view.waiting.push(() => { charts[key] = { holder, plot: draw(holder, across, isTime, series, data) }; });
  const summary = series.map((each) => {
    const known = each.values.filter((value) => value !== null);
    const label = each.label === title ? "" : `${each.label}: `;
    if (each.total) return `${label}${known.reduce((sum, value) => sum + value, 0)}`;
    return label + (known.length ? `${known.length} values, last ${number(known.at(-1))}` : "no values");
  }).join("; ");
  const first = Math.max(0, times.length - MAX_ROWS);
  const rows = times.slice(first).map((at, index) => {
    const values = data.slice(1).map((each) => each[first + index]);
    return row(String(at), [isTime ? time(at) : at, ...values.map((value) => (value === null ? "" : number(value)))]);
  });
  return element("figure", { "data-key": key }, element("figcaption", {}, element("b", {}, title), ` ${summary}`), holder,
    element("details", {}, element("summary", {}, "Values"), table(title, [across, ...series.map((each) => each.label)], rows)));
}

const clock = (_, times) => times.map((at) => new Date(1000 * at).toLocaleTimeString("sv-SE"));

function draw(holder, across, isTime, series, data) {
  const [soft, faint] = [colour(holder, "--soft"), { stroke: colour(holder, "--line"), width: 1 }];
  const axis = { stroke: soft, grid: faint, ticks: faint };
  const axes = [{ ...axis, ...(isTime ? { values: clock, space: 80 } : { incrs: [1, 2, 5, 10, 20, 50, 100] }) }, { ...axis, size: 70 }];
  const lines = series.map((each, index) => ({
    label: each.label, stroke: colour(holder, COLOURS[index % COLOURS.length]), width: each.points ? 0 : 2, spanGaps: true,
    points: { show: each.points || ((plot) => plot.data[0].length < 60), size: each.points ? 7 : 4 },
  }));
  const plot = new uPlot({
    width: holder.clientWidth, height: HEIGHT, scales: { x: { time: isTime } }, axes, padding: [null, 25, null, null],
    legend: { show: series.length > 1, live: false }, cursor: { drag: { x: false } }, series: [{ label: across }, ...lines],
  }, data, holder);
  new ResizeObserver((_, observer) => {
    if (holder.isConnected) plot.setSize({ width: Math.max(200, holder.clientWidth), height: HEIGHT });
    else { observer.disconnect(); plot.destroy(); }
  }).observe(holder);
  return plot;
}
