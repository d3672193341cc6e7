// How far the audit is or what the last one found, and a button that begins a dry run.

import { startDryRun } from "./api.js";
import { element, say, show } from "./dom.js";
import { count, duration, fromNow, rate } from "./words.js";

const COUNTS = ["objects", "strays", "scheduled", "missing", "oldVersions", "unknown", "young"];

// What it found and left, in words; "" if the two are the same.
function findings({ strays, scheduled, missing, oldVersions, unknown }) {
  const parts = [];
  const left = Math.max(0, strays - scheduled);
  if (left) parts.push(`${count(left, "object")} that nobody owns`);
  if (missing) parts.push(`${count(missing, "user")} whose image is not there`);
  if (oldVersions) parts.push(`${count(oldVersions, "object")} with old versions`);
  if (unknown) parts.push(`${count(unknown, "object")} that the service did not name`);
  return parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}` : parts.join("");
}

function runningWords(audit) {
  if (audit.dryRun) return "A dry run is under way.";
  return audit.pass === "counting"
    ? "An audit is under way: it counts, and then deletes what nobody owns."
    : "An audit is under way: what nobody owns is being deleted.";
}

function doneWords(audit) {
  const found = findings(audit.counts);
  const gone = audit.counts.scheduled;
  const deleted = gone ? ` ${count(gone, "object")} that nobody owned ${gone === 1 ? "is" : "are"} being deleted.` : "";
  return `The last audit found ${found || "nothing that is left to do"}.${deleted}`;
}

export function auditWords(audit) {
  switch (audit.state) {
    case "never": return "There was no audit yet.";
    case "running": return runningWords(audit);
    case "refused": return `The last audit refused to delete so much: ${audit.trouble}.`;
    case "failed": return `The last audit failed: ${audit.trouble}.`;
    case "stopped": return "The last audit was stopped before its end.";
    default: return doneWords(audit);
  }
}

// Old versions and names of others may be as they should be.
export function auditIsToBeReadOf({ state, counts }) {
  return state === "refused" || state === "failed"
    || (state === "done" && (counts.strays > counts.scheduled || counts.missing > 0));
}

function moodOf(audit) {
  if (audit.state === "never" || audit.state === "running") return "mark";
  if (audit.state === "refused" || audit.state === "failed") return "mark bad";
  return audit.state === "stopped" || findings(audit.counts) ? "mark warn" : "mark good";
}

function detail(audit, now) {
  const kind = audit.dryRun ? "A dry run: nothing was deleted."
    : `It was to delete what nobody owns, at most ${audit.maxShare} percent of a store.`;
  if (audit.state === "never") return "";
  if (audit.state !== "running") {
    const ended = Date.parse(audit.endedAt);
    return `Ended ${fromNow(ended, now)}; it took ${duration((ended - Date.parse(audit.startedAt)) / 1000)}. ${kind}`;
  }
  const held = audit.trouble ? ` It tries again: ${audit.trouble}.` : "";
  return `Began ${fromNow(Date.parse(audit.startedAt), now)}.${held}`;
}

export function showAudit(status) {
  const { audit } = status;
  const running = audit.state === "running";
  show("audit-live", audit.state !== "never");
  show("audit-progress", running);
  element("audit-progress").value = audit.progress;
  for (const name of COUNTS) say(`audit-${name}`, audit.counts[name].toLocaleString("en"));
  element("audit-missing").className = audit.counts.missing ? "bad" : "";
  say("audit-rate", rate(audit.objectsPerSecond));
  say("audit-words", auditWords(audit), moodOf(audit));
  say("audit-detail", detail(audit, Date.parse(status.now)));
  element("audit-run").disabled = running;
}

async function begin(afterwards) {
  element("audit-run").disabled = true;
  say("audit-problem", "");
  try {
    await startDryRun();
  } catch (error) {
    say("audit-problem", error.message);
    element("audit-run").disabled = false;
  } finally {
    afterwards();
  }
}

export function startAudits(afterwards) {
  element("audit-run").addEventListener("click", () => begin(afterwards));
}
