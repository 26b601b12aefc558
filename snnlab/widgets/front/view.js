/**
 * The view of a widget: its frame, its canvases, what it says, and when it is drawn.
 *
 * How a widget is written (kernel.js is a short example):
 *
 *   import { slider } from "./controls.js";
 *   import { prompts } from "./prompts.js";
 *   import { show, View } from "./view.js";
 *
 *   export default {
 *     render({ model, el }) {
 *       const view = new View(model, el, "Interval kernel");
 *       const sheet = view.sheet({ height: 200 });
 *       slider(view, "gamma", { label: "Decay γ", min: 0, max: 3, step: 0.05 });
 *       prompts(view, [{ set: { gamma: 0 }, ask: "*Decay γ* at 0: how high?", answer: (n) => show(n.score) }]);
 *       return view.start(() => {
 *         const score = Math.exp(-model.get("gamma"));          // 1. compute from the traits,
 *         const pen = sheet.begin();                            // 2. draw (a 2D context in CSS pixels),
 *         pen.fillRect(0, 0, score * sheet.width, sheet.height);
 *         sheet.describe(`A bar of length ${score}.`);
 *         view.say(`The score is ${show(score)}.`);             // 3. say the key figure in words,
 *         return { score };                                     // 4. hand the numbers to readers and tests.
 *       });
 *     },
 *   };
 *
 * The function given to `start` runs after every change of a trait, of the theme and of the width,
 * at most once a frame.  A control sets its trait and nothing else; `start` returns the clean-up.
 * Read only the model's get, set, save_changes, on and off: a static page has no more.  Modules are
 * joined into one text without imports (snnlab/widgets/base.py), so top-level names differ between
 * modules, imports are `import { a, b } from "./module.js";`, and there is no `import *`.
 */

import { COLOURS, isDark } from "./colours.js";
import { make } from "./elements.js";
import { addTools } from "./tools.js";

/**
 * @typedef {object} Model what anywidget and the page's host script hand to a widget
 * @property {(name: string) => any} get
 * @property {(name: string, value: any) => void} set
 * @property {() => void} save_changes
 * @property {(name: string, listener: () => void) => void} on
 * @property {(name: string, listener: () => void) => void} off
 */

/**
 * A number as a reader wants it: four figures, a true minus sign.
 * @param {number} value
 */
export function show(value, figures = 4) {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "undefined";
  return String(Number(value.toPrecision(figures))).replace("-", "−");
}

/** One view of a widget: title, figure, live text, controls. */
export class View {
  /**
   * @param {Model} model
   * @param {HTMLElement} el
   * @param {string} title
   * @param {object} [options]
   * @param {Record<string, Record<string, any> | ((value: any) => Record<string, any>)>} [options.also]
   *   trait -> what is set with it when the reader moves it, unless that is set at once too
   */
  constructor(model, el, title, { also = {} } = {}) {
    this.model = model;
    this.also = also;
    this.figure = make("div", { className: "snn-figure" });
    this.live = make("p", { className: "snn-live", role: "status", "aria-live": "polite" });
    this.controls = make("div", { className: "snn-controls" });
    this.body = make("div", { className: "snn-body" }, this.figure, this.live, this.controls);
    this.root = make(
      "div",
      { className: "snn-widget", role: "group", "aria-label": title },
      make("p", { className: "snn-title" }, title),
      this.body,
    );
    el.append(this.root);
    this.title = title;
    /** @type {string[]} the traits that have a control */
    this.traits = [];
    /** @type {Record<string, any>} what they were at first */
    this.first = {};
    /** @type {((numbers: any) => void)[]} called with what each drawing has worked out */
    this.afterwards = [];
    /** @type {(() => void)[]} */
    this.cleanups = [];
    this.frame = 0;
    this.stopped = false;
    /** @type {any} what `draw` returned last */
    this.results = {};
    /** @type {any} the message of a failure */
    this.error = null;
    this.draw = () => ({});
  }

  /**
   * Draw now and after every change.
   * @param {() => Record<string, any>} draw returns the numbers that it has worked out
   * @returns {() => void} the clean-up
   */
  start(draw) {
    try {
      this.#begin(draw);
    } catch (error) {
      this.stop(); // nothing goes on by halves
      throw error;
    }
    return () => this.stop();
  }

  #begin(draw) {
    this.draw = draw;
    this.first = Object.fromEntries(this.traits.map((trait) => [trait, this.model.get(trait)]));
    addTools(this);
    this.listen("change", () => this.refresh());
    this.#watch();
    this.redraw();
    if (!this.error) this.#hideStill();
    // For tests, and for the curious in the browser's console
    this.root.numbers = () => {
      if (this.frame) this.redraw();
      return plain(this.results);
    };
    this.root.traits = () => plain(Object.fromEntries(this.traits.map((t) => [t, this.model.get(t)])));
    this.root.redraw = () => this.redraw();
  }

  /** As long as the widget is there: hide its picture, and the box of the page that holds it. */
  #hideStill() {
    const still = `.${this.model.get("_still")}`;
    const boxes = [".output", ".jp-OutputArea-child"].map((box) => `${box}:has(${still})`);
    this.root.append(make("style", {}, `${[still, ...boxes].join()} { display: none; }`));
  }

  /** Follow the theme and the width. */
  #watch() {
    const refresh = () => this.refresh();
    const attributes = new MutationObserver(refresh);
    attributes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    attributes.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
    const width = new ResizeObserver(() => {
      this.live.style.minHeight = "";
      refresh();
    });
    width.observe(this.root);
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", refresh);
    this.cleanups.push(
      () => attributes.disconnect(),
      () => width.disconnect(),
      () => system.removeEventListener("change", refresh),
    );
  }

  /**
   * Listen to the model until the view is cleaned up.
   * @param {string} event
   * @param {() => void} listener
   */
  listen(event, listener) {
    this.model.on(event, listener);
    this.cleanups.push(() => this.model.off(event, listener));
  }

  /** Draw once before the next frame, however much changes until then. */
  refresh() {
    if (!this.frame && !this.stopped) this.frame = requestAnimationFrame(() => this.redraw());
  }

  redraw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.root.dataset.look = isDark() ? "dark" : "light";
    try {
      this.results = this.draw();
      for (const after of this.afterwards) after(this.results);
      this.error?.remove();
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * Say in place that something went wrong.
   * @param {unknown} error
   */
  fail(error) {
    this.error ??= make("p", { className: "snn-error", role: "alert" });
    this.error.textContent = `This figure could not be drawn: ${error instanceof Error ? error.message : error}.`;
    this.root.append(this.error);
  }

  stop() {
    this.stopped = true;
    cancelAnimationFrame(this.frame);
    for (const cleanup of this.cleanups) cleanup();
    this.root.remove();
  }

  /** The colours of the moment: those of the series, and ink, soft, rule and ground of the style sheet. */
  get colours() {
    const style = getComputedStyle(this.root);
    const [blue, orange, green, purple, amber, sky] = COLOURS;
    const [ink, soft, rule, ground] = ["ink", "soft", "rule", "ground"].map((name) =>
      style.getPropertyValue(`--snn-${name}`),
    );
    return { blue: isDark() ? sky : blue, orange, green, purple, amber, sky, ink, soft, rule, ground };
  }

  /**
   * The key figure in words, read out when it changes.  Where it needs fewer lines than before it keeps
   * its height, so that at the end of a page nothing moves under the finger.
   * @param {string} text
   */
  say(text) {
    if (this.live.textContent === text) return;
    this.live.style.minHeight = `${this.live.offsetHeight}px`;
    this.live.textContent = text;
  }

  /**
   * Set traits, here and in Python, and with each what the view's `also` says.
   * @param {Record<string, any>} values
   */
  set(values) {
    const more = Object.entries(values).map(([trait, value]) => {
      const also = this.also[trait];
      return typeof also === "function" ? also(value) : also;
    });
    const all = Object.assign({}, ...more, values);
    for (const [trait, value] of Object.entries(all)) this.model.set(trait, value);
    this.model.save_changes();
  }

  /**
   * Keep a control and its trait equal.
   * @param {string} trait
   * @param {(value: any) => void} write shows the trait's value in the control
   */
  follow(trait, write) {
    this.traits.push(trait);
    write(this.model.get(trait));
    this.listen(`change:${trait}`, () => write(this.model.get(trait)));
  }

  /**
   * A canvas as wide as the figure.
   * @param {{height: number | ((width: number) => number)}} options
   */
  sheet({ height }) {
    const sheet = new Sheet(this, height);
    this.figure.append(sheet.canvas);
    return sheet;
  }
}

/**
 * Typed arrays and arrays of them as plain arrays.
 * @param {any} value
 * @returns {any}
 */
function plain(value) {
  if (ArrayBuffer.isView(value)) return Array.from(/** @type {any} */ (value));
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
  }
  return value;
}

/** A canvas as wide as its column, sharp on every screen; it is an image to screen readers. */
export class Sheet {
  /**
   * @param {View} view
   * @param {number | ((width: number) => number)} height in CSS pixels
   */
  constructor(view, height) {
    this.view = view;
    this.heightFor = typeof height === "number" ? () => height : height;
    this.canvas = make("canvas", { className: "snn-sheet", role: "img", "aria-label": "" });
    this.width = this.height = 0;
  }

  /**
   * Empty the canvas.
   * @returns {CanvasRenderingContext2D} measured in CSS pixels
   */
  begin() {
    this.width = this.canvas.clientWidth || 600;
    this.height = Math.round(this.heightFor(this.width));
    const ratio = window.devicePixelRatio || 1;
    this.canvas.style.height = `${this.height}px`;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = `13px ${getComputedStyle(this.canvas).fontFamily}`;
    pen.lineJoin = "round";
    return pen;
  }

  /**
   * What the canvas shows, for those who cannot see it.
   * @param {string} text
   */
  describe(text) {
    this.canvas.setAttribute("aria-label", text);
  }
}
