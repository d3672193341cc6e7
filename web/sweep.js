// Runs a sweep and shows it live, call after call, until everything was tried once.

import { sweep } from "./api.js";
import { element, say, show } from "./dom.js";
import { count } from "./words.js";

const COUNTS = ["attempted", "deleted", "failed", "blocked"];
let watching = null;

function showCounts(counts, remaining) {
  const tried = counts.attempted;
  const bar = element("sweep-progress");
  for (const name of COUNTS) say(`sweep-${name}`, counts[name].toLocaleString("en"));
  say("sweep-remaining", remaining.toLocaleString("en"));
  bar.max = Math.max(1, tried + Math.max(0, remaining - counts.failed - counts.blocked));
  bar.value = tried;
}

function summary(counts, result) {
  const left = result.remaining
    ? `${count(result.remaining, "deletion")} ${result.remaining === 1 ? "is" : "are"} left`
    : "nothing is left";
  if (result.breaker !== "closed") return `The file store does not answer: ${left}. The sweep sent one probe and ended.`;
  if (counts.attempted === 0) return `There was nothing to try: ${left}.`;
  return `Done: ${counts.deleted} of ${count(counts.attempted, "deletion")} finished, ${left}.`;
}

async function run(signal) {
  const totals = { attempted: 0, deleted: 0, failed: 0, blocked: 0 };
  const sum = (counts) => Object.fromEntries(COUNTS.map((name) => [name, totals[name] + counts[name]]));
  for (let cursor = null; ;) {
    const result = await sweep(cursor, (counts) => showCounts(sum(counts), counts.remaining), signal);
    Object.assign(totals, sum(result));
    showCounts(totals, result.remaining);
    cursor = result.cursor;
    if (!result.more) return summary(totals, result);
  }
}

async function start(afterwards) {
  watching = new AbortController();
  element("sweep-run").disabled = true;
  show("sweep-stop", true);
  show("sweep-live", true);
  showCounts({ attempted: 0, deleted: 0, failed: 0, blocked: 0 }, 0);
  element("sweep-progress").removeAttribute("value");
  say("sweep-words", "Running …");
  try {
    say("sweep-words", await run(watching.signal));
    element("sweep-progress").value = element("sweep-progress").max;
  } catch (error) {
    say("sweep-words", error.name === "AbortError"
      ? "Not watched any more. What this call had begun is finished by the service." : error.message);
    if (!element("sweep-progress").hasAttribute("value")) element("sweep-progress").value = 0;
  } finally {
    const focused = document.activeElement === element("sweep-stop");
    show("sweep-stop", false);
    element("sweep-run").disabled = false;
    if (focused) element("sweep-run").focus();
    watching = null;
    afterwards();
  }
}

export function startSweep(afterwards) {
  element("sweep-run").addEventListener("click", () => start(afterwards));
  element("sweep-stop").addEventListener("click", () => watching?.abort());
}
