// What every form here does: a button that shows it is busy, and errors beside the fields they are about.

/**
 * Runs work while the button is disabled and marked busy.
 * @template T
 * @param {HTMLButtonElement} button
 * @param {() => Promise<T>} work
 */
export async function whileBusy(button, work) {
  const hadFocus = document.activeElement === button;
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
    // Disabling a button takes the keyboard focus from it. Give it back unless it has gone somewhere useful.
    if (hadFocus && document.activeElement === document.body) button.focus();
  }
}

/**
 * Shows a Problem: each fault beside its field, the rest in the form's live region. What was typed stays.
 * @param {HTMLFormElement} form
 * @param {{sentence: string, errors: {field: string, detail: string}[]}} problem
 */
export function showProblem(form, { sentence, errors }) {
  clearProblem(form);
  let first = null;
  for (const { field, detail } of errors) {
    const input = form.elements.namedItem(field);
    if (!(input instanceof HTMLInputElement)) continue;
    document.getElementById(`${input.id}-error`).textContent = detail;
    input.setAttribute("aria-invalid", "true");
    first ??= input;
  }
  if (first) first.focus();
  else form.querySelector("[role=status]").textContent = sentence;
}

/** Takes all errors of a form away. */
export function clearProblem(form) {
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const error of form.querySelectorAll(".error")) error.textContent = "";
}
