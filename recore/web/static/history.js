/* The samples of this browser session. They are stored in the tab alone, and the oldest are dropped if it has no room. */
const KEY = "recore-history";

export class History {
  #grids = []; /* wavenumbers, which many samples share */
  samples = [];

  constructor() {
    try {
      const stored = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
      if (stored) { this.#grids = stored.grids; this.samples = stored.samples; }
    } catch { /* nothing is stored, or the browser forbids it */ }
  }

  wavenumbers(sample) { return this.#grids[sample.grid]; }

  /* Add the samples of one file. place: numbers by which the samples are ordered. Returns how many old ones were dropped. */
  add(file, place, answer) {
    const text = JSON.stringify(answer.wavenumbers), time = new Date().toISOString();
    let grid = this.#grids.findIndex((other) => JSON.stringify(other) === text);
    if (grid < 0) grid = this.#grids.push(answer.wavenumbers) - 1;
    const first = answer.samples.map((sample, number) => ({ ...sample, file, time, grid, place: [...place, number], id: [...place, number].join("-") }));
    this.samples.push(...first);
    this.samples.sort((one, other) => compare(one.place, other.place));
    return this.#store();
  }

  clear() {
    this.samples = [];
    this.#grids = [];
    this.#store();
  }

  #store() {
    for (let dropped = 0; ; dropped += 1) {
      try {
        sessionStorage.setItem(KEY, JSON.stringify({ grids: this.#grids, samples: this.samples.slice(dropped) }));
        this.samples = this.samples.slice(dropped);
        return dropped;
      } catch {
        if (dropped >= this.samples.length - 1) return 0; /* not even one: keep all of them while the page is open */
      }
    }
  }
}

function compare(one, other) {
  const at = one.findIndex((value, i) => value !== other[i]);
  return at < 0 ? 0 : one[at] - other[at];
}
