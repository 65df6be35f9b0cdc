/* Sortable tables, and their CSV. Strings from files are inserted into the page as text, never as markup. */

/* Format a number with four significant digits, as in the reports. */
export function show(value) {
  if (value === null || value === undefined) return "";
  const digits = Number(value).toPrecision(4), number = Number(digits);
  if (number === 0) return "0";
  return Math.abs(number) >= 1e4 && Math.abs(number) < 1e9 ? number.toFixed(0) : Math.abs(number) < 1e-4 || Math.abs(number) >= 1e9 ? number.toExponential() : String(number);
}

export function element(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "scope" || key === "role") node.setAttribute(key, value);
    else node[key] = value;
  }
  node.append(...children);
  return node;
}

/* A table whose columns have a label, a value to sort by, a cell (by default the value) and a class. key: of a row. */
export class SortedTable {
  #column = 0;
  #descending = false;
  #sorted = false;

  constructor(table, caption, key) { Object.assign(this, { table, caption, key, columns: [], rows: [] }); }

  /* Return the rows in the chosen order; rows without a value come last. */
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

  /* Return a function that focuses the current button again after all buttons were replaced. */
  #keepFocus() {
    const active = this.table.contains(document.activeElement) ? document.activeElement : null;
    const heads = () => [...this.table.querySelectorAll("thead button")], position = heads().indexOf(active);
    const row = active?.closest("tbody tr")?.dataset.key;
    const find = (key) => [...this.table.querySelectorAll("tbody tr")].find((each) => each.dataset.key === key);
    return () => {
      const button = position >= 0 ? heads()[position] : row !== undefined ? find(row)?.querySelector("button") : null;
      button?.focus({ preventScroll: true });
    };
  }
}

/* Strings that a spreadsheet would run as a formula: at the beginning of a cell, and after possible separators. */
const FORMULA = /(^|[;\t\r\n])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

/* Format rows of cells as CSV, with an apostrophe before each string that a spreadsheet would run as a formula. */
export function writeCsv(rows) {
  const cell = (value) => {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return String(value);
    const escaped = String(value).replace(FORMULA, "$1'");
    return /[",\r\n]/.test(escaped) ? `"${escaped.replaceAll('"', '""')}"` : escaped;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
