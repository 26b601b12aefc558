/** What the reader moves: each control is one trait of the model, and follows it. */

import { make } from "./elements.js";
import { show } from "./view.js";

/** @typedef {import("./view.js").View} View */

/**
 * A slider and a field for the same number.
 * @param {View} view
 * @param {string} trait
 * @param {{label: string, min: number, max: number, step: number, unit?: string}} options
 */
export function slider(view, trait, options) {
  const part = numberSlider(options, (value) => view.set({ [trait]: value }));
  view.follow(trait, part.write);
  view.controls.append(part.element);
  return part;
}

/**
 * A slider and a field for the same number; the field also takes what lies between two marks.
 * @param {{label: string, min: number, max: number, step: number, unit?: string}} options
 * @param {(value: number) => void} changed
 */
export function numberSlider({ label, min, max, step, unit = "" }, changed) {
  const range = make("input", { type: "range", min, max, step });
  const whole = Number.isInteger(step);
  const field = make("input", { type: "number", min, max, step: whole ? step : "any", "aria-label": `${label}, typed` });
  let now = min;
  const words = () => String(Number(now.toPrecision(6)));
  const write = (/** @type {number} */ value) => {
    now = value;
    range.value = String(value);
    if (field.valueAsNumber !== value) field.value = words();
  };
  range.addEventListener("input", () => changed(Number(range.value)));
  field.addEventListener("beforeinput", (/** @type {InputEvent} */ event) => {
    // where a number has a point, the browser would leave a comma out: 0,2 would be 02
    if (event.data !== "," || (0.5).toLocaleString().includes(",")) return;
    event.preventDefault();
    document.execCommand("insertText", false, ".");
  });
  field.addEventListener("input", () => {
    const value = whole ? Math.round(field.valueAsNumber) : field.valueAsNumber;
    if (value >= min && value <= max) changed(value);
  });
  field.addEventListener("change", () => {
    const value = Math.min(max, Math.max(min, field.valueAsNumber));
    if (!Number.isNaN(value)) changed(whole ? Math.round(value) : value);
    field.value = words(); // also where no number was typed
  });
  const element = make(
    "div",
    { className: "snn-slider" },
    make("label", {}, make("span", {}, label), range),
    field,
    make("span", { className: "snn-unit" }, unit),
  );
  return {
    element,
    write,
    /** @param {number} most the new end of the slider */
    limit(most) {
      max = most;
      range.max = field.max = String(most);
    },
  };
}

/**
 * A slider that moves among given numbers.
 * @param {View} view
 * @param {string} trait
 * @param {{label: string, values: number[]}} options
 */
export function stepped(view, trait, { label, values }) {
  const range = make("input", { type: "range", min: 0, max: values.length - 1, step: 1 });
  const words = make("span", {});
  range.addEventListener("input", () => view.set({ [trait]: values[Number(range.value)] }));
  view.follow(trait, (value) => {
    range.value = String(values.indexOf(value));
    words.textContent = show(value);
    range.setAttribute("aria-valuetext", show(value));
  });
  view.controls.append(make("div", { className: "snn-slider" }, make("label", {}, make("span", {}, label), range), words));
}

/**
 * One of a few: radio buttons.
 * @param {View} view
 * @param {string} trait
 * @param {{label: string, options: Record<string, string>}} settings options: value -> words
 */
export function choice(view, trait, { label, options }) {
  const group = `snn-${Math.random().toString(36).slice(2)}`;
  const buttons = Object.entries(options).map(([value, words]) => {
    const input = make("input", { type: "radio", name: group, value });
    input.addEventListener("change", () => view.set({ [trait]: value }));
    return { input, label: make("label", {}, input, make("span", {}, words)) };
  });
  const element = make(
    "fieldset",
    { className: "snn-choice" },
    make("legend", {}, label),
    make("div", {}, ...buttons.map((button) => button.label)),
  );
  view.follow(trait, (value) => {
    for (const { input } of buttons) input.checked = input.value === String(value);
  });
  view.controls.append(element);
}

/**
 * Options for {@link choice} that are their own words.
 * @param {string[]} names
 */
export function byName(names) {
  return Object.fromEntries(names.map((name) => [name, name]));
}

/**
 * One of many: a list that drops down.
 * @param {View} view
 * @param {string} trait
 * @param {{label: string, options: [value: string | number, words: string][]}} settings
 */
export function select(view, trait, { label, options }) {
  const list = make("select", {}, ...options.map(([, words], k) => make("option", { value: String(k) }, words)));
  list.addEventListener("change", () => view.set({ [trait]: options[Number(list.value)][0] }));
  view.follow(trait, (value) => {
    list.value = String(options.findIndex(([option]) => option === value));
  });
  view.controls.append(make("label", { className: "snn-select" }, make("span", {}, label), list));
}

/**
 * A box to tick.
 * @param {View} view
 * @param {string} trait
 * @param {{label: string}} settings
 */
export function check(view, trait, { label }) {
  const box = make("input", { type: "checkbox" });
  box.addEventListener("change", () => view.set({ [trait]: box.checked }));
  view.follow(trait, (value) => (box.checked = value));
  view.controls.append(make("label", { className: "snn-check" }, box, make("span", {}, label)));
}

/**
 * A button that runs through the steps of a trait; where the reader wants no motion, one step a press.
 * @param {View} view
 * @param {string} trait an integer trait from 0 on
 * @param {{steps: () => number, wait?: number, once?: boolean, next?: () => Record<string, any>}}
 *   options how many steps; milliseconds between two; whether it stops at the last one; what to set
 *   for a step, if it is more than the next number
 * @returns {() => void} begins without a press, from the first step, unless the reader wants no motion
 */
export function play(view, trait, { steps, wait = 350, once = false, next }) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const button = make("button", { type: "button", className: "snn-play" });
  let timer = 0;
  const label = () => {
    button.textContent = still.matches ? "Next step" : timer ? "❚❚ Pause" : "▶ Play";
    view.live.setAttribute("aria-live", timer ? "off" : "polite");
  };
  const advance = () => {
    view.set(next ? next() : { [trait]: (view.model.get(trait) + 1) % steps() });
    if (once && timer && view.model.get(trait) === steps() - 1) pause();
  };
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    label();
  };
  const run = () => {
    if (!still.matches) timer = setInterval(advance, wait);
    label();
  };
  button.addEventListener("click", () => {
    if (timer) return pause();
    advance();
    run();
  });
  still.addEventListener("change", pause);
  view.cleanups.push(pause, () => still.removeEventListener("change", pause));
  label();
  view.controls.append(button);
  return () => {
    if (still.matches || timer) return;
    view.set({ [trait]: 0 });
    run();
  };
}

/**
 * A row of spikes to click in the figure, one button a step, in line with the plots.  One stop for
 * the Tab key; arrows move along the row.
 * @param {View} view
 * @param {{label: string, hint: string, toggle: (step: number) => void}} options
 */
export function toggles(view, { label, hint, toggle }) {
  const row = make("div", { className: "snn-toggles", role: "toolbar", "aria-label": hint });
  const focus = (/** @type {number} */ k) => {
    for (const [i, button] of [...row.children].entries()) button.tabIndex = i === k ? 0 : -1;
    row.children[k].focus();
  };
  row.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const last = row.children.length - 1;
    const k = [...row.children].indexOf(/** @type {any} */ (event.target));
    const to = { ArrowLeft: k - 1, ArrowRight: k + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    focus(Math.min(last, Math.max(0, to)));
  });
  const build = (/** @type {number} */ count) => {
    const buttons = Array.from({ length: count }, (_, k) => {
      const button = make("button", { type: "button", "aria-label": `${label}, step ${k}`, tabIndex: k ? -1 : 0, "data-step": k });
      button.addEventListener("click", () => {
        focus(k);
        toggle(k);
      });
      return button;
    });
    row.replaceChildren(...buttons);
  };
  /** @param {ArrayLike<number>} weights of each step's spike; 0: none */
  const write = (weights) => {
    if (row.children.length !== weights.length) build(weights.length);
    for (const [k, button] of /** @type {HTMLElement[]} */ ([...row.children]).entries()) {
      button.setAttribute("aria-pressed", String(weights[k] !== 0));
      button.style.setProperty("--snn-size", String(Math.min(1, Math.abs(weights[k]))));
      button.dataset.sign = weights[k] < 0 ? "minus" : "plus";
    }
  };
  const element = make("div", {}, make("p", { className: "snn-hint" }, hint), row);
  view.figure.append(element);
  return { element, write };
}
