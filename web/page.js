// The status page: lets in, and keeps what is shown up to date.

import { keepToken, readHistory, readStatus } from "./api.js";
import { showAudit, startAudits } from "./audit.js";
import { showHistory, startCharts } from "./charts.js";
import { element, say, show } from "./dom.js";
import { refreshList, setClock, startList } from "./list.js";
import { startReceipts } from "./receipts.js";
import { startSweep } from "./sweep.js";
import { showJob, showNumbers, showSilence, showStores, showVerdict, showWarnings } from "./verdict.js";

const STEP = 1000; // milliseconds
const HISTORY_EVERY = 5; // steps
let timer = null, steps = 0, lastSeen = null;

function showStatus(status) {
  lastSeen = Date.now();
  setClock(status.now);
  showVerdict(status);
  showNumbers(status);
  showStores(status);
  showJob(status);
  showAudit(status);
  showWarnings(status);
}

function signOut(reason) {
  clearTimeout(timer);
  timer = null;
  keepToken("");
  show("content", false);
  show("sign-out", false);
  show("sign-in", true);
  say("version", "");
  say("token-error", reason);
  element("token").value = "";
  element("token").focus();
}

async function refresh() {
  const status = await readStatus();
  showStatus(status);
  await refreshList();
  if (steps++ % HISTORY_EVERY === 0) showHistory(await readHistory());
}

// One step after the other, never two at once; a hidden tab asks for nothing.
async function step() {
  clearTimeout(timer);
  try {
    if (!document.hidden) await refresh();
  } catch (error) {
    if (error.status === 401 || error.status === 403) {
      signOut("The token is not good any more.");
      return;
    }
    showSilence(error.message, lastSeen);
  }
  if (element("content").hidden) return;
  clearTimeout(timer);
  timer = setTimeout(step, STEP);
}

async function signIn() {
  say("token-error", "");
  keepToken(element("token").value.trim());
  try {
    const status = await readStatus();
    element("token").value = "";
    show("sign-in", false);
    show("content", true);
    show("sign-out", true);
    showStatus(status);
    steps = 0;
    startCharts();
    element("main").focus({ preventScroll: true });
    await step();
  } catch (error) {
    keepToken("");
    say("token-error", error.status === 401 || error.status === 403
      ? "That is not a token of this service." : error.message);
    element("token").focus();
  }
}

element("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn();
});
element("sign-out").addEventListener("click", () => signOut(""));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && timer) step();
});
startAudits(() => timer && step());
startList();
startReceipts();
startSweep(() => timer && step());
element("token").focus();
