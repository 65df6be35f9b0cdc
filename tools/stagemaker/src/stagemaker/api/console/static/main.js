/* The addresses of the pages, and their polling, which stops while the tab is hidden. */

import { send } from "./api.js";
import { address, element, update } from "./dom.js";
import { endpoint, endpoints } from "./endpoints.js";
import { job, jobs, KINDS, overview } from "./jobs.js";
import { objects } from "./objects.js";
import { execution, pipeline, pipelines } from "./pipelines.js";
import { group, groups, version } from "./registry.js";

const QUICK = 1500, LIST = 3000, SLOW = 6000; // milliseconds between two polls: of what runs, of a list in which it is, and of the rest
const SHARE = 10; // a poll takes at most a tenth of the time, so that a busy server is asked less often
const PAGES = {
  endpoints: [endpoints, endpoint], pipelines: [pipelines, pipeline, execution], registry: [groups, group, version], s3: [objects, objects],
};
const NAMES = { endpoints: "Endpoints", pipelines: "Pipelines", registry: "Model registry", s3: "S3" };
const main = document.querySelector("main"), problem = document.querySelector("#problem"), news = document.querySelector("#news");
let shown = 0; // counts what was shown, so that what an earlier page still fetches is dropped
let asked = false, endPause = () => {}; // whether the next poll should come at once

/* What a page gets: parts of its address, filters, settings, what it keeps from one poll to the next, and, as `waiting`,
   what it calls once its content is drawn. */
class View {
  constructor(number, parts, query) {
    Object.assign(this, { number, parts, query, settings: null, kept: {}, busy: false, waiting: [], refresh: wake });
  }

  /* The attributes of a control that changes something: disabled unless the simulator was started with --console-actions. */
  get enabled() { return this.settings.actions ? {} : { disabled: true, title: "Read-only: see the foot of the page" }; }

  /* Change a filter, which the address keeps. */
  filter(name, value) {
    if (value) this.query.set(name, value); else this.query.delete(name);
    this.kept.tokens = [undefined];
    history.replaceState(null, "", `${location.hash.split("?")[0]}?${this.query}`);
    wake();
  }

  /* A button that changes something. */
  action(label, act, question) {
    const run = async () => {
      if (question && !confirm(question)) return;
      try { await act(); } catch (error) { alert(error.message); }
      main.focus({ preventScroll: true }); // the button may go
      wake();
    };
    return element("button", { type: "button", ...this.enabled, onclick: run }, label);
  }

  say(text) { if (this.number === shown) announce(news, text); }
}

function decode(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}

function choose(parts) {
  const [first, ...rest] = parts;
  if (!first) return overview;
  if (Object.hasOwn(KINDS, first)) return rest.length ? job : jobs;
  return Object.hasOwn(PAGES, first) ? PAGES[first][Math.min(rest.length, PAGES[first].length - 1)] : null;
}

async function show() {
  const number = ++shown;
  problem.textContent = news.textContent = "";
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decode);
  const view = new View(number, parts, new URLSearchParams(query)), render = choose(parts);
  const pace = parts.length > 1 ? QUICK : LIST, title = [...parts].reverse().concat("stagemaker").join(" - ");
  let first = true;
  drawNavigation(parts[0]);
  while (number === shown) {
    const began = performance.now();
    Object.assign(view, { busy: false, waiting: [] });
    try {
      view.settings ??= await readSettings();
      if (!render) throw new Error(`There is no page ${location.hash}`);
      const content = await render(view);
      if (number !== shown) return;
      if (first) main.replaceChildren();
      update(main, element("main", {}, content));
      view.waiting.forEach((draw) => draw());
      if (problem.dataset.polling) problem.textContent = "";
      delete problem.dataset.polling;
    } catch (error) {
      if (number !== shown) return;
      if (!error.status) view.settings = null; // the simulator may start again with others
      if (first || (error.status && parts.length > 1)) main.replaceChildren(element("h1", {}, parts.at(-1) ?? "stagemaker"));
      announce(problem, error.message);
      problem.dataset.polling = true;
    }
    if (first) { document.title = title; if (number > 1) main.focus({ preventScroll: true }); }
    first = false;
    await pause(Math.max(view.busy ? pace : SLOW, SHARE * (performance.now() - began)));
    asked = false;
    await untilVisible();
  }
}

function announce(place, text) { if (place.textContent !== text) place.textContent = text; } // a screen reader speaks what changes

function wake() { asked = true; endPause(); }

const pause = (milliseconds) => new Promise((resolve) => {
  const timer = setTimeout(resolve, asked ? 0 : milliseconds);
  endPause = () => { clearTimeout(timer); resolve(); };
});

async function untilVisible() {
  while (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

function drawNavigation(current) {
  const entries = [...Object.entries(KINDS).map(([name, kind]) => [name, kind.title]), ...Object.entries(NAMES)];
  const links = entries.map(([name, title]) => element("a", { href: address(name), "aria-current": name === current ? "page" : null }, title));
  update(document.querySelector("nav"), element("nav", {}, links));
}

function begin() {
  const anew = () => { wake(); show(); };
  document.querySelector("a.skip").onclick = (event) => { event.preventDefault(); main.focus(); };
  window.addEventListener("hashchange", anew);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", anew); // charts are drawn in its colours
  show();
}

async function readSettings() {
  const settings = await (await send("sagemaker", "settings.json")).json();
  document.querySelector("#read-only").hidden = settings.actions;
  return settings;
}

const { hostname, port } = location;
if (isSecureContext) begin();
else problem.textContent = `Browsers run this page only from localhost: try ssh -L ${port}:127.0.0.1:${port} ${hostname}, and open localhost:${port}`;
