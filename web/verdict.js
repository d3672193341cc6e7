// The answer to the one question: do database and file store agree? In words, then in numbers.

import { auditIsToBeReadOf, auditWords } from "./audit.js";
import { element, make, say } from "./dom.js";
import { brief, clockTime, count, duration, fromNow, rate } from "./words.js";

const BREAKER = {
  closed: ["good", "Answers"],
  "half-open": ["warn", "Is being tried again"],
  open: ["bad", "Does not answer"],
};

function storeIsDown(status) {
  return status.stores.some((store) => store.breaker !== "closed" || store.trouble);
}

// Why it is not in agreement, and what will come of it.
function prospects(status) {
  if (storeIsDown(status)) {
    return "The file store does not answer. Nothing is lost and nothing has to be repaired: the work "
      + "goes on by itself when it answers again.";
  }
  if (status.pending === 0 && status.blocked) {
    return "What is blocked will not be finished by trying again: read its error below, mend the cause, "
      + "and retry its class.";
  }
  const left = status.pace.timeToCleanSeconds;
  if (left !== null && status.pending) return `At the present rate it takes ${duration(left)}.`;
  return "Nothing was finished in the last minute. The timer and the Fallback Job try again by themselves.";
}

function waiting(status) {
  const parts = [];
  if (status.pending) parts.push(`${count(status.pending, "deletion")} ${status.pending === 1 ? "waits" : "wait"}`);
  if (status.blocked) {
    const number = parts.length ? status.blocked.toLocaleString("en") : count(status.blocked, "deletion");
    parts.push(`${number} ${status.blocked === 1 ? "is" : "are"} blocked`);
  }
  return parts.join(", ") || "an erasure is being finished";
}

export function showVerdict(status) {
  const box = element("verdict");
  if (status.inAgreement) {
    const down = storeIsDown(status);
    box.dataset.state = down ? "broken" : "together";
    say("verdict-title", "Database and file store agree");
    say("verdict-words", down
      ? "Nothing is left undone, but the file store does not answer now: uploads are refused."
      : "Every object that had to go is gone, and the file store said so.");
  } else {
    box.dataset.state = storeIsDown(status) ? "broken" : "apart";
    say("verdict-title", `Not in agreement: ${waiting(status)}`);
    say("verdict-words", prospects(status));
  }
}

export function showSilence(message, since) {
  element("verdict").dataset.state = "unknown";
  say("verdict-title", "No telling how things stand");
  say("verdict-words", since ? `${message} The numbers below are from ${clockTime(since)}.` : message);
}

export function showNumbers(status) {
  const clean = status.pace.timeToCleanSeconds;
  say("pending", status.pending.toLocaleString("en"), status.pending ? "" : "good");
  say("blocked", status.blocked.toLocaleString("en"), status.blocked ? "bad" : "good");
  say("oldest", status.oldestPendingSeconds || !status.inAgreement ? brief(status.oldestPendingSeconds) : "none");
  say("rate", rate(status.pace.donePerSecond));
  say("clean", clean === null ? "unknown" : status.pending ? brief(clean) : "clean", clean === null ? "warn" : "");
  say("scheduled", status.scheduled.toLocaleString("en"));
  say("version", `users-service ${status.version}`);
}

function storeItem(store) {
  const [mood, words] = BREAKER[store.breaker];
  const good = !store.trouble && mood === "good";
  const item = make("li", {}, make("p", {
    className: `mark ${store.trouble ? "bad" : mood}`,
    textContent: `${store.trouble && mood === "good" ? "Cannot be used" : words}: breaker ${store.breaker}`,
  }));
  item.append(make("p", { className: "muted small", textContent: store.id ? `Store ${store.id}` : "Not known yet" }));
  if (!good && store.trouble) item.append(make("p", { className: "small", textContent: store.trouble }));
  item.append(make("p", {
    className: "muted small",
    textContent: store.takesUploads ? "Takes uploads" : "Uploads are refused until it answers",
  }));
  return item;
}

export function showStores(status) {
  const list = element("stores");
  const told = JSON.stringify(status.stores);
  if (list.dataset.told === told) return;
  list.dataset.told = told;
  list.replaceChildren(...status.stores.map(storeItem));
}

export function showJob(status) {
  const { lastCallAt, late, lateAfterSeconds, sweepsWithoutEffect } = status.job;
  const now = Date.parse(status.now);
  const mood = late || sweepsWithoutEffect ? "warn" : "good";
  say("job-words", lastCallAt
    ? `Last called ${fromNow(Date.parse(lastCallAt), now)}`
    : `Has not called since the start, ${fromNow(Date.parse(status.startedAt), now)}`,
  `mark ${lastCallAt || late ? mood : ""}`);
  say("job-detail", `Late after ${duration(lateAfterSeconds)} of silence.`);
}

export function showWarnings(status) {
  const warnings = [];
  const { late, lateAfterSeconds, lastCallAt, sweepsWithoutEffect } = status.job;
  const trouble = status.stores.find((store) => store.trouble);
  if (trouble) warnings.push(["bad", `The file store cannot be used: ${trouble.trouble}.`]);
  if (late) {
    warnings.push(["warn", `The Fallback Job is late: it has ${lastCallAt ? "not called for" : "never called in"} `
      + `${duration(lateAfterSeconds)} or more. Is it running?`]);
  }
  if (sweepsWithoutEffect) {
    warnings.push(["warn", `The Fallback Job works without effect: its last ${sweepsWithoutEffect === 1 ? "sweep" : `${sweepsWithoutEffect} sweeps`} `
      + "finished nothing, and work is left."]);
  }
  if (auditIsToBeReadOf(status.audit)) warnings.push(["warn", `${auditWords(status.audit)} See the audit below.`]);
  const list = element("warnings");
  const told = JSON.stringify(warnings);
  if (list.dataset.told === told) return;
  list.dataset.told = told;
  list.replaceChildren(...warnings.map(([mood, text]) => make("li", { className: mood, textContent: text })));
}
