/* Sends files to the API, a few at a time. */
const AT_ONCE = 3;
const REASONS = {
  403: "the API refused it: is the API key right?",
  413: "it is too large for the API",
  429: "there are too many requests at the moment: try again later",
  503: "there are too many requests at the moment: try again later",
  504: "the endpoint did not answer in time: try again later",
};

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
  let response;
  try {
    const body = await file.arrayBuffer(); /* fails for a folder */
    const headers = { "Content-Type": "application/octet-stream", ...(key && { "x-api-key": key }) };
    response = await fetch(`api/assays?${new URLSearchParams({ name: file.name })}`, { method: "POST", body, headers });
  } catch (error) {
    return { error: error instanceof DOMException ? "it could not be read: is it a folder?" : "the page's server does not answer: is it still running?" };
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok && Array.isArray(answer.samples)) return answer;
  return { error: answer.error ?? REASONS[response.status] ?? `the API answered with status ${response.status}` };
}
