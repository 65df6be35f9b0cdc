/* The samples of this browser session, stored only in the tab; if not all fit, the newest. */
const KEY = "recore-history";

export class History {
  #grids = []; /* wavenumbers, which many samples share */
  samples = [];
  stored = 0; /* number of the newest samples that fit into the browser's storage */

  constructor() {
    try {
      const state = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
      if (state) { this.#grids = state.grids; this.samples = state.samples; }
    } catch { /* nothing is stored, or the browser forbids it */ }
    this.stored = this.samples.length;
  }

  wavenumbers(sample) { return this.#grids[sample.grid]; }

  /* Add the samples of a file. The newest batch comes first; within it, files are in their order. */
  add(file, batch, number, response) {
    const encoded = JSON.stringify(response.wavenumbers), time = new Date().toISOString();
    let grid = this.#grids.findIndex((other) => JSON.stringify(other) === encoded);
    if (grid < 0) grid = this.#grids.push(response.wavenumbers) - 1;
    const added = response.samples.map((sample, position) => ({ ...sample, file, time, grid, batch, number, id: [batch, number, position].join("-") }));
    this.samples.push(...added);
    this.samples.sort((one, other) => other.batch - one.batch || one.number - other.number);
    this.#store();
  }

  /* Remove all samples, and return a function that restores them. */
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
        const samples = this.samples.slice(0, this.stored);
        sessionStorage.setItem(KEY, JSON.stringify({ grids: this.#grids, samples }));
        return;
      } catch {
        if (!this.stored) return; /* the browser forbids it */
      }
    }
  }
}
