/* Elements and their updates. What comes from the API gets into the page as text, never as markup. */

const HANDLERS = ["onclick", "onsubmit", "onchange"];

export const element = (name, properties, ...children) => fill(document.createElement(name), properties, children);
export const svg = (name, properties, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", name), properties, children);

/* Properties are attributes, except for handlers; null and false leave them out. */
function fill(made, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (HANDLERS.includes(key)) made[key] = value;
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(2).filter((child) => child || child === 0));
  return made;
}

/* Make the content of an element equal another's. Elements that stay keep their focus, their scrolling and what was typed. */
export function update(old, made) {
  const wanted = [...made.childNodes];
  const keys = new Set(wanted.map(keyOf).filter(Boolean));
  for (const child of [...old.childNodes]) if (keyOf(child) && !keys.has(keyOf(child))) child.remove();
  const byKey = new Map([...old.childNodes].filter(keyOf).map((child) => [keyOf(child), child]));
  let place = old.firstChild;
  for (const node of wanted) {
    const same = keyOf(node) ? byKey.get(keyOf(node)) : place;
    if (same && same.nodeName === node.nodeName && keyOf(same) === keyOf(node)) {
      if (same !== place) old.insertBefore(same, place);
      place = same.nextSibling;
      if (same.nodeType === Node.TEXT_NODE) { if (same.data !== node.data) same.data = node.data; }
      else if (!("own" in same.dataset)) { copyAttributes(same, node); update(same, node); }
    } else old.insertBefore(node, place);
  }
  while (place) { const next = place.nextSibling; place.remove(); place = next; }
}

/* A stand-in for an element that stays on the page, and whose content `update` leaves alone. */
export const ownedBy = (kept) => (kept.isConnected ? kept.cloneNode(false) : kept);

const keyOf = (node) => node.dataset?.key;

function copyAttributes(old, made) {
  for (const { name } of [...old.attributes]) if (!made.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of made.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const name of HANDLERS) if (made[name] !== old[name]) old[name] = made[name];
}

export function table(label, heads, rows, empty = "None.") {
  if (!rows.length) return element("p", { class: "soft" }, empty);
  const head = element("tr", {}, heads.map((name) => element("th", { scope: "col" }, name)));
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
    element("table", {}, element("thead", {}, head), element("tbody", {}, rows)));
}

/* A row of a table, whose first cell is its name. key: unique in the table. */
export const row = (key, cells) => element("tr", { "data-key": key },
  cells.map((cell, number) => element(number ? "td" : "th", number ? {} : { scope: "row" }, cell)));

export const link = (text, ...parts) => element("a", { href: address(...parts) }, text);
export const address = (...parts) => "#/" + parts.map(encodeURIComponent).join("/");

const LOOKS = {
  Completed: "good", Succeeded: "good", InService: "good", Approved: "good",
  Failed: "bad", OutOfService: "bad", CompletedWithFailures: "bad", Rejected: "bad",
  Stopped: "still", PendingManualApproval: "still", "Not started": "still", "Not run": "still", // and all others: busy
};
const SIGNS = { good: "✓", bad: "✕", still: "■", busy: "▶" };

/* A status, with a sign besides the colour. */
export function badge(status) {
  const look = LOOKS[status] ?? "busy";
  return element("span", { class: `badge ${look}` }, element("span", { "aria-hidden": "true" }, `${SIGNS[look]} `), status);
}

/* Pairs of a term and what it is; those without a value are left out. */
export function facts(pairs) {
  const given = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element("dl", {}, given.map(([term, value]) => element("div", { "data-key": term }, element("dt", {}, term), element("dd", {}, value))));
}

/* Parts of a page. key: unique in it. */
export const section = (key, title, ...content) => element("section", { "data-key": key }, element("h2", {}, title), content);
export const pre = (label, text) => element("pre", { tabindex: 0, role: "region", "aria-label": label }, text);
export const failure = (reason) => reason && element("div", { class: "failure" }, pre("Failure reason", reason));
export const json = (title, value) => element("details", { "data-key": title },
  element("summary", {}, title), pre(title, JSON.stringify(value, null, 2)));

/* A time: seconds since 1970, as the API gives it. */
export function time(seconds) {
  if (!seconds) return null;
  const date = new Date(1000 * seconds);
  return element("time", { datetime: date.toISOString() }, date.toLocaleString("sv-SE")); // as 2026-11-30 09:05:00
}

/* The time from a start to an end, or until now. */
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
