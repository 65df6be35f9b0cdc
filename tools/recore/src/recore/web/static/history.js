/* The samples of this browser session. They are stored in the tab alone, the newest if it has no room for all. */
const KEY = "recore-history";

export class History {
  #grids = []; /* wavenumbers, which many samples share */
  samples = [];
  stored = 0; /* how many of them, the newest, the browser has room for */

  constructor() {
    try {
      const found = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
      if (found) { this.#grids = found.grids; this.samples = found.samples; }
    } catch { /* nothing is stored, or the browser forbids it */ }
    this.stored = this.samples.length;
  }

  wavenumbers(sample) { return this.#grids[sample.grid]; }

  /* Add the samples of one file. place: numbers by which the samples are ordered. */
  add(file, place, answer) {
    const text = JSON.stringify(answer.wavenumbers), time = new Date().toISOString();
    let grid = this.#grids.findIndex((other) => JSON.stringify(other) === text);
    if (grid < 0) grid = this.#grids.push(answer.wavenumbers) - 1;
    const added = answer.samples.map((sample, number) => ({ ...sample, file, time, grid, place: [...place, number], id: [...place, number].join("-") }));
    this.samples.push(...added);
    this.samples.sort((one, other) => compare(one.place, other.place));
    this.#store();
  }

  /* Remove all samples. Returns a function that brings them back. */
  clear() {
    const { samples } = this, grids = this.#grids;
    this.#replace([], []);
    return () => this.#replace(samples, grids);
  }

  #replace(samples, grids) {
    this.samples = samples;
    this.#grids = grids;
    this.#store();
  }

  #store() {
    for (this.stored = this.samples.length; ; this.stored = Math.floor(this.stored / 2)) {
      try {
        const samples = this.samples.slice(this.samples.length - this.stored);
        sessionStorage.setItem(KEY, JSON.stringify({ grids: this.#grids, samples }));
        return;
      } catch {
        if (!this.stored) return; /* the browser forbids it */
      }
    }
  }
}

function compare(one, other) {
  const at = one.findIndex((value, i) => value !== other[i]);
  return at < 0 ? 0 : one[at] - other[at];
}
