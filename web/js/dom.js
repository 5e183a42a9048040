// Two words that every file of the page uses.

/** @param {string} id */
export const $ = (id) => document.getElementById(id);

/** An element with text in it, never markup: whatever people or servers wrote stays text. */
export function element(tag, text = "", className = "") {
  const node = document.createElement(tag);
  node.textContent = text;
  node.className = className;
  return node;
}
