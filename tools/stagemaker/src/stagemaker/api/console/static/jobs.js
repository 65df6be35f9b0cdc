/* Training, processing, transform and tuning jobs: their lists, and one job with its log, metrics, objects and request. */

import { call, callAll, readMetrics } from "./api.js";
import { chart } from "./charts.js";
import { badge, duration, element, facts, failure, json, link, number, row, section, table, time } from "./dom.js";
import { followLog } from "./logs.js";
import { objectLinks } from "./objects.js";
import { list } from "./paging.js";

/* By the first part of the address. member: prefix of the API's names. span: prefix of the members StartTime and EndTime. */
export const KINDS = {
  training: { title: "Training jobs", member: "TrainingJob", span: "Training", group: "/aws/sagemaker/TrainingJobs" },
  processing: { title: "Processing jobs", member: "ProcessingJob", span: "Processing", group: "/aws/sagemaker/ProcessingJobs" },
  transform: { title: "Transform jobs", member: "TransformJob", span: "Transform", group: "/aws/sagemaker/TransformJobs" },
  tuning: { title: "Tuning jobs", member: "HyperParameterTuningJob", span: "HyperParameterTuning" },
};
const STATUSES = ["InProgress", "Completed", "Failed", "Stopping", "Stopped"], RUNNING = ["InProgress", "Stopping"];
const NEWEST = 8; // jobs of each kind on the first page
const MAX_VALUES = 90_000; // that CloudWatch returns in one response
const RESPONSE_ONLY = /Status|Time$|Arn$|Reason|ExitMessage|FinalMetric|ModelArtifacts|InSeconds$|BestTrainingJob|[dt]edBy|Details|Consumed/;
const MAX_CACHED = 500, ended = new Map(); // descriptions of ended jobs, which no longer change, by name

export async function overview(view) {
  const sections = Object.entries(KINDS).map(async ([name, { title, member }]) => {
    const response = await call(`List${member}s`, { MaxResults: NEWEST, SortBy: "CreationTime", SortOrder: "Descending" });
    return section(name, link(title, name), drawTable(title, await drawRows(view, name, response[`${member}Summaries`])));
  });
  return [element("h1", {}, "Recent jobs"), await Promise.all(sections)];
}

export async function jobs(view) {
  const [name] = view.parts, kind = KINDS[name];
  const { items, controls } = await list(view, `List${kind.member}s`, { SortBy: "CreationTime" }, { statuses: STATUSES });
  return [element("h1", {}, kind.title), controls, drawTable(kind.title, await drawRows(view, name, items))];
}

const drawTable = (title, rows) => table(title, ["Name", "Status", "Created", "Duration", "Progress or failure reason"], rows);

async function drawRows(view, name, items) {
  const { member } = KINDS[name];
  const jobs = await Promise.all(items.map((item) => describe(name, item)));
  return jobs.map((job, index) => {
    const id = items[index][`${member}Name`], status = items[index][`${member}Status`];
    view.busy ||= RUNNING.includes(status);
    const progress = element("span", { class: "reason" }, progressOf(name, job));
    return row(id, [link(id, name, id), badge(status), time(job.CreationTime), duration(...spanOf(name, job)), progress]);
  });
}

/* Describe a listed job: its summary lacks the failure reason and the progress. */
async function describe(name, item) {
  const { member } = KINDS[name], status = item[`${member}Status`];
  const key = `${name} ${item[`${member}Name`]} ${item.CreationTime}`;
  if (ended.has(key)) return ended.get(key);
  const job = await call(`Describe${member}`, { [`${member}Name`]: item[`${member}Name`] }).catch(() => null);
  if (ended.size > MAX_CACHED) ended.clear();
  if (job && !RUNNING.includes(status)) ended.set(key, job);
  return job ?? item;
}

function spanOf(name, job) {
  const { span } = KINDS[name];
  return [job[`${span}StartTime`] ?? (name === "tuning" ? job.CreationTime : null), job[`${span}EndTime`]];
}

/* Return a job's progress or failure reason. */
function progressOf(name, job) {
  if (job.FailureReason) return job.FailureReason;
  const status = job[`${KINDS[name].member}Status`];
  if (name === "tuning") {
    const counts = Object.entries(job.TrainingJobStatusCounters ?? {}).filter(([, count]) => count).map(([state, count]) => `${count} ${state}`);
    const best = job.BestTrainingJob?.FinalHyperParameterTuningJobObjectiveMetric;
    return counts.concat(best ? `best ${best.MetricName} ${number(best.Value)}` : []).join(", ");
  }
  if (status !== "InProgress") return job.ExitMessage ?? "";
  const message = job.SecondaryStatusTransitions?.at(-1)?.StatusMessage;
  return message ?? (spanOf(name, job)[0] ? "Running" : "Waiting for a free CPU");
}

export async function job(view) {
  const [name, id] = view.parts, kind = KINDS[name], { member } = kind;
  const job = await call(`Describe${member}`, { [`${member}Name`]: id });
  const status = job[`${member}Status`], [start, end] = spanOf(name, job), reason = job.FailureReason;
  const isAnother = (view.state.created ??= job.CreationTime) !== job.CreationTime; // with this name
  if (isAnother) return dispatchEvent(new Event("hashchange")); // before its lines are added to the first job's log
  view.busy = RUNNING.includes(status);
  view.say(`${id}: ${status}`);
  const stop = () => call(`Stop${member}`, { [`${member}Name`]: id });
  const parts = [
    element("h1", {}, id, " ", badge(status)),
    failure(reason),
    facts([
      ["Progress", reason ? null : progressOf(name, job)], ["Created", time(job.CreationTime)], ["Started", time(start)], ["Ended", time(end)],
      ["Duration", duration(start, end)], ["Tuning job", job.TuningJobArn ? linkToArn(job.TuningJobArn) : null],
    ]),
    status === "InProgress" && element("p", { class: "controls", "data-key": "stop" }, view.action("Stop", stop, `Stop ${id}?`)),
  ];
  if (name === "training") parts.push(await drawMetrics(view, id, job));
  if (name === "tuning") parts.push(await drawTrials(view, id, job));
  if (kind.group) parts.push(await followLog(view, kind.group, `${id}/`, `stagemaker logs ${id}`));
  const request = Object.fromEntries(Object.entries(job).filter(([key]) => key === "RoleArn" || !RESPONSE_ONLY.test(key)));
  const details = { ...job, ModelArtifacts: status === "Completed" ? job.ModelArtifacts : null }; // other jobs can have the same URI
  parts.push(objectLinks(details), section("request", "Request", json(`Create${member} request`, request), json(`Describe${member} response`, job)));
  return parts;
}

const ARNS = { "training-job": "training", "processing-job": "processing", "transform-job": "transform", "hyper-parameter-tuning-job": "tuning" };
const readArn = (arn) => arn.split(":").slice(5).join(":").split("/");

/* Return a link to the page of a job or version. */
export function linkToArn(arn) {
  const [type, ...names] = readArn(arn);
  if (type === "model-package") return link(names.join(" version "), "registry", ...names);
  return ARNS[type] ? link(names[0], ARNS[type], names[0]) : names[0];
}

/* Describe the job, model or version with this ARN. */
export function describeArn(arn) {
  const [type, name] = readArn(arn), kind = KINDS[ARNS[type]]?.member ?? (type === "model" ? "Model" : "ModelPackage");
  return call(`Describe${kind}`, { [`${kind}Name`]: kind === "ModelPackage" ? arn : name });
}

async function drawMetrics(view, id, job) {
  const Dimensions = [{ Name: "TrainingJobName", Value: id }], namespace = "/aws/sagemaker/TrainingJobs";
  const listed = await call("ListMetrics", { Namespace: namespace, Dimensions }, "monitoring");
  const names = [...new Set(listed.Metrics.map((metric) => metric.MetricName))].sort();
  const start = job.TrainingStartTime ?? job.CreationTime, end = job.TrainingEndTime ?? Date.now() / 1000;
  const length = end - start, period = length < 3600 && length * names.length < MAX_VALUES ? 1 : 60 * Math.ceil(length / 60_000);
  const queries = names.map((metric) => ({ label: metric, metric, statistic: "Average" }));
  const series = names.length ? await readMetrics(namespace, { TrainingJobName: id }, queries, start, end, period) : [];
  const figures = series.map((each) => chart(view, each.label, "Time", [each]));
  const none = element("p", { class: "soft" }, "None. To collect metrics, specify MetricDefinitions in the request.");
  return section("metrics", "Metrics", figures.length ? element("div", { class: "charts" }, figures) : none);
}

async function drawTrials(view, id, job) {
  const request = { HyperParameterTuningJobName: id, SortBy: "CreationTime", SortOrder: "Ascending" };
  const trials = await callAll("ListTrainingJobsForHyperParameterTuningJob", request);
  const { Type: direction, MetricName: metric } = job.HyperParameterTuningJobConfig.HyperParameterTuningJobObjective ?? {};
  const values = trials.map((trial) => trial.FinalHyperParameterTuningJobObjectiveMetric?.Value ?? null);
  const better = direction === "Minimize" ? Math.min : Math.max;
  let best = null;
  const bests = values.map((value) => { best = value === null ? best : better(value, best ?? value); return best; });
  const times = values.map((_, index) => index + 1), label = metric ?? "Objective";
  const rows = trials.map(({ TrainingJobName: trial, TrainingJobStatus, TunedHyperParameters, FailureReason }, index) => {
    const tuned = Object.entries(TunedHyperParameters).map(([key, value]) => `${key} = ${value}`).join(", ");
    const value = values[index] === null ? "" : number(values[index]);
    return row(trial, [link(trial, "training", trial), badge(TrainingJobStatus), value, tuned, FailureReason]);
  });
  const series = [{ label, times, values, points: true }, { label: "Best so far", times, values: bests }];
  return section("trials", "Trials", values.some((value) => value !== null) && chart(view, `${label} by trial`, "Trial", series),
    table("Trials", ["Training job", "Status", label, "Hyperparameters", "Failure reason"], rows, "None yet."));
}
