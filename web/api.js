// The private API of this service, as the page uses it. The token lives here and nowhere else.

const PATIENCE = 10000; // milliseconds, of everything but a sweep
let token = "";

export function keepToken(text) {
  token = text;
}

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status; // 0: no answer
  }
}

function headers(more) {
  return token ? { ...more, Authorization: `Bearer ${token}` } : { ...more };
}

async function ask(path, options = {}) {
  try {
    return await fetch(path, {
      signal: AbortSignal.timeout(PATIENCE), ...options, cache: "no-store", credentials: "same-origin", redirect: "error",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The service does not answer.");
  }
}

async function refusal(answer) {
  const body = await answer.json().catch(() => ({}));
  return new Refused(answer.status, body.message || `It answered ${answer.status}.`);
}

async function data(answer) {
  if (!answer.ok) throw await refusal(answer);
  return (await answer.json()).data;
}

function path(base, query) {
  const given = Object.entries(query).filter(([, value]) => value);
  return given.length ? `${base}?${new URLSearchParams(given)}` : base;
}

export async function readStatus() {
  return data(await ask("api/status", { headers: headers() }));
}

export async function readHistory() {
  return data(await ask("api/status/history", { headers: headers() }));
}

export async function listDeletions(query) {
  return data(await ask(path("api/deletions", query), { headers: headers() }));
}

export async function retry(what) {
  return data(await ask("api/deletions/retry", {
    method: "POST",
    headers: headers({ "Content-Type": "application/json" }),
    body: JSON.stringify(what),
  }));
}

// Begins an audit that only looks.
export async function startDryRun() {
  return data(await ask("api/audit", { method: "POST", headers: headers() }));
}

export async function readReceipt(userId) {
  return data(await ask(`api/receipts/${encodeURIComponent(userId)}`, { headers: headers() }));
}

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) if (part) yield JSON.parse(part);
  }
}

// One call of the sweep. `onProgress` gets the counts as they come; returns the result.
export async function sweep(cursor, onProgress, signal) {
  const answer = await ask(path("api/users/fallback", { cursor }), {
    method: "DELETE",
    signal,
    headers: headers({ Accept: "application/x-ndjson", "Called-By-Page": "1" }),
  });
  if (!answer.ok) throw await refusal(answer);
  for await (const line of lines(answer.body)) {
    if (line.progress) onProgress(line.progress);
    else if (line.status === "ok") return line.data;
    else throw new Refused(503, line.message);
  }
  throw new Refused(0, "The answer was cut off.");
}
