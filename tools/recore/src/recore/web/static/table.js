/* Tables whose columns sort, and their text. Everything from files gets into the page as text, never as markup. */

/* A number with four significant digits, as in the reports. */
export function show(value) {
  if (value === null || value === undefined) return "";
  const digits = Number(value).toPrecision(4), number = Number(digits);
  if (number === 0) return "0";
  return Math.abs(number) >= 1e4 && Math.abs(number) < 1e9 ? number.toFixed(0) : Math.abs(number) < 1e-4 || Math.abs(number) >= 1e9 ? number.toExponential() : String(number);
}

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "scope" || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

/* A table: columns have a label, a value to sort by, what a cell shows (by default the value), and a class. key: of a row. */
export class SortedTable {
  #column = 0;
  #descending = false;
  #sorted = false;

  constructor(table, caption, key) { Object.assign(this, { table, caption, key, columns: [], rows: [] }); }

  /* The rows in the order that was chosen; rows without a value come last. */
  order() {
    if (!this.#sorted) return [...this.rows];
    const value = this.columns[this.#column].value, sign = this.#descending ? -1 : 1;
    const missing = (row) => value(row) === null || value(row) === "";
    return [...this.rows].sort((one, other) => {
      if (missing(one) || missing(other)) return missing(one) - missing(other);
      const [a, b] = [value(one), value(other)];
      return sign * (typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
    });
  }

  fill(columns, rows) {
    Object.assign(this, { columns, rows });
    const refocus = this.#keepFocus();
    const heads = columns.map((column, number) => {
      const button = element("button", { type: "button" }, column.label);
      button.addEventListener("click", () => {
        this.#descending = this.#sorted && this.#column === number && !this.#descending;
        this.#column = number;
        this.#sorted = true;
        this.fill(columns, rows);
      });
      const direction = this.#sorted && number === this.#column ? (this.#descending ? "descending" : "ascending") : "none";
      return element("th", { scope: "col", className: column.className ?? "", "aria-sort": direction }, button);
    });
    const body = this.order().map((row) => element("tr", { "data-key": this.key(row) }, ...columns.map((column, number) => {
      const content = column.cell ? column.cell(row) : String(column.value(row) ?? "");
      return number ? element("td", { className: column.className ?? "" }, content) : element("th", { scope: "row" }, content);
    })));
    const caption = element("caption", { className: "skip" }, this.caption);
    this.table.replaceChildren(caption, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...body));
    refocus();
  }

  /* Returns what focuses the button again that has the focus now, after all of them were replaced. */
  #keepFocus() {
    const active = this.table.contains(document.activeElement) ? document.activeElement : null;
    const heads = () => [...this.table.querySelectorAll("thead button")], place = heads().indexOf(active);
    const row = active?.closest("tbody tr")?.dataset.key;
    const find = (key) => [...this.table.querySelectorAll("tbody tr")].find((each) => each.dataset.key === key);
    return () => {
      const button = place >= 0 ? heads()[place] : row !== undefined ? find(row)?.querySelector("button") : null;
      button?.focus({ preventScroll: true });
    };
  }
}

/* What a spreadsheet would run as a formula: at the beginning of a text, and after what may separate cells there. */
const FORMULA = /(^|[;\t\r\n])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

/* Rows of cells as CSV. A text that a spreadsheet would run gets an apostrophe before that. */
export function writeCsv(rows) {
  const cell = (value) => {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return String(value);
    const text = String(value).replace(FORMULA, "$1'");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
