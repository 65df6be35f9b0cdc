/* A log that grows while it is written. */

import { call } from "./api.js";
import { element, standIn, pre, section } from "./dom.js";

const MAX_LINES = 2000; // on the page
const COLOURS = /\x1b\[[0-9;]*m/g;

/* Return the section of a log, with the new lines since the last poll. prefix: of the log streams. */
export async function followLog(view, group, prefix, command) {
  const log = view.state.log ??= { lines: pre("Log", ""), tokens: {}, count: 0 };
  log.lines.dataset.unmanaged = true;
  const request = { logGroupName: group, ...(prefix ? { logStreamNamePrefix: prefix } : { orderBy: "LastEventTime", descending: true }) };
  const { logStreams } = await call("DescribeLogStreams", request, "logs").catch(() => ({ logStreams: [] })); // before the first line
  const pages = await Promise.all(logStreams.map(({ logStreamName }) => readNew(log, group, logStreamName)));
  pages.forEach((page, index) => { log.tokens[logStreams[index].logStreamName] = page.nextForwardToken; });
  const events = pages.flatMap((page) => page.events).sort((one, other) => one.timestamp - other.timestamp);
  append(log, events.map((event) => event.message.replace(COLOURS, "")));
  const cut = log.count >= MAX_LINES ? [`The last ${MAX_LINES} lines. For the complete log, run `, element("code", {}, command)] : "";
  return section("log", "Log", element("p", { class: "soft" }, log.count ? cut : "Nothing has been printed yet."), standIn(log.lines));
}

/* Return a page of a stream's new events; on the first poll, of its last events. */
function readNew(log, group, name) {
  const nextToken = log.tokens[name];
  const request = { logGroupName: group, logStreamName: name, limit: MAX_LINES, startFromHead: Boolean(nextToken), nextToken };
  return call("GetLogEvents", request, "logs");
}

function append(log, messages) {
  const { lines } = log, atEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 5;
  log.count += messages.length;
  lines.append(...messages.map((message) => element("span", {}, `${message}\n`)));
  while (lines.childElementCount > MAX_LINES) lines.firstChild.remove();
  if (atEnd) requestAnimationFrame(() => { lines.scrollTop = lines.scrollHeight; });
}
