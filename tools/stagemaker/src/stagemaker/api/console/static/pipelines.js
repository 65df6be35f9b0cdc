/* Pipelines, their executions, and the graph of an execution's steps. */

import { call, callAll } from "./api.js";
import { badge, duration, element, facts, failure, json, link, row, section, svg, table, time } from "./dom.js";
import { describeArn, linkToArn } from "./jobs.js";
import { list } from "./paging.js";

const BOX = { width: 190, height: 46, across: 220, down: 84 }; // of a step in the graph
const RUNNING = ["Executing", "Stopping"];
const MAX_NAME = 24; // characters in a box

export async function pipelines(view) {
  const { items, controls } = await list(view, "ListPipelines", { SortBy: "CreationTime" }, { filters: false });
  const rows = items.map(({ PipelineName: name, CreationTime, LastExecutionTime, PipelineDescription }) =>
    row(name, [link(name, "pipelines", name), time(CreationTime), time(LastExecutionTime), PipelineDescription]));
  return [element("h1", {}, "Pipelines"), controls, table("Pipelines", ["Name", "Created", "Last execution", "Description"], rows)];
}

export async function pipeline(view) {
  const [, name] = view.parts;
  const { items, controls } = await list(view, "ListPipelineExecutions", { PipelineName: name, SortBy: "CreationTime" }, { filters: false });
  view.busy = items.some((item) => RUNNING.includes(item.PipelineExecutionStatus));
  const rows = items.map((item) => {
    const id = item.PipelineExecutionArn.split("/").at(-1);
    const execution = link(item.PipelineExecutionDisplayName ?? id, "pipelines", name, id);
    return row(id, [execution, badge(item.PipelineExecutionStatus), time(item.StartTime), item.PipelineExecutionFailureReason]);
  });
  return [element("h1", {}, name), controls, table("Executions", ["Execution", "Status", "Started", "Failure reason"], rows)];
}

export async function execution(view) {
  const [, name, id] = view.parts;
  const { PipelineArn } = view.state.pipeline ??= await call("DescribePipeline", { PipelineName: name });
  const execution = { PipelineExecutionArn: `${PipelineArn}/execution/${id}` };
  const [details, steps, parameters] = await Promise.all([
    call("DescribePipelineExecution", execution), callAll("ListPipelineExecutionSteps", execution),
    callAll("ListPipelineParametersForExecution", execution),
  ]);
  const { PipelineDefinition } = view.state.definition ??= await call("DescribePipelineDefinitionForExecution", execution);
  const status = details.PipelineExecutionStatus, definition = JSON.parse(PipelineDefinition), nodes = readSteps(definition.Steps ?? []);
  const created = steps.filter((step) => step.EndTime && arnOf(step)), read = (arn) => describeArn(arn).catch((error) => error.message);
  const properties = await Promise.all(created.map((step) => view.state[arnOf(step)] ??= read(arnOf(step))));
  view.busy = RUNNING.includes(status);
  for (const node of nodes) node.step = steps.find((step) => step.StepName === node.name) ?? { StepStatus: view.busy ? "Not started" : "Not run" };
  view.say(`${name}: ${status}`);
  const stop = () => call("StopPipelineExecution", { ...execution, ClientRequestToken: crypto.randomUUID() + crypto.randomUUID() });
  return [
    element("h1", {}, link(name, "pipelines", name), ` / ${details.PipelineExecutionDisplayName ?? id} `, badge(status)),
    failure(details.FailureReason),
    facts([["Started", time(details.CreationTime)], ["Duration", duration(details.CreationTime, view.busy ? null : details.LastModifiedTime)]]),
    status === "Executing" && element("p", { class: "controls", "data-key": "stop" }, view.action("Stop", stop, `Stop this execution of ${name}?`)),
    drawGraph(nodes),
    section("steps", "Steps",
      table("Steps", ["Step", "Type", "Status", "Duration", "Job", "Notes"], nodes.map(drawStep))),
    section("parameters", "Parameters",
      table("Parameters", ["Name", "Value"], parameters.map((each) => row(each.Name, [each.Name, each.Value])))),
    section("properties", "Properties", created.map((step, index) => json(step.StepName, properties[index])), json("Definition", definition)),
  ];
}

/* Return the ARN of the resource that a step has created, if any. */
const arnOf = (step) => Object.values(step.Metadata ?? {}).map((each) => each.Arn).find(Boolean);

/* Return the steps of a definition, including steps inside conditions, with the names of the steps that each needs. */
function readSteps(steps, parent = null, branch = null) {
  return steps.flatMap((step) => {
    const { IfSteps = [], ElseSteps = [], ...rest } = step.Type === "Condition" ? step.Arguments : {};
    const content = step.Type === "Condition" ? rest : step;
    const needs = new Set([...(step.DependsOn ?? []), ...(parent ? [parent] : [])]);
    for (const [, name] of JSON.stringify(content).matchAll(/"Get":\s*"Steps\.([^.[\"]+)/g)) needs.add(name);
    needs.delete(step.Name);
    const node = { name: step.Name, type: step.Type, needs: [...needs], branch };
    return [node, ...readSteps(IfSteps, step.Name, "if"), ...readSteps(ElseSteps, step.Name, "else")];
  });
}

function drawStep({ name, type, step }) {
  const cache = step.CacheHitResult?.SourcePipelineExecutionArn;
  const outcome = step.Metadata?.Condition?.Outcome;
  const notes = [
    cache && `Cached result of execution ${cache.split("/").at(-1)}`, step.AttemptCount > 1 && `Attempt ${step.AttemptCount}`,
    outcome && `Outcome: ${outcome}`, step.FailureReason,
  ].filter(Boolean).join(". ");
  const took = duration(step.StartTime, step.EndTime), arn = arnOf(step), status = badge(step.StepStatus);
  return row(name, [name, type, status, took, arn && linkToArn(arn), notes]);
}

/* Return the graph, with each step below the steps that it needs. */
function drawGraph(nodes) {
  const byName = new Map(nodes.map((node) => [node.name, node])), levels = new Map();
  const levelOf = (node) => {
    if (!levels.has(node.name)) levels.set(node.name, 1 + Math.max(-1, ...node.needs.map((name) => byName.get(name)).filter(Boolean).map(levelOf)));
    return levels.get(node.name);
  };
  const rows = [];
  for (const node of nodes) (rows[levelOf(node)] ??= []).push(node);
  const widest = Math.max(...rows.map((each) => each.length)), positions = new Map();
  rows.forEach((each, level) => each.forEach((node, column) => {
    positions.set(node.name, [(column + (widest - each.length) / 2) * BOX.across + 10, level * BOX.down + 10]);
  }));
  const lines = nodes.flatMap((node) => node.needs.filter((name) => positions.has(name)).map((name) => {
    const [[fromX, fromY], [toX, toY]] = [positions.get(name), positions.get(node.name)];
    const from = fromX + BOX.width / 2, to = toX + BOX.width / 2, [start, end] = [fromY + BOX.height, toY - 5];
    return svg("path", { class: "line", d: `M${from} ${start}C${from} ${start + 20} ${to} ${end - 20} ${to} ${end}`, "marker-end": "url(#arrow)" });
  }));
  const boxes = nodes.map((node) => {
    const [x, y] = positions.get(node.name), status = badge(node.step.StepStatus);
    const short = node.name.length > MAX_NAME ? `${node.name.slice(0, MAX_NAME - 1)}…` : node.name;
    const state = `${status.textContent}${node.branch ? ` (${node.branch} branch)` : ""}`;
    return svg("g", { transform: `translate(${x} ${y})`, class: status.className.replace("badge", "step") },
      svg("rect", { width: BOX.width, height: BOX.height, rx: 6 }), svg("text", { x: 10, y: 19 }, short),
      svg("text", { x: 10, y: 36, class: "soft" }, state));
  });
  const marker = { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto" };
  const arrow = svg("defs", {}, svg("marker", marker, svg("path", { d: "M0 0L8 4L0 8z", class: "head" })));
  const [width, height] = [widest * BOX.across, rows.length * BOX.down];
  const label = `Graph of ${nodes.length} steps; the table below contains the same information`;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, arrow, lines, boxes);
  return element("div", { class: "scroll graph", tabindex: 0, role: "region", "aria-label": "Graph", "data-key": "graph" }, picture);
}
