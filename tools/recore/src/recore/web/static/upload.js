/* Sends requests to the API, files a few at a time. */
const AT_ONCE = 3;
const PAUSE = 1000; /* milliseconds until a request is repeated */
const REASONS = {
  403: "the API refused it: is the API key right?",
  413: "it is too large for the API",
  429: "there are too many requests at the moment: try again later",
  503: "there are too many requests at the moment: try again later",
  504: "the endpoint did not answer in time: try again later",
};

/* As fetch, but a request that came at a busy moment is sent a second time. */
export async function request(address, options) {
  const response = await fetch(address, options);
  if (response.status !== 429 && response.status !== 503) return response;
  await new Promise((resolve) => setTimeout(resolve, PAUSE));
  return fetch(address, options);
}

export function explain(status) { return REASONS[status] ?? `the API answered with status ${status}`; }

/* Calls `done(file, number, answer)` for each file; the answer of one that failed is {error}. */
export async function sendFiles(files, settings, key, done) {
  const waiting = files.map((file, number) => [file, number]);
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) done(...next, await send(next[0], settings, key));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function send(file, settings, key) {
  const limit = settings.largest_file;
  if (file.size > limit) return { error: `it is larger than ${limit / 2 ** 20} MB, the largest that is read` };
  if (!file.size) return { error: "the file is empty" };
  if (!/^[!-~]*$/.test(key)) return { error: "the API key has characters that a key cannot have" };
  let response;
  try {
    const body = await file.arrayBuffer(); /* fails for a folder */
    const headers = { "Content-Type": "application/octet-stream", ...(key && { "x-api-key": key }) };
    response = await request(`api/assays?${new URLSearchParams({ name: file.name })}`, { method: "POST", body, headers });
  } catch (error) {
    return { error: error instanceof DOMException ? "it could not be read: is it a folder?" : "the page's server does not answer: is it still running?" };
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok && Array.isArray(answer.samples)) return answer;
  return { error: answer.error ?? explain(response.status) };
}
