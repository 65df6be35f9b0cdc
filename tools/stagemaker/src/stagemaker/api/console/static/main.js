/* The addresses of the pages, and polling, which pauses while the tab is hidden. */

import { send } from "./api.js";
import { address, element, update } from "./dom.js";
import { endpoint, endpoints } from "./endpoints.js";
import { job, jobs, KINDS, overview } from "./jobs.js";
import { objects } from "./objects.js";
import { execution, pipeline, pipelines } from "./pipelines.js";
import { group, groups, version } from "./registry.js";

const QUICK = 1500, LIST = 3000, SLOW = 6000; // milliseconds between polls of a running job, a list with running jobs, and other pages
const SHARE = 10; // a poll takes at most a tenth of the time, so that a busy server gets fewer requests
const PAGES = {
  endpoints: [endpoints, endpoint], pipelines: [pipelines, pipeline, execution], registry: [groups, group, version], s3: [objects, objects],
};
const NAMES = { endpoints: "Endpoints", pipelines: "Pipelines", registry: "Model registry", s3: "S3" };
const main = document.querySelector("main"), problem = document.querySelector("#problem"), news = document.querySelector("#news");
let current = 0; // the number of the current page: results for earlier pages are dropped
let isWoken = false, endPause = () => {}; // whether the next poll should come at once

/* The context of a page: parts of its address, filters, settings, state between polls, and `waiting`, the functions to
   call once its content is drawn. */
class View {
  constructor(number, parts, query) {
    Object.assign(this, { number, parts, query, settings: null, state: {}, busy: false, waiting: [], refresh: wake });
  }

  /* The attributes of controls for actions, which are disabled unless the simulator was started with --console-actions. */
  get enabled() { return this.settings.actions ? {} : { disabled: true, title: "Read-only; see the bottom of the page" }; }

  /* Change a filter, which is part of the address. */
  filter(name, value) {
    if (value) this.query.set(name, value); else this.query.delete(name);
    this.state.tokens = [undefined];
    history.replaceState(null, "", `${location.hash.split("?")[0]}?${this.query}`);
    wake();
  }

  /* Return a button for an action. */
  action(label, act, question) {
    const run = async () => {
      if (question && !confirm(question)) return;
      try { await act(); } catch (error) { alert(error.message); }
      main.focus({ preventScroll: true }); // the button may disappear
      wake();
    };
    return element("button", { type: "button", ...this.enabled, onclick: run }, label);
  }

  say(message) { if (this.number === current) announce(news, message); }
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
  const number = ++current;
  problem.textContent = news.textContent = "";
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decode);
  const view = new View(number, parts, new URLSearchParams(query)), render = choose(parts);
  const pace = parts.length > 1 ? QUICK : LIST, title = [...parts].reverse().concat("stagemaker").join(" - ");
  let first = true;
  drawNavigation(parts[0]);
  while (number === current) {
    const began = performance.now();
    Object.assign(view, { busy: false, waiting: [] });
    try {
      view.settings ??= await readSettings();
      if (!render) throw new Error(`The page ${location.hash} does not exist`);
      const content = await render(view);
      if (number !== current) return;
      if (first) main.replaceChildren();
      update(main, element("main", {}, content));
      view.waiting.forEach((draw) => draw());
      if (problem.dataset.polling) problem.textContent = "";
      delete problem.dataset.polling;
    } catch (error) {
      if (number !== current) return;
      if (!error.status) view.settings = null; // the simulator may restart with other settings
      if (first || (error.status && parts.length > 1)) main.replaceChildren(element("h1", {}, parts.at(-1) ?? "stagemaker"));
      announce(problem, error.message);
      problem.dataset.polling = true;
    }
    if (first) { document.title = title; if (number > 1) main.focus({ preventScroll: true }); }
    first = false;
    await pause(Math.max(view.busy ? pace : SLOW, SHARE * (performance.now() - began)));
    isWoken = false;
    await untilVisible();
  }
}

function announce(target, message) { if (target.textContent !== message) target.textContent = message; } // a screen reader reads changes

function wake() { isWoken = true; endPause(); }

const pause = (milliseconds) => new Promise((resolve) => {
  const timer = setTimeout(resolve, isWoken ? 0 : milliseconds);
  endPause = () => { clearTimeout(timer); resolve(); };
});

async function untilVisible() {
  while (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

function drawNavigation(kind) {
  const entries = [...Object.entries(KINDS).map(([name, kind]) => [name, kind.title]), ...Object.entries(NAMES)];
  const links = entries.map(([name, title]) => element("a", { href: address(name), "aria-current": name === kind ? "page" : null }, title));
  update(document.querySelector("nav"), element("nav", {}, links));
}

function begin() {
  const restart = () => { wake(); show(); };
  document.querySelector("a.skip").onclick = (event) => { event.preventDefault(); main.focus(); };
  window.addEventListener("hashchange", restart);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restart); // charts use its colours
  show();
}

async function readSettings() {
  const settings = await (await send("sagemaker", "settings.json")).json();
  document.querySelector("#read-only").hidden = settings.actions;
  return settings;
}

const { hostname, port } = location;
if (isSecureContext) begin();
else problem.textContent = `Browsers allow this page only on localhost: run ssh -L ${port}:127.0.0.1:${port} ${hostname} and open localhost:${port}`;
