/* Elements and their updates. Values from the API are inserted as text, never as markup. */

const HANDLERS = ["onclick", "onsubmit", "onchange"];

export const element = (name, properties, ...children) => fill(document.createElement(name), properties, children);
export const svg = (name, properties, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", name), properties, children);

/* Properties are attributes or handlers; null, undefined and false omit them. */
function fill(target, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (HANDLERS.includes(key)) target[key] = value;
    else if (value !== null && value !== undefined && value !== false) target.setAttribute(key, value === true ? "" : value);
  }
  target.append(...children.flat(2).filter((child) => child || child === 0));
  return target;
}

/* Update an element's content to match another's. Elements that stay keep their focus, scroll position and input. */
export function update(old, updated) {
  const nodes = [...updated.childNodes];
  const keys = new Set(nodes.map(keyOf).filter(Boolean));
  for (const child of [...old.childNodes]) if (keyOf(child) && !keys.has(keyOf(child))) child.remove();
  const byKey = new Map([...old.childNodes].filter(keyOf).map((child) => [keyOf(child), child]));
  let next = old.firstChild;
  for (const node of nodes) {
    const same = keyOf(node) ? byKey.get(keyOf(node)) : next;
    if (same && same.nodeName === node.nodeName && keyOf(same) === keyOf(node)) {
      if (same !== next) old.insertBefore(same, next);
      next = same.nextSibling;
      if (same.nodeType === Node.TEXT_NODE) { if (same.data !== node.data) same.data = node.data; }
      else if (!("unmanaged" in same.dataset)) { copyAttributes(same, node); update(same, node); }
    } else old.insertBefore(node, next);
  }
  while (next) { const rest = next.nextSibling; next.remove(); next = rest; }
}

/* Return a stand-in for an element on the page whose content `update` must not change. */
export const standIn = (node) => (node.isConnected ? node.cloneNode(false) : node);

const keyOf = (node) => node.dataset?.key;

function copyAttributes(old, updated) {
  for (const { name } of [...old.attributes]) if (!updated.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of updated.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const name of HANDLERS) if (updated[name] !== old[name]) old[name] = updated[name];
}

export function table(label, heads, rows, empty = "None.") {
  if (!rows.length) return element("p", { class: "soft" }, empty);
  const head = element("tr", {}, heads.map((name) => element("th", { scope: "col" }, name)));
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
    element("table", {}, element("thead", {}, head), element("tbody", {}, rows)));
}

/* Return a row of a table, with a header in the first cell. key: unique in the table. */
export const row = (key, cells) => element("tr", { "data-key": key },
  cells.map((cell, index) => element(index ? "td" : "th", index ? {} : { scope: "row" }, cell)));

export const link = (label, ...parts) => element("a", { href: address(...parts) }, label);
export const address = (...parts) => "#/" + parts.map(encodeURIComponent).join("/");

const LOOKS = {
  Completed: "good", Succeeded: "good", InService: "good", Approved: "good",
  Failed: "bad", OutOfService: "bad", CompletedWithFailures: "bad", Rejected: "bad",
  Stopped: "still", PendingManualApproval: "still", "Not started": "still", "Not run": "still", // and all others: busy
};
const SIGNS = { good: "✓", bad: "✕", still: "■", busy: "▶" };

/* Return a status with a sign as well as a colour. */
export function badge(status) {
  const look = LOOKS[status] ?? "busy";
  return element("span", { class: `badge ${look}` }, element("span", { "aria-hidden": "true" }, `${SIGNS[look]} `), status);
}

/* Return a list of terms with their values; terms without a value are omitted. */
export function facts(pairs) {
  const filled = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element("dl", {}, filled.map(([term, value]) => element("div", { "data-key": term }, element("dt", {}, term), element("dd", {}, value))));
}

/* Parts of a page. key: unique in the page. */
export const section = (key, title, ...content) => element("section", { "data-key": key }, element("h2", {}, title), content);
export const pre = (label, content) => element("pre", { tabindex: 0, role: "region", "aria-label": label }, content);
export const failure = (reason) => reason && element("div", { class: "failure" }, pre("Failure reason", reason));
export const json = (title, value) => element("details", { "data-key": title },
  element("summary", {}, title), pre(title, JSON.stringify(value, null, 2)));

/* Return a time element. seconds: since 1970, as in the API. */
export function time(seconds) {
  if (!seconds) return null;
  const date = new Date(1000 * seconds);
  return element("time", { datetime: date.toISOString() }, date.toLocaleString("sv-SE")); // such as 2026-11-30 09:05:00
}

/* Return the formatted time from a start to an end, or until now. */
export function duration(start, end) {
  if (!start) return null;
  const seconds = Math.max(0, Math.round((end ?? Date.now() / 1000) - start));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

export function size(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  const power = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${power ? (bytes / 1000 ** power).toFixed(1) : bytes} ${units[power]}`;
}

export const number = (value) => String(Number(Number(value).toPrecision(5)));
