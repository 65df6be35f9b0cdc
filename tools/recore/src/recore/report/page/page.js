"use strict";
const root = document.documentElement;

function followTheme() {
  const button = document.getElementById("theme"), system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const name = () => { button.textContent = dark() ? "Light" : "Dark"; };
  button.hidden = false;
  button.setAttribute("aria-label", "Switch between light and dark colours");
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
  system.addEventListener("change", name);
  name();
}

const NARROW = 560; /* pixels: on a narrower figure the legend lies below the plot and axis titles are wrapped */
const LABELS = 140; /* pixels for the labels of the vertical axis on a narrow figure */
const PAPER = { width: 680, height: 860 }; /* CSS pixels for a figure on an A4 or letter page, without margins, title and caption */
const MIN_WIDTH = 240; /* pixels that axes and labels need; a browser may briefly report a window of one pixel */

/* Return the layout of a figure for a width. The style sheet sets the colours of text and lines. */
function fitLayout(layout, data, width) {
  const narrow = width < NARROW, size = narrow ? 12 : 13, margin = { l: 60, r: 20, t: 20, b: 50, ...layout.margin };
  const axis = { automargin: true, zeroline: false, showline: true, ticks: "outside", linecolor: "#888888", gridcolor: "#cccccc" };
  const fitted = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "closest",
    font: { family: "system-ui, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif", size },
    hoverlabel: { bgcolor: "#333a44", bordercolor: "#888888", font: { color: "#ffffff" }, namelength: -1, align: "left" },
    colorway: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a63d2", "#a8780f", "#2b93c4", "#b5434c", "#6b8e23", "#7f8791"],
    ...layout, margin, width, autosize: false,
  };
  for (const key of new Set(["xaxis", "yaxis", ...Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name))])) {
    const title = { standoff: 10, ...layout[key]?.title }, [from, to] = layout[key]?.domain ?? [0, 1];
    if (narrow && key[0] === "x" && title.text) title.text = wrap(title.text, (to - from) * (width - LABELS) / (0.6 * size));
    fitted[key] = { ...axis, ...layout[key], title };
  }
  if (narrow) {
    const names = data.filter((trace) => trace.visible !== false && trace.showlegend !== false && trace.name).map((trace) => trace.name);
    const columns = Math.max(1, Math.floor((width - 70) / (60 + 7 * Math.max(...names.map((name) => name.length)))));
    const below = (layout.showlegend ?? names.length > 1) ? 20 * Math.ceil(names.length / columns) : 0;
    fitted.legend = { ...layout.legend, orientation: "h", x: 0, xanchor: "left", y: 0, yanchor: "bottom", yref: "container" };
    fitted.height = (layout.yaxis?.scaleanchor ? Math.min(layout.height, width) : layout.height) + below; /* a square is as wide as the figure */
    fitted.margin.r = 10;
  } else if (layout.legend?.orientation === "h") fitted.legend = { ...layout.legend, x: 0, y: 1, yanchor: "top", yref: "container" };
  return fitted;
}

function wrap(title, letters) {
  const lines = [""];
  for (const word of title.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length <= letters || !lines.at(-1)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.join("<br>");
}

/* Return the series of a figure for a width. Printed patterns take megabytes, so patterns become lighter fills on paper.
   Opacity of many points takes megabytes, too, and is replaced by translucent colours. */
function fitSeries(data, width, onPaper, drawn) {
  return data.map((trace, i) => {
    const fitted = { ...trace, visible: drawn[i]?.visible ?? trace.visible };
    const { color, opacity, pattern } = trace.marker ?? {};
    if (trace.colorbar) fitted.colorbar = { ...trace.colorbar, thickness: width < NARROW ? 10 : 16, title: { ...trace.colorbar.title, side: "right" } };
    if (typeof opacity === "number" && /^#[0-9a-f]{6}$/i.test(color))
      fitted.marker = { ...trace.marker, opacity: 1, color: color + Math.round(255 * opacity).toString(16).padStart(2, "0") };
    if (onPaper && pattern?.shape)
      fitted.marker = { ...trace.marker, pattern: {}, opacity: pattern.shape === "x" ? 0.25 : 0.5, line: { width: 1, color } };
    return fitted;
  });
}

/* Hide labels that overlap others. On an axis, powers of ten have priority; among regions, the first ones. */
function declutter(plot) {
  const powers = (label) => (/^[.,1]?0*1?0*$/.test(label.textContent) ? 0 : 1);
  const groups = [".annotation-text", ".xaxislayer-above text", ".yaxislayer-above text"].map((kind) => [...plot.querySelectorAll(kind)]);
  for (const [number, group] of groups.entries()) {
    const shown = [], gap = number ? 4 : 0; /* pixels between the labels of an axis */
    if (number) group.sort((one, other) => powers(one) - powers(other));
    for (const label of group) {
      const box = label.getBoundingClientRect();
      const free = shown.every((other) => box.right + gap <= other.left || other.right + gap <= box.left || box.bottom <= other.top || other.bottom <= box.top);
      label.style.visibility = free ? "" : "hidden";
      if (free) shown.push(box);
    }
  }
}

async function loadPlotly() {
  const packed = document.getElementById("library").textContent;
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const script = document.createElement("script");
  script.textContent = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  document.head.append(script);
}

/* Make the hover labels and the legend usable by keyboard. */
function enableKeyboard(plot) {
  let curve = 0, point = -1;
  const shown = () => plot.data.map((trace, i) => i).filter((i) => plot.data[i].hoverinfo !== "skip" && plot.data[i].visible !== false);
  const length = (i) => plot.calcdata[i]?.length ?? 0;
  const cells = (i) => plot.calcdata[i]?.[0]?.z; /* the rows of a heat map */
  const hover = () => {
    if (plot.data[curve].visible === "legendonly" || !length(curve)) return;
    const { xaxis = "x", yaxis = "y" } = plot.data[curve];
    let at = [{ curveNumber: curve, pointNumber: point }];
    if (cells(curve)) {
      const { x, y, z } = plot.calcdata[curve][0], row = Math.floor(point / z[0].length), column = point % z[0].length;
      at = { xval: (x[column] + x[column + 1]) / 2, yval: (y[row] + y[row + 1]) / 2 }; /* x and y are edges */
    }
    Plotly.Fx.hover(plot, at, xaxis + yaxis);
    setTimeout(() => { /* plotly shows a label after up to 50 ms */
      const words = [...plot.querySelectorAll(".hoverlayer text")].map((text) => text.textContent);
      document.getElementById("spoken").textContent = [...new Set(words)].join(", ") || "no value";
    }, 80);
  };
  plot.addEventListener("keydown", (event) => {
    const traces = shown();
    if (!traces.length || event.target !== plot) return;
    if (!traces.includes(curve)) curve = traces[0];
    const wide = cells(curve)?.[0].length; /* in a heat map, up and down go to the next row */
    const count = wide ? cells(curve).length * wide : length(curve);
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, ArrowUp: wide && -wide, ArrowDown: wide }[event.key];
    const other = wide ? undefined : { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step) point = Math.min(Math.max(point + step, 0), count - 1);
    else if (other) { curve = traces[(traces.indexOf(curve) + other + traces.length) % traces.length]; point = 0; }
    else if (event.key === "Enter") {
      const group = plot.data[curve].legendgroup;
      const all = plot.data.map((t, i) => i).filter((i) => i === curve || (group && plot.data[i].legendgroup === group));
      const hide = plot.data[curve].visible !== "legendonly";
      Plotly.restyle(plot, { visible: hide ? "legendonly" : true }, all);
      document.getElementById("spoken").textContent = `${plot.data[curve].name ?? "series"} ${hide ? "hidden" : "shown"}`;
    } else if (event.key === "Escape") Plotly.Fx.unhover(plot);
    else return;
    event.preventDefault();
    if (step || other) hover();
  });
  plot.addEventListener("blur", () => Plotly.Fx.unhover(plot));
}

/* Decode an array that plotly has encoded. */
function unpack({ dtype, bdata }) {
  const bytes = Uint8Array.from(atob(bdata), (letter) => letter.charCodeAt(0));
  return new { f4: Float32Array, f8: Float64Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array }[dtype](bytes.buffer);
}

/* Return a series with the labels of its points' rows; if coloured, a series for each group that has points. */
function splitByGroup(trace, { labels, groups, looks }, coloured) {
  const rows = unpack(trace.customdata), x = unpack(trace.x), y = unpack(trace.y);
  const part = (points) => ({ x: points.map((i) => x[i]), y: points.map((i) => y[i]), text: points.map((i) => labels[rows[i]]), customdata: undefined });
  const all = [...rows.keys()];
  if (!coloured) return [{ ...trace, ...part(all) }];
  return looks.map((look, group) => ({ ...trace, ...part(all.filter((i) => groups[rows[i]] === group)), name: look.name, showlegend: true,
    marker: { ...trace.marker, size: 7, color: look.color, symbol: look.symbol } })).filter((series) => series.x.length);
}

/* Return the series to draw; of a figure with choices, the series whose `meta` is the chosen position. */
function chosenSeries(plot, figure) {
  const name = plot.dataset.figure, choice = document.querySelector(`[data-chooses="${name}"]`);
  const coloured = document.querySelector(`[data-groups="${name}"]`)?.value;
  const series = choice ? figure.data.filter((trace) => trace.meta === undefined || trace.meta === Number(choice.value)) : figure.data;
  const shown = choice ? series.map((trace) => ({ ...trace, visible: true })) : series;
  return shown.flatMap((trace) => (figure.layout.meta?.labels && trace.customdata ? splitByGroup(trace, figure.layout.meta, coloured) : [trace]));
}

/* Return the layout of a figure, with the changes of the chosen plot if it has choices. */
function chosenLayout(plot, { layout }) {
  const choice = document.querySelector(`[data-chooses="${plot.dataset.figure}"]`), changes = layout.meta?.layouts?.[choice?.value ?? 0];
  return { ...layout, ...changes };
}

/* Redraw a figure when another entry of a list above it is chosen. */
function enableChoosers(plot, redraw) {
  const name = plot.dataset.figure;
  for (const select of document.querySelectorAll(`[data-chooses="${name}"], [data-groups="${name}"]`)) {
    select.parentElement.hidden = false;
    select.addEventListener("change", () => {
      const detail = document.querySelector(`[data-detail-of="${name}"]`), option = select.selectedOptions[0];
      if (detail && option.dataset.detail) detail.textContent = option.dataset.detail;
      redraw();
    });
  }
}

async function draw() {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const plots = [...document.querySelectorAll("[data-figure]")];
  if (!plots.length) return;
  await loadPlotly();
  const settings = {
    displaylogo: false,
    showTips: false,
    /* all buttons that there are: Plotly's own list includes one that uploads the chart's data */
    modeBarButtons: [["toImage"], ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"]],
    plotlyServerURL: "",
  };
  /* Always a new plot: Plotly.react would mix the ranges of axes that depend on each other with the previous ones. */
  const fit = async (plot, space, onPaper, drawn) => {
    const figure = figures[plot.dataset.figure], data = chosenSeries(plot, figure), width = Math.max(space, MIN_WIDTH);
    const layout = fitLayout(chosenLayout(plot, figure), data, width);
    if (onPaper) layout.height = Math.min(layout.height, PAPER.height);
    await Plotly.newPlot(plot, fitSeries(data, width, onPaper, drawn), layout, settings);
    plot.on("plotly_afterplot", () => declutter(plot));
    declutter(plot);
  };
  for (const plot of plots) {
    await fit(plot, plot.clientWidth, false, []);
    enableKeyboard(plot);
    enableChoosers(plot, () => fit(plot, plot.clientWidth, false, []));
    plot.dataset.drawn = "yes";
  }
  const details = [...document.querySelectorAll("details")];
  const fitAll = () => plots.forEach((plot) => fit(plot, plot.clientWidth, false, plot.data));
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; fitAll(); } });
  const open = (state) => details.forEach((one) => { one.open = state; });
  addEventListener("beforeprint", () => { open(true); plots.forEach((plot) => fit(plot, PAPER.width, true, plot.data)); });
  addEventListener("afterprint", () => { open(false); fitAll(); });
}

/* Keep the page loading until `work` ends, because a headless browser prints a page when it has loaded. */
function delayLoadEvent(work) {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  document.body.append(frame);
  frame.contentDocument.open(); /* until it is closed, this document counts as loading, and so does the page */
  return work.finally(() => frame.remove());
}

followTheme();
delayLoadEvent(draw()).then(
  () => { root.dataset.ready = "yes"; },
  (error) => {
    const trouble = document.getElementById("trouble");
    trouble.textContent = `The figures could not be drawn (${error}). Their numbers are in the folder next to this file.`;
    trouble.hidden = false;
    throw error;
  },
);
