/* S3: buckets, folders, and the first lines of an object. */

import { objectPath, readXml, send } from "./api.js";
import { element, facts, link, pre, row, section, size, table, time } from "./dom.js";
import { drawPages } from "./paging.js";

const readTime = (date) => time(Date.parse(date) / 1000);
const nameOf = (part) => part.replace(/\/$/, "") || "(empty)";
const FIRST_BYTES = 64 << 10, FIRST_LINES = 100, PAGE_SIZE = 100;

export async function objects(view) {
  const [, bucket, key = ""] = view.parts;
  if (!bucket) return buckets();
  const content = key && !key.endsWith("/") ? await object(view, bucket, key) : await folder(view, bucket, key);
  return [drawPath(bucket, key), content];
}

async function buckets() {
  const { lists: [items] } = await readXml("/", "Bucket");
  const rows = items.map((each) => row(each.Name, [link(each.Name, "s3", each.Name), readTime(each.CreationDate)]));
  return [element("h1", {}, "Buckets"), table("Buckets", ["Name", "Created"], rows)];
}

function drawPath(bucket, key) {
  const parts = key.match(/[^/]*\/|[^/]+$/g) ?? [];
  const links = parts.map((part, index) => [" / ", link(nameOf(part), "s3", bucket, parts.slice(0, index + 1).join(""))]);
  return element("h1", {}, link("S3", "s3"), " / ", link(bucket, "s3", bucket), links);
}

async function folder(view, bucket, prefix) {
  const tokens = view.state.tokens ??= [undefined];
  const query = new URLSearchParams({ "list-type": 2, delimiter: "/", prefix, "max-keys": PAGE_SIZE, "encoding-type": "url" });
  if (tokens.at(-1)) query.set("continuation-token", tokens.at(-1));
  const { lists: [files, folders], next } = await readXml(`/${encodeURIComponent(bucket)}?${query}`, "Contents", "CommonPrefixes");
  const decode = (text) => decodeURIComponent(text.replaceAll("+", " "));
  const draw = (key, ...cells) => row(key, [link(nameOf(key.slice(prefix.length)), "s3", bucket, key), ...cells]);
  const drawFile = (each) => draw(decode(each.Key), size(each.Size), readTime(each.LastModified));
  const rows = [...folders.map((each) => draw(decode(each.Prefix), "folder")), ...files.map(drawFile)];
  return [table("Objects", ["Name", "Size", "Modified"], rows, "No objects."), drawPages(view, next)];
}

async function object(view, bucket, key) {
  const path = objectPath(bucket, key);
  const head = await send("s3", path, { method: "HEAD" });
  const bytes = Number(head.headers.get("Content-Length")), etag = head.headers.get("ETag");
  if (view.state.etag !== etag) Object.assign(view.state, { etag, lines: bytes ? await readFirstLines(path) : "" });
  const { lines } = view.state;
  const modified = readTime(head.headers.get("Last-Modified")), type = head.headers.get("Content-Type");
  return [
    facts([["Size", size(bytes)], ["Modified", modified], ["Content type", type], ["Address", `s3://${bucket}/${key}`]]),
    // without the console's header, the address must identify the service
    element("p", {}, element("a", { href: `${path}?X-Amz-Signature=none`, download: key.split("/").at(-1) }, "Download")),
    lines === null ? element("p", { class: "soft" }, "Binary file; no preview.") : pre("First lines", lines),
  ];
}

/* Return the first lines of an object, or null if it is binary. */
async function readFirstLines(path) {
  const response = await send("s3", path, { headers: { Range: `bytes=0-${FIRST_BYTES - 1}` } });
  const bytes = await response.arrayBuffer();
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true }); // the last character may be cut off
    return text.includes("\0") ? null : text.split("\n").slice(0, FIRST_LINES).join("\n");
  } catch { return null; }
}

/* Return links to the objects in a description. */
export function objectLinks(description) {
  const uris = [];
  const walk = (value, path) => {
    if (typeof value === "string" && /^s3:\/\/[^/]+/.test(value)) uris.push([path.join(" "), value]);
    else if (value && typeof value === "object") {
      for (const [key, each] of Object.entries(value)) walk(each, [...path, each?.ChannelName ?? each?.InputName ?? each?.OutputName ?? key]);
    }
  };
  walk(description, []);
  const rows = uris.map(([path, uri], index) => {
    const [, bucket, key = ""] = uri.match(/^s3:\/\/([^/]+)\/?(.*)$/s), isFile = !key || /\.[^/]*$|\/$/.test(key); // all others are folders
    return row(`${index} ${uri}`, [path, link(uri, "s3", bucket, isFile ? key : `${key}/`)]);
  });
  return uris.length > 0 && section("objects", "Inputs and outputs", table("Inputs and outputs", ["Field", "Object or folder"], rows));
}
