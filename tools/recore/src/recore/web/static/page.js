/* The page: sends files, and shows samples with their assays. */
import { History } from "./history.js";
import { SpectrumFigure } from "./spectrum.js";
import { SortedTable, element, show, writeCsv } from "./table.js";
import { explain, request, sendFiles } from "./upload.js";

const at = (id) => document.getElementById(id);
const root = document.documentElement;
const history = new History();
const samplesTable = new SortedTable(at("samples-table"), "The samples with the chosen assay", (sample) => sample.id);
const assaysTable = new SortedTable(at("assays-table"), "The assays of the sample", ([name]) => name);
const figure = new SpectrumFigure(at("spectrum"), at("cursor"), at("cursor-value"), at("spectrum-summary"));
let settings, current, undo, running = 0;

function followTheme() {
  const button = at("theme"), system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const name = () => { button.textContent = dark() ? "Light colours" : "Dark colours"; };
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); });
  system.addEventListener("change", name);
  name();
}

/* ---- files ---- */
function say(file, message, kind) {
  at("messages").append(element("li", { className: kind }, element("strong", {}, file), `: ${message}`));
}

async function read(list) {
  const files = [...list].slice(0, settings.most_files), batch = Date.now();
  if (!files.length) return;
  if (!running) at("messages").replaceChildren();
  offerUndo();
  if (list.length > files.length) say(`${list.length - files.length} files`, `not sent, because the limit is ${settings.most_files} at once`, "problem");
  running += 1;
  showBusy();
  try {
    await sendAll(files, batch);
  } catch (error) {
    at("status").textContent = `The files could not be read (${error.message}); reload the page.`;
    throw error;
  } finally {
    running -= 1;
    showBusy();
  }
}

/* Mark the table as busy, not the progress message, because a screen reader may be silent about busy elements. */
function showBusy() {
  at("main").dataset.reading = String(running > 0);
  at("samples").setAttribute("aria-busy", String(running > 0));
}

async function sendAll(files, batch) {
  let done = 0, samples = 0, failed = 0;
  at("status").textContent = `Reading ${count(files.length, "file")} ...`;
  await sendFiles(files, settings, at("api-key").value.trim(), (file, number, response) => {
    done += 1;
    if (response.error) {
      failed += 1;
      say(file.name, response.error, "problem");
    } else {
      for (const problem of response.problems) say(file.name, problem, "problem");
      for (const remark of response.remarks) say(file.name, remark, "remark");
      history.add(file.name, batch, number, response);
      offerUndo(); /* undo would remove the new samples */
      samples += response.samples.length;
      fillSamples();
    }
    if (done < files.length) at("status").textContent = `${done} of ${files.length} files ...`;
  });
  if (history.stored < history.samples.length) {
    say("History", `the browser can store only the newest ${count(history.stored, "sample")}; the others are lost when the page reloads`, "remark");
  }
  const failures = failed ? `, ${failed} could not be used` : "";
  at("status").textContent = `${count(files.length, "file")}${failures}: ${count(samples, "sample")}.`;
  const [newest] = history.samples;
  if (newest?.batch === batch) select(newest); /* unless files that were added later have been read already */
}

function count(number, noun) { return `${number} ${noun}${number === 1 ? "" : "s"}`; }

function acceptFiles() {
  const zone = at("drop"), input = at("files");
  input.addEventListener("change", async () => { await read(input.files); input.value = ""; });
  addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) zone.classList.remove("over"); });
  addEventListener("drop", (event) => {
    event.preventDefault(); /* otherwise the browser opens the file */
    zone.classList.remove("over");
    read(event.dataTransfer.files);
  });
}

/* ---- all samples ---- */
function label({ name, replicate }) { return ["", "0"].includes(replicate) ? name : `${name}, replicate ${replicate}`; }

function assay(sample) { return sample.assays[at("assay").value]; }

function isAbove(sample) {
  const limit = at("cut-off").value;
  return limit === "" || (assay(sample)?.value ?? -Infinity) >= Number(limit);
}

function interval({ interval: range }) { return range ? `${show(range[0])} to ${show(range[1])}` : ""; }

function formatDomain(domain) { return domain ? (domain.inside ? "inside" : "outside") : ""; }

function fillChoices(sample) {
  const names = Object.keys(sample.assays), choice = at("assay");
  if (choice.options.length) return;
  choice.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
  if (names.includes(settings.example)) choice.value = settings.example;
}

function fillSamples() {
  const samples = history.samples;
  at("samples").hidden = !samples.length;
  if (!samples.length) return;
  fillChoices(samples[0]);
  const name = at("assay").value, unit = samples[0].assays[name].unit;
  at("cut-off-unit").textContent = unit;
  const columns = [
    { label: "Sample", value: label, cell: sampleButton },
    { label: "Domain", value: (sample) => formatDomain(sample.domain), cell: domainCell },
    { label: `${name}, ${unit}`, value: (sample) => assay(sample).value, cell: (sample) => show(assay(sample).value), className: "number" },
    { label: `90% interval, ${unit}`, value: (sample) => assay(sample).interval?.[0] ?? null, cell: (sample) => interval(assay(sample)), className: "number" },
    { label: "Flags", value: (sample) => assay(sample).flags.join(", "), className: "flagged" },
    { label: "File", value: (sample) => sample.file },
    { label: "Time", value: (sample) => sample.time, cell: (sample) => new Date(sample.time).toLocaleTimeString("en-GB"), className: "time" },
  ];
  const rows = samples.filter(isAbove);
  samplesTable.fill(columns, rows);
  at("shown").textContent = rows.length === samples.length ? count(rows.length, "sample") : `${rows.length} of ${count(samples.length, "sample")} have ${name} of at least ${at("cut-off").value} ${unit}`;
}

function sampleButton(sample) {
  const button = element("button", { type: "button", "aria-current": String(sample.id === current) }, label(sample));
  button.addEventListener("click", () => { select(sample); at("sample-title").focus(); });
  return button;
}

function domainCell(sample) {
  return element("span", { className: sample.domain && !sample.domain.inside ? "outside" : "" }, formatDomain(sample.domain));
}

function download() {
  const head = ["sample", "replicate", "file", "time", "assay", "value", "unit", "low", "high", "expected_error", "flags", "domain", "distance"];
  const rows = samplesTable.order().flatMap((sample) => Object.entries(sample.assays).map(([name, each]) => [
    sample.name, sample.replicate, sample.file, sample.time, name, each.value, each.unit, each.interval?.[0], each.interval?.[1],
    each.expected_error, each.flags.join("; "), formatDomain(sample.domain), sample.domain?.distance,
  ]));
  const address = URL.createObjectURL(new Blob(["\ufeff", writeCsv([head, ...rows])], { type: "text/csv" }));
  element("a", { href: address, download: "assays.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

/* ---- one sample ---- */
function select(sample) {
  current = sample.id;
  fillSamples();
  at("sample").hidden = false;
  at("sample-title").textContent = `Sample ${label(sample)}`;
  const { domain } = sample;
  at("domain").textContent = domain
    ? `The spectrum is ${domain.inside ? "like" : "unlike"} the training spectra; its distance is ${show(domain.distance)} times the limit.`
    : "It is unknown whether the spectrum is like the training spectra.";
  at("domain").className = domain && !domain.inside ? "outside" : "";
  figure.show(history.wavenumbers(sample), sample.absorbances, settings.bands, domain?.bands ?? []);
  const columns = [
    { label: "Assay", value: ([name]) => name },
    { label: "Value", value: ([, each]) => each.value, cell: ([, each]) => show(each.value), className: "number" },
    { label: "Unit", value: ([, each]) => each.unit },
    { label: "90% interval", value: ([, each]) => each.interval?.[0] ?? null, cell: ([, each]) => interval(each), className: "number" },
    { label: "Expected error", value: ([, each]) => each.expected_error, cell: ([, each]) => show(each.expected_error), className: "number" },
    { label: "Flags", value: ([, each]) => each.flags.join(", "), className: "flagged" },
  ];
  assaysTable.fill(columns, Object.entries(sample.assays));
}

function clear() {
  const removed = history.samples.find((sample) => sample.id === current) ?? history.samples[0];
  at("status").textContent = `${count(history.samples.length, "sample")} removed from this tab.`;
  const restore = history.clear();
  current = undefined;
  at("samples").hidden = at("sample").hidden = true;
  at("messages").replaceChildren();
  offerUndo(() => { restore(); select(removed); at("samples-title").focus(); });
  at("files").focus();
}

/* Show the button Undo. Without a function, hide it. */
function offerUndo(restore) {
  undo = restore;
  at("undo").hidden = !undo;
}

function undoClear() {
  undo();
  offerUndo();
  at("status").textContent = `${count(history.samples.length, "sample")} restored.`;
}

async function start() {
  followTheme();
  const response = await request("api/settings");
  if (!response.ok) throw new Error(explain(response.status));
  settings = await response.json();
  at("endpoint").textContent = `, with the endpoint ${settings.endpoint}`;
  at("limits").textContent += ` Up to ${settings.most_files} files of ${settings.largest_file / 2 ** 20} MB each.`;
  at("key").hidden = !settings.needs_key;
  at("form-link").hidden = settings.needs_key;
  acceptFiles();
  at("assay").addEventListener("change", fillSamples);
  at("cut-off").addEventListener("input", fillSamples);
  at("download").addEventListener("click", download);
  at("clear").addEventListener("click", clear);
  at("undo").addEventListener("click", undoClear);
  fillSamples();
  if (history.samples.length) select(history.samples[0]);
  root.dataset.ready = "yes";
}

start().catch((error) => {
  at("trouble").textContent = `The page could not be loaded (${error.message}); reload it, or ask the person who runs this page.`;
  at("trouble").hidden = false;
  throw error;
});
