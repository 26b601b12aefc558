/** Things to try: sentences under a widget that set its controls, ask something, and can answer it. */

import { make } from "./elements.js";

/** @typedef {import("./view.js").View} View */

/**
 * @typedef {object} Prompt
 * @property {Record<string, any>} set traits; all others are set as they were at first
 * @property {string} ask one or two sentences; the names of controls stand between stars: *Decay γ*
 * @property {(numbers: any) => string} answer from what the widget has worked out in that state
 */

/**
 * A list of things to try.  Call it before the view starts.
 * @param {View} view
 * @param {Prompt[]} list
 */
export function prompts(view, list) {
  const rows = list.map((prompt) => promptRow(view, prompt));
  view.body.append(
    make(
      "div",
      { className: "snn-prompts", role: "group", "aria-label": `Things to try: ${view.title}` },
      make("p", {}, "Things to try"),
      make("ol", {}, ...rows.map((row) => row.element)),
    ),
  );
  view.afterwards.push((numbers) => {
    for (const row of rows) row.follow(numbers);
  });
}

/**
 * A sentence to press and its answer, which is there as long as the widget stands as the sentence says.
 * @param {View} view
 * @param {Prompt} prompt
 */
function promptRow(view, { set, ask, answer }) {
  let open = false;
  const wanted = () => Object.entries({ ...view.first, ...set });
  const sentence = ask.split("*").map((part, i) => (i % 2 ? make("b", {}, part) : part));
  const button = make("button", { type: "button", className: "snn-prompt", "aria-pressed": "false" }, ...sentence);
  const reveal = make("button", { type: "button", className: "snn-button", hidden: true });
  const words = make("p", { className: "snn-answer", "aria-live": "polite" });
  const follow = (/** @type {any} */ numbers) => {
    const here = wanted().every(([trait, value]) => same(view.model.get(trait), value));
    open &&= here;
    button.setAttribute("aria-pressed", String(here));
    reveal.hidden = !here;
    reveal.textContent = open ? "Hide the answer" : "Show the answer";
    reveal.setAttribute("aria-expanded", String(open));
    words.textContent = open ? answer(numbers) : "";
  };
  button.addEventListener("click", () => {
    view.set(Object.fromEntries(wanted()));
    view.refresh(); // also where nothing has changed
    bringIntoSight(view);
  });
  reveal.addEventListener("click", () => {
    open = !open;
    view.refresh();
  });
  return { element: make("li", {}, button, reveal, words), follow };
}

function same(value, other) {
  return JSON.stringify(value) === JSON.stringify(other);
}

/** What a sentence speaks of may have been scrolled away above it. */
function bringIntoSight(view) {
  const { top, bottom, height } = view.figure.querySelector("canvas").getBoundingClientRect();
  const seen = Math.min(bottom, window.innerHeight) - Math.max(top, 0);
  if (seen < height / 2) view.root.scrollIntoView({ block: "start" });
}

/**
 * The model as it would be with other values of some traits.
 * @param {import("./view.js").Model} model
 * @param {Record<string, any>} values
 * @returns {any} only to be read
 */
export function supposing(model, values) {
  return { get: (/** @type {string} */ trait) => (trait in values ? values[trait] : model.get(trait)) };
}
