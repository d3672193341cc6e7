// What is known of one user's erasure.

import { readReceipt } from "./api.js";
import { element, make } from "./dom.js";
import { clockTime } from "./words.js";

const WORDS = {
  deleted: ["good", "Gone: the user and every object of theirs."],
  pending: ["warn", "Not gone yet: hidden from every read, and still being erased."],
  blocked: ["bad", "Not gone: hidden from every read, but an object cannot be deleted. See the list above."],
};

function fact(name, value) {
  return make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }));
}

function answer(...children) {
  element("receipt-answer").replaceChildren(make("div", { className: "answer" }, ...children));
}

function showReceipt(receipt) {
  const [mood, words] = WORDS[receipt.state];
  const facts = make("dl", {}, fact("Asked for", clockTime(receipt.requestedAt)));
  if (receipt.deletedAt) facts.append(fact("Gone since", clockTime(receipt.deletedAt)));
  facts.append(fact("Attempts", String(receipt.attempts)));
  answer(make("p", { className: `mark ${mood}`, textContent: words }), facts);
}

async function lookUp() {
  const id = element("receipt-id").value.trim();
  if (!id) {
    answer(make("p", { className: "problem", textContent: "Type a user's id." }));
    return;
  }
  try {
    showReceipt(await readReceipt(id));
  } catch (error) {
    const words = error.status === 404
      ? "No erasure of such a user was asked for: the user is there, or never was." : error.message;
    answer(make("p", { className: "problem", textContent: words }));
  }
}

export function startReceipts() {
  element("receipt-form").addEventListener("submit", (event) => {
    event.preventDefault();
    lookUp();
  });
}
