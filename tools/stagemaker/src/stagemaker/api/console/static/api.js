/* AWS's own API, as its clients call it. The extra header names the service, because these requests are not signed. */

const TARGETS = { sagemaker: "SageMaker.", logs: "Logs_20140328.", monitoring: "GraniteServiceVersion20100801." };
const STATUSES = { 403: "Access denied", 404: "There is no such object" };

/* Send a request. Throws an Error with the service's own words if it is refused. */
export async function send(service, path, { method = "GET", headers = {}, body } = {}) {
  let response;
  try {
    response = await fetch(path, { method, body, cache: "no-store", headers: { ...headers, "X-Stagemaker-Console": service } });
  } catch {
    throw new Error("The simulator does not respond: it has stopped, or is busy. This page tries again");
  }
  if (response.ok) return response;
  const { status } = response, reason = readReason(await response.text()) || STATUSES[status] || `HTTP status ${status}`;
  throw Object.assign(new Error(reason), { status });
}

function readReason(text) {
  try {
    const error = JSON.parse(text);
    return error.OriginalMessage || error.message || error.Message;
  } catch {
    return text && (new DOMParser().parseFromString(text, "text/xml").querySelector("Message")?.textContent || text.slice(0, 300));
  }
}

/* Call an operation of a service that speaks JSON, by default of SageMaker. */
export async function call(operation, members = {}, service = "sagemaker") {
  const headers = { "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGETS[service] + operation };
  return (await send(service, "/", { method: "POST", headers, body: JSON.stringify(members) })).json();
}

/* Return the items of all pages of a list. */
export async function callAll(operation, members) {
  const items = [];
  let page = {};
  do {
    page = await call(operation, { ...members, NextToken: page.NextToken, MaxResults: 100 });
    items.push(...Object.values(page).find(Array.isArray));
  } while (page.NextToken);
  return items;
}

/* Return for each name the elements of an XML answer of S3 that have it, each with the texts of its own elements. */
export async function readXml(path, ...names) {
  const root = new DOMParser().parseFromString(await (await send("s3", path)).text(), "text/xml");
  const read = (item) => Object.fromEntries([...item.children].map((each) => [each.tagName, each.textContent]));
  const lists = names.map((name) => [...root.getElementsByTagName(name)].map(read));
  return { lists, next: root.querySelector("NextContinuationToken")?.textContent };
}

/* Return the path of an object. Throws an Error if a browser would change it, as it does for a part `..`. */
export function objectPath(bucket, key) {
  const path = "/" + [bucket, ...key.split("/")].map(encodeURIComponent).join("/");
  if (new URL(path, location.origin).pathname !== path) throw new Error("A browser cannot address an object of this name: use `aws s3 cp`");
  return path;
}

/* Return the values of metrics of CloudWatch as {label, times, values}, times in seconds. queries: label, metric, statistic. */
export async function readMetrics(namespace, dimensions, queries, start, end, period) {
  const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
  const MetricDataQueries = queries.map(({ metric, statistic }, number) => ({
    Id: `m${number}`, MetricStat: { Metric: { Namespace: namespace, MetricName: metric, Dimensions }, Period: period, Stat: statistic },
  }));
  const window = { ScanBy: "TimestampAscending", StartTime: Math.floor(start), EndTime: Math.ceil(end) + 1 };
  const results = (await call("GetMetricData", { MetricDataQueries, ...window }, "monitoring")).MetricDataResults;
  return results.map((result, number) => ({ label: queries[number].label, times: result.Timestamps.map(Number), values: result.Values }));
}
