/* Endpoints: variants, traffic, latency, errors, log, and a form for requests. */

import { call, readMetrics, send } from "./api.js";
import { chart } from "./charts.js";
import { badge, element, facts, failure, json, link, number, pre, row, section, table, time } from "./dom.js";
import { followLog } from "./logs.js";
import { objectLinks } from "./objects.js";
import { list } from "./paging.js";

const CHANGING = ["Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"];
const STATUSES = [...CHANGING, "InService", "Failed", "OutOfService"];
const WINDOW = 3600, PERIOD = 10, MAX_RESPONSE = 20_000; // seconds of metrics, and characters
const METRICS = [["Invocations", "Sum"], ["ModelLatency", "Average"], ["Invocation4XXErrors", "Sum"], ["Invocation5XXErrors", "Sum"]];

export async function endpoints(view) {
  const { items, controls } = await list(view, "ListEndpoints", { SortBy: "CreationTime" }, { statuses: STATUSES });
  const rows = items.map(({ EndpointName: name, EndpointStatus, CreationTime, LastModifiedTime }) =>
    row(name, [link(name, "endpoints", name), badge(EndpointStatus), time(CreationTime), time(LastModifiedTime)]));
  view.busy = items.some((item) => CHANGING.includes(item.EndpointStatus));
  return [element("h1", {}, "Endpoints"), controls, table("Endpoints", ["Name", "Status", "Created", "Last modified"], rows)];
}

export async function endpoint(view) {
  const [, name] = view.parts;
  const details = await call("DescribeEndpoint", { EndpointName: name });
  const config = await call("DescribeEndpointConfig", { EndpointConfigName: details.EndpointConfigName }).catch(() => ({ ProductionVariants: [] }));
  view.busy = true; // requests can arrive at any time
  view.say(`${name}: ${details.EndpointStatus}`);
  const variants = details.ProductionVariants ?? [];
  return [
    element("h1", {}, name, " ", badge(details.EndpointStatus)),
    failure(details.FailureReason),
    facts([["Created", time(details.CreationTime)], ["Last modified", time(details.LastModifiedTime)],
      ["Endpoint configuration", details.EndpointConfigName]]),
    section("variants", "Variants",
      table("Variants", ["Variant", "Model", "Traffic", "Instances"], variants.map((each) => drawVariant(each, variants, config)))),
    await drawMetrics(view, name, variants.map((variant) => variant.VariantName)),
    drawForm(view, name, variants),
    await followLog(view, `/aws/sagemaker/Endpoints/${name}`, "", `stagemaker logs endpoint/${name}`),
    objectLinks(config),
    json("DescribeEndpoint response", details), json("DescribeEndpointConfig response", config),
  ];
}

function drawVariant(variant, variants, config) {
  const total = variants.reduce((sum, each) => sum + (each.CurrentWeight ?? 0), 0);
  const model = config.ProductionVariants.find((each) => each.VariantName === variant.VariantName)?.ModelName;
  const { CurrentInstanceCount: current = 0, DesiredInstanceCount: desired = current } = variant;
  const instances = variant.CurrentServerlessConfig ? "serverless" : `${current} of ${desired}`;
  const traffic = total ? `${number((100 * variant.CurrentWeight) / total)}%` : "none";
  return row(variant.VariantName, [variant.VariantName, model ?? "", traffic, instances]);
}

async function drawMetrics(view, name, variants) {
  const now = Date.now() / 1000;
  const queries = METRICS.map(([metric, statistic]) => ({ label: metric, metric, statistic }));
  const read = (variant) => readMetrics("AWS/SageMaker", { EndpointName: name, VariantName: variant }, queries, now - WINDOW, now, PERIOD);
  const metrics = await Promise.all(variants.map(read));
  const series = (metric, suffix = "") => variants.map((name, index) => ({ ...metrics[index][metric], label: name + suffix, total: metric !== 1 }));
  const latency = series(1).map((each) => ({ ...each, values: each.values.map((value) => value / 1000) })); // from microseconds
  const figures = () => element("div", { class: "charts" }, chart(view, "Requests", "Time", series(0)),
    chart(view, "Model latency, ms", "Time", latency), chart(view, "Errors", "Time", [...series(2, ", 4XX"), ...series(3, ", 5XX")]));
  const any = series(0).some((each) => each.values.length);
  return section("metrics", "Requests in the last hour, in intervals of 10 s", any ? figures() : element("p", { class: "soft" }, "None."));
}

function drawForm(view, name, variants) {
  const { reply } = view.state;
  const post = async (event) => {
    event.preventDefault();
    const { type, accept, variant, body, file } = event.target.elements;
    const headers = { "Content-Type": type.value, Accept: accept.value };
    if (variant.value) headers["X-Amzn-SageMaker-Target-Variant"] = variant.value;
    const began = performance.now();
    view.state.reply = ["Sending…", ""];
    view.refresh();
    try {
      const request = { method: "POST", headers, body: file.files[0] ?? body.value };
      const response = await send("sagemaker", `/endpoints/${encodeURIComponent(name)}/invocations`, request);
      const content = await response.text();
      const took = Math.round(performance.now() - began), get = (header) => response.headers.get(header);
      const facts = `${response.status}, variant ${get("x-Amzn-Invoked-Production-Variant")}, ${took} ms, ${get("Content-Type")}`;
      view.state.reply = [facts, content.slice(0, MAX_RESPONSE)];
    } catch (error) { view.state.reply = [`Error ${error.status ?? ""}`, error.message]; }
    view.refresh();
  };
  const { enabled } = view;
  const options = [element("option", { value: "" }, "any, by weight"), variants.map((each) => element("option", {}, each.VariantName))];
  const form = element("form", { onsubmit: post },
    element("p", { class: "controls" },
      element("label", {}, "Content type ", element("input", { name: "type", value: "text/csv", required: true, ...enabled })),
      element("label", {}, "Accept ", element("input", { name: "accept", value: "text/csv", ...enabled })),
      element("label", {}, "Variant ", element("select", { name: "variant", ...enabled }, options))),
    element("label", {}, "Body", element("textarea", { name: "body", rows: 4, ...enabled })),
    element("p", { class: "controls" },
      element("label", {}, "or upload a file ", element("input", { type: "file", name: "file", ...enabled })),
      element("button", enabled, "Send")));
  const result = element("div", { role: "status" }, reply && element("p", {}, reply[0]), reply && pre("Response", reply[1]));
  return section("form", "Send a request", form, result);
}
