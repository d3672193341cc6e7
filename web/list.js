// Pending and blocked deletions: filtered, paged, tried again.

import { listDeletions, retry } from "./api.js";
import { act, element, make, onClick, say } from "./dom.js";
import { count, fromNow } from "./words.js";

const PAGE = 20;
let filter = {}, cursor = null, next = null, page = 1, skew = 0;
const classes = new Set();

function cell(name, className, ...children) {
  const made = make("td", { className }, ...children);
  if (name) made.dataset.name = name;
  return made;
}

function objectCell(row) {
  const made = cell("Object", "key", make("code", { textContent: row.key }));
  if (row.userId) made.append(make("br"), make("span", { className: "muted small", textContent: `user ${row.userId}` }));
  return made;
}

function errorCell(row) {
  if (!row.errorClass) return cell("Error", "words", make("span", { className: "muted", textContent: "none yet" }));
  const pick = make("button", { type: "button", className: "link", textContent: row.errorClass,
    title: "Show this class only" });
  pick.addEventListener("click", () => {
    element("filter-class").value = row.errorClass;
    applyFilter();
  });
  return cell("Error", "words", pick, make("br"), make("span", { className: "muted small", textContent: row.error || "" }));
}

function nextTry(row) {
  const now = Date.now() + skew, due = Date.parse(row.dueAt);
  return due > now ? fromNow(due, now) : "due now";
}

function retryButton(row) {
  const button = make("button", { type: "button", textContent: "Retry" });
  button.setAttribute("aria-label", `Retry ${row.key}`);
  button.addEventListener("click", () => act(button, "list-words", () => retryAnd({ key: row.key })));
  return button;
}

function tableRow(row) {
  const due = make("time", { dateTime: row.dueAt, textContent: nextTry(row) });
  const made = make("tr", {}, objectCell(row),
    cell("State", "", make("span", { className: `mark ${row.state === "blocked" ? "bad" : ""}`, textContent: row.state })),
    errorCell(row), cell("Attempts", "number", String(row.attempts)), cell("Next try", "", due),
    cell("", "", retryButton(row)));
  made.dataset.key = row.key;
  made.dataset.told = JSON.stringify(row);
  return made;
}

// Keeps a row that says the same, so that the focus in it stays.
function showRows(items) {
  const body = element("rows");
  const there = new Map([...body.children].map((row) => [row.dataset.told, row]));
  const wanted = items.map((item) => {
    const kept = there.get(JSON.stringify(item));
    if (!kept) return tableRow(item);
    kept.querySelector("time").textContent = nextTry(item);
    return kept;
  });
  if (wanted.length !== body.children.length || wanted.some((row, i) => row !== body.children[i])) {
    const focused = document.activeElement?.closest?.("#rows tr")?.dataset.key;
    body.replaceChildren(...wanted);
    if (focused && !body.contains(document.activeElement)) {
      (body.querySelector(`tr[data-key="${CSS.escape(focused)}"] td:last-child button`) || element("retry-all")).focus();
    }
  }
}

function showClasses(items) {
  const before = classes.size;
  for (const item of items) if (item.errorClass) classes.add(item.errorClass);
  if (classes.size === before) return;
  element("classes").replaceChildren(...[...classes].sort().map((name) => make("option", { value: name })));
}

function showPager(items) {
  element("page-first").disabled = page === 1;
  element("page-next").disabled = !next;
  say("page-words", items.length || page > 1 ? `Page ${page}` : "");
  if (items.length === 0 && page === 1) {
    say("page-words", filter.state || filter.errorClass ? "Nothing fits the filter." : "Nothing is left undone.");
  }
}

export async function refreshList() {
  const asked = cursor;
  const data = await listDeletions({ ...filter, cursor, limit: PAGE });
  if (asked !== cursor) return;
  next = data.next;
  showRows(data.items);
  showClasses(data.items);
  showPager(data.items);
}

export function setClock(now) {
  skew = Date.parse(now) - Date.now();
}

async function goTo(to, number) {
  cursor = to;
  page = number;
  await refreshList();
}

async function retryAnd(...filters) {
  let matched = 0;
  for (const one of filters) matched += (await retry(one)).matched;
  say("list-words", matched ? `${count(matched, "deletion")} will be tried again now.` : "There was nothing to retry.");
  await refreshList();
}

function applyFilter() {
  filter = { state: element("filter-state").value, errorClass: element("filter-class").value.trim() };
  const name = filter.errorClass;
  element("retry-class").disabled = !name;
  say("retry-class", name ? `Retry class ${name}` : "Retry this class");
  goTo(null, 1).catch((error) => say("list-words", error.message));
}

export function startList() {
  element("filter").addEventListener("submit", (event) => {
    event.preventDefault();
    applyFilter();
  });
  element("filter-state").addEventListener("change", applyFilter);
  element("filter-clear").addEventListener("click", () => {
    element("filter").reset();
    applyFilter();
  });
  onClick("retry-all", "list-words", () => retryAnd({ state: "pending" }, { state: "blocked" }));
  element("retry-class").addEventListener("click", () =>
    retryAnd({ errorClass: filter.errorClass }).catch((error) => say("list-words", error.message)));
  for (const [id, to] of [["page-first", () => goTo(null, 1)], ["page-next", () => goTo(next, page + 1)]]) {
    element(id).addEventListener("click", () => to().catch((error) => say("list-words", error.message)));
  }
}
