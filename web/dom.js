// The few things that the page does to its elements. Text is only ever set as text.

export const element = (id) => document.getElementById(id);

// Leaves an element alone that says it already, so that a screen reader is not told again.
export function say(id, text, className) {
  const found = element(id);
  if (found.textContent !== text) found.textContent = text;
  if (className !== undefined && found.className !== className) found.className = className;
}

export function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

export function show(id, visible) {
  element(id).hidden = !visible;
}

// Runs one action of a button at a time; a failure is said in `words`.
export function onClick(id, words, action) {
  element(id).addEventListener("click", () => act(element(id), words, action));
}

export async function act(button, words, action) {
  button.disabled = true;
  try {
    await action();
  } catch (error) {
    say(words, error.message);
  } finally {
    button.disabled = false;
  }
}
