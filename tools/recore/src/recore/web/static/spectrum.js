/* Draws a spectrum with its named bands, by descending wavenumber, and describes it for screen readers. */
import { show } from "./table.js";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { left: 48, right: 12, top: 62, bottom: 42 }; /* labels of bands are above the plot, in LANES */
const EDGE = 100; /* channels at either end, at most 5%, where a detector may be noisy */
const LANES = 3, LANE = 17, LETTER = 7.2, GAP = 8; /* pixels */

export class SpectrumFigure {
  #at = 0;

  constructor(svg, cursor, output, summary) {
    Object.assign(this, { svg, cursor, output, summary });
    cursor.addEventListener("input", () => this.#move(Number(cursor.value)));
    svg.addEventListener("pointermove", (event) => this.#point(event));
    svg.addEventListener("pointerdown", (event) => this.#point(event));
    new ResizeObserver(() => { if (this.x && svg.clientWidth && svg.clientWidth !== this.width) this.#draw(); }).observe(svg.parentElement);
  }

  /* x, y: the spectrum. bands: {name, from, to, meaning}. odd: bands in which it differs from the training spectra. */
  show(x, y, bands, odd) {
    const edge = Math.min(EDGE, Math.floor(x.length / 20)), inner = y.slice(edge, x.length - edge);
    const low = Math.min(...inner), top = Math.max(...inner), spare = 0.5 * (top - low); /* noise beyond it is cut off */
    this.low = Math.min(0, low, Math.max(low - spare, Math.min(...y)));
    this.high = Math.min(top + spare, Math.max(...y));
    Object.assign(this, { x, y, odd, bands: bands.filter((band) => band.to >= x.at(-1) && band.from <= x[0]) });
    this.cursor.max = x.length - 1;
    this.#at = this.highest = edge + inner.indexOf(top);
    this.#describe();
    this.#draw();
  }

  #describe() {
    const top = this.highest;
    const named = this.bands.map((band) => `${band.name} ${band.from} to ${band.to}`).join(", ");
    const odd = this.odd.map((band) => `${show(band.from)} to ${show(band.to)} cm-1${suffix(this.#namesIn(band.from, band.to))}, ` +
      `${band.deviation > 0 ? "more" : "less"} absorbance than in the training spectra, ${show(Math.abs(band.deviation))} times the limit`);
    this.summary.textContent = `${this.x.length} channels from ${show(this.x[0])} to ${show(this.x.at(-1))} cm-1. Excluding both ends, the highest absorbance is ` +
      `${show(this.y[top])} at ${show(this.x[top])} cm-1${suffix(this.#namesIn(this.x[top], this.x[top]))}. Named bands (cm-1): ${named || "none"}.` +
      (odd.length ? ` Unusual bands: ${odd.join("; ")}.` : "");
  }

  #namesIn(high, low) {
    return [...new Set(this.bands.filter((band) => low <= band.from && high >= band.to).map((band) => band.name))].join(", ");
  }

  #draw() {
    this.width = Math.max(this.svg.clientWidth, 260);
    const height = this.width < 560 ? 300 : 380, right = this.width - MARGIN.right, bottom = height - MARGIN.bottom;
    const low = this.low, high = low + 1.04 * (this.high - low), [first, last] = [this.x[0], this.x.at(-1)];
    this.scaleX = (wavenumber) => MARGIN.left + (first - wavenumber) / (first - last) * (right - MARGIN.left);
    this.scaleY = (value) => bottom - (Math.min(Math.max(value, low), high) - low) / (high - low || 1) * (bottom - MARGIN.top);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${height}`);
    const parts = [];
    const span = (band, kind, title) => {
      const left = this.scaleX(Math.min(band.from, first)), end = this.scaleX(Math.max(band.to, last));
      parts.push(draw("rect", { class: kind, x: left, y: MARGIN.top, width: Math.max(end - left, 2), height: bottom - MARGIN.top }, draw("title", {}, title)));
    };
    for (const band of this.bands) span(band, "band", `${band.name}: ${band.meaning}`);
    for (const band of this.odd) span(band, "odd", "differs from the training spectra");
    for (const value of ticks(low, high, 5)) {
      parts.push(draw("line", { class: "grid", x1: MARGIN.left, x2: right, y1: this.scaleY(value), y2: this.scaleY(value) }));
      parts.push(draw("text", { class: "soft", x: MARGIN.left - 6, y: this.scaleY(value) + 4, "text-anchor": "end" }, show(value)));
    }
    for (const value of ticks(last, first, this.width / 90)) {
      parts.push(draw("line", { class: "axis", x1: this.scaleX(value), x2: this.scaleX(value), y1: bottom, y2: bottom + 5 }));
      parts.push(draw("text", { class: "soft", x: this.scaleX(value), y: bottom + 18, "text-anchor": "middle" }, show(value)));
    }
    parts.push(draw("path", { class: "axis", d: `M${MARGIN.left} ${MARGIN.top}V${bottom}H${right}` }));
    parts.push(draw("text", { x: (MARGIN.left + right) / 2, y: height - 6, "text-anchor": "middle" }, "wavenumber, cm\u207b\u00b9"));
    parts.push(draw("text", { x: 0, y: 0, transform: `translate(12 ${(MARGIN.top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, "absorbance"));
    parts.push(...this.#labels(right));
    const path = this.x.map((wavenumber, i) => `${i ? "L" : "M"}${this.scaleX(wavenumber).toFixed(1)} ${this.scaleY(this.y[i]).toFixed(1)}`);
    parts.push(draw("path", { class: "curve", d: path.join("") }));
    this.line = draw("line", { class: "cursor", y1: MARGIN.top, y2: bottom });
    this.dot = draw("circle", { class: "dot", r: 4 });
    this.svg.replaceChildren(...parts, this.line, this.dot);
    this.#move(this.#at);
  }

  /* Return the labels of bands above the plot, each in the lowest lane in which it fits. */
  #labels(right) {
    const ends = Array(LANES).fill([]).map(() => []), labels = [];
    for (const band of this.bands) {
      const middle = this.scaleX((Math.min(band.from, this.x[0]) + Math.max(band.to, this.x.at(-1))) / 2), half = band.name.length * LETTER / 2;
      const centre = Math.min(Math.max(middle, MARGIN.left + half), right - half);
      const lane = ends.findIndex((labelled) => labelled.every(([from, to]) => centre + half + GAP < from || centre - half - GAP > to));
      if (lane < 0) continue; /* the caption lists it anyway */
      ends[lane].push([centre - half, centre + half]);
      const y = MARGIN.top - 6 - lane * LANE;
      labels.push(draw("line", { class: "grid", x1: middle, x2: middle, y1: y + 3, y2: MARGIN.top }));
      labels.push(draw("text", { class: "name", x: centre, y, "text-anchor": "middle" }, band.name));
    }
    return labels;
  }

  #point(event) {
    if (!this.x) return;
    const box = this.svg.getBoundingClientRect(), across = (event.clientX - box.left) / box.width * this.width;
    const distances = this.x.map((wavenumber) => Math.abs(this.scaleX(wavenumber) - across));
    this.#move(distances.indexOf(Math.min(...distances)));
  }

  #move(at) {
    this.#at = at;
    const x = this.scaleX(this.x[at]), y = this.scaleY(this.y[at]);
    this.line.setAttribute("x1", x);
    this.line.setAttribute("x2", x);
    this.dot.setAttribute("cx", x);
    this.dot.setAttribute("cy", y);
    const reading = `${this.x[at]} cm-1: absorbance ${show(this.y[at])}${suffix(this.#namesIn(this.x[at], this.x[at]))}`;
    this.cursor.value = at;
    this.cursor.setAttribute("aria-valuetext", reading);
    this.output.textContent = reading;
  }
}

function suffix(names) { return names ? ` (${names})` : ""; }

function draw(name, attributes, ...children) {
  const shape = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, typeof value === "number" ? value.toFixed(1) : value);
  shape.append(...children);
  return shape;
}

/* Return about `number` round numbers between low and high. */
function ticks(low, high, number) {
  const rough = (high - low) / Math.max(number, 2), power = 10 ** Math.floor(Math.log10(rough || 1));
  const step = [1, 2, 5, 10].find((digit) => digit * power >= rough) * power, values = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) values.push(Math.abs(value) < step * 1e-6 ? 0 : value);
  return values;
}
