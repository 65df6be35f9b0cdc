/* A log, as it is written. */

import { call } from "./api.js";
import { element, ownedBy, pre, section } from "./dom.js";

const MOST_LINES = 2000; // on the page
const COLOURS = /\x1b\[[0-9;]*m/g;

/* Return the section of a log, with the lines that have come since the last poll. prefix: of its streams. */
export async function followLog(view, group, prefix, command) {
  const kept = view.kept.log ??= { lines: pre("Log", ""), tokens: {}, count: 0 };
  kept.lines.dataset.own = true;
  const request = { logGroupName: group, ...(prefix ? { logStreamNamePrefix: prefix } : { orderBy: "LastEventTime", descending: true }) };
  const { logStreams } = await call("DescribeLogStreams", request, "logs").catch(() => ({ logStreams: [] })); // before the first line
  const pages = await Promise.all(logStreams.map(({ logStreamName }) => readNew(kept, group, logStreamName)));
  pages.forEach((page, place) => { kept.tokens[logStreams[place].logStreamName] = page.nextForwardToken; });
  const events = pages.flatMap((page) => page.events).sort((one, other) => one.timestamp - other.timestamp);
  append(kept, events.map((event) => event.message.replace(COLOURS, "")));
  const cut = kept.count >= MOST_LINES ? [`The last ${MOST_LINES} lines. All: `, element("code", {}, command)] : "";
  return section("log", "Log", element("p", { class: "soft" }, kept.count ? cut : "Nothing has been printed yet."), ownedBy(kept.lines));
}

/* Return a page of a stream's events since the last poll, at first of its last ones. */
function readNew(kept, group, name) {
  const nextToken = kept.tokens[name];
  const request = { logGroupName: group, logStreamName: name, limit: MOST_LINES, startFromHead: Boolean(nextToken), nextToken };
  return call("GetLogEvents", request, "logs");
}

function append(kept, messages) {
  const { lines } = kept, atEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 5;
  kept.count += messages.length;
  lines.append(...messages.map((message) => element("span", {}, `${message}\n`)));
  while (lines.childElementCount > MOST_LINES) lines.firstChild.remove();
  if (atEnd) requestAnimationFrame(() => { lines.scrollTop = lines.scrollHeight; });
}
