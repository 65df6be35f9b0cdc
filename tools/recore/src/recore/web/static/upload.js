/* Sends requests to the API, files a few at a time. */
const AT_ONCE = 3;
const PAUSE = 1000; /* milliseconds until a request is repeated */
const REASONS = {
  403: "the API rejected the request; check the API key",
  413: "the request is too large for the API",
  429: "there are too many requests at the moment; try again later",
  503: "there are too many requests at the moment; try again later",
  504: "the endpoint did not respond in time; try again later",
};

/* Like fetch, but repeat a request once if the server was busy. */
export async function request(address, options) {
  const response = await fetch(address, options);
  if (response.status !== 429 && response.status !== 503) return response;
  await new Promise((resolve) => setTimeout(resolve, PAUSE));
  return fetch(address, options);
}

export function explain(status) { return REASONS[status] ?? `the API returned status ${status}`; }

/* Call `done(file, number, response)` for each file; the response of a failed one is {error}. */
export async function sendFiles(files, settings, key, done) {
  const waiting = files.map((file, number) => [file, number]);
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) done(...next, await send(next[0], settings, key));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function send(file, settings, key) {
  const limit = settings.largest_file;
  if (file.size > limit) return { error: `it is larger than ${limit / 2 ** 20} MB, the maximum` };
  if (!file.size) return { error: "the file is empty" };
  if (!/^[!-~]*$/.test(key)) return { error: "the API key has invalid characters" };
  let response;
  try {
    const body = await file.arrayBuffer(); /* fails for a folder */
    const headers = { "Content-Type": "application/octet-stream", ...(key && { "x-api-key": key }) };
    response = await request(`api/assays?${new URLSearchParams({ name: file.name })}`, { method: "POST", body, headers });
  } catch (error) {
    return { error: error instanceof DOMException ? "it could not be read; choose a file, not a folder" : "the page's server does not respond; check that it is running" };
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok && Array.isArray(body.samples)) return body;
  return { error: body.error ?? explain(response.status) };
}
