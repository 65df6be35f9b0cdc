/* AWS's API. The extra header identifies the service, because these requests are not signed. */

const TARGETS = { sagemaker: "SageMaker.", logs: "Logs_20140328.", monitoring: "GraniteServiceVersion20100801." };
const STATUSES = { 403: "Access denied", 404: "The object does not exist" };

/* Send a request. Throws an Error with the service's message if it is rejected. */
export async function send(service, path, { method = "GET", headers = {}, body } = {}) {
  let response;
  try {
    response = await fetch(path, { method, body, cache: "no-store", headers: { ...headers, "X-Stagemaker-Console": service } });
  } catch {
    throw new Error("The simulator is not responding: it has stopped or is busy. This page will retry");
  }
  if (response.ok) return response;
  const { status } = response, reason = readReason(await response.text()) || STATUSES[status] || `HTTP status ${status}`;
  throw Object.assign(new Error(reason), { status });
}

function readReason(body) {
  try {
    const error = JSON.parse(body);
    return error.OriginalMessage || error.message || error.Message;
  } catch {
    return body && (new DOMParser().parseFromString(body, "text/xml").querySelector("Message")?.textContent || body.slice(0, 300));
  }
}

/* Call an operation of a JSON service, by default SageMaker. */
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

/* Return the elements of an XML response of S3 by tag name, each as an object with the contents of its children. */
export async function readXml(path, ...names) {
  const root = new DOMParser().parseFromString(await (await send("s3", path)).text(), "text/xml");
  const read = (item) => Object.fromEntries([...item.children].map((each) => [each.tagName, each.textContent]));
  const lists = names.map((name) => [...root.getElementsByTagName(name)].map(read));
  return { lists, next: root.querySelector("NextContinuationToken")?.textContent };
}

/* Return the path of an object. Throws an Error if a browser would change it, for example because of a part `..`. */
export function objectPath(bucket, key) {
  const path = "/" + [bucket, ...key.split("/")].map(encodeURIComponent).join("/");
  if (new URL(path, location.origin).pathname !== path) throw new Error("Browsers cannot open an object with this key; use `aws s3 cp`");
  return path;
}

/* Return CloudWatch metrics as {label, times, values}, with times in seconds. queries: label, metric, statistic. */
export async function readMetrics(namespace, dimensions, queries, start, end, period) {
  const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
  const MetricDataQueries = queries.map(({ metric, statistic }, index) => ({
    Id: `m${index}`, MetricStat: { Metric: { Namespace: namespace, MetricName: metric, Dimensions }, Period: period, Stat: statistic },
  }));
  const window = { ScanBy: "TimestampAscending", StartTime: Math.floor(start), EndTime: Math.ceil(end) + 1 };
  const results = (await call("GetMetricData", { MetricDataQueries, ...window }, "monitoring")).MetricDataResults;
  return results.map((result, index) => ({ label: queries[index].label, times: result.Timestamps.map(Number), values: result.Values }));
}
