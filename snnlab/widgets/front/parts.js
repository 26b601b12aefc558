/**
 * The parts of which every widget is made: the view, its controls, its canvases, colours.
 *
 * How a widget is written (kernel.js is a short example):
 *
 *   import { View } from "./parts.js";
 *
 *   export default {
 *     render({ model, el }) {
 *       const view = new View(model, el, "Interval kernel");
 *       const sheet = view.sheet({ height: 200 });
 *       view.slider("gamma", { label: "Decay γ", min: 0, max: 3, step: 0.05 });
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

/**
 * @typedef {object} Model what anywidget and the page's host script hand to a widget
 * @property {(name: string) => any} get
 * @property {(name: string, value: any) => void} set
 * @property {() => void} save_changes
 * @property {(name: string, listener: () => void) => void} on
 * @property {(name: string, listener: () => void) => void} off
 */

/** snnlab.plotting.COLOURS: blue, vermilion, green, purple, amber, sky, black. */
export const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];

/** The 256 colours of snnlab.plotting.MAP, three bytes each. */
export const MAP = Uint8Array.from(
  atob(
    "AAADAAAEAAAGAQAHAQEJAQELAgEOAgIQAwISBAMUBAMWBQQYBgQbBwUdCAYfCQYhCgcjCwcmDQgoDggqDwktEAkvEgoyEwo0FAs2Fgs5Fws7GQs+GgtAHAxDHQxFHwxHIAxKIgtMJAtOJgtQJwtSKQtUKwpWLQpYLgpaMApcMgldNAlfNQlgNwlhOQliOwlkPAllPglmQAlmQQlnQwpoRQppRgppSAtqSgtqSwxrTQxrTw1sUA1sUg5sUw5tVQ9tVw9tWBBtWhFtWxFuXRJuXxJuYBNuYhRuYxRuZRVuZhVuaBZuahduaxdubRhubhhucBluchltcxptdRttdhtteBxtehxtex1sfR1sfh5sgB9rgR9rgyBrhSBqhiFqiCFqiSJpiyJpjSNpjiRokCRokSVnkyVnlSZmliZmmCdlmShkmyhknCljniljoCpioSthoythpCxgpixfpy1fqS5eqy5drC9crjBbrzFbsTFasjJZtDNYtTNXtzRWuDVWujZVuzdUvTdTvjhSvzlRwTpQwjtPxDxOxT1Nxz5MyD5LyT9Ky0BJzEFIzUJHz0RG0EVE0UZD0kdC1EhB1UlA1ko/10s+2U092k4720863FA53VI43lM331Q24FY04lcz41gy5Fox5Vsw5lwu5l4t518s6GEr6WIq6mQo62Un7Gcm7Wgl7Woj7mwi720h8G8f8HAe8XId8nQc8nUa83cZ83kY9HoW9XwV9X4U9oAS9oER94MQ94UO+IcN+IgM+IoL+YwJ+Y4I+ZAI+pEH+pMG+pUG+pcG+5kG+5sG+50G+54H+6AH+6II+6QK+6YL+6gN+6oO+6wQ+64S+7AU+7EW+7MY+7Ua+7cc+7ke+rsh+r0j+r8l+sEo+cMq+cUs+ccv+Mkx+Ms0+M03988699E89tM/9tVC9ddF9dlI9NtL9NxP895S8+BW8+JZ8uRd8uZg8ehk8elo8ets8e1w8e508fB58fJ98vOB8vSF8/aJ9PeN9fiR9vqV9/uZ+fyd+v2g/P6k",
  ),
  (letter) => letter.charCodeAt(0),
);

/** Room for the labels left and right of every plot, so that plots and rows of toggles line up. */
export const LEFT = 46;
export const RIGHT = 10;

/**
 * A number as a reader wants it: four figures, a true minus sign.
 * @param {number} value
 */
export function show(value, figures = 4) {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "undefined";
  return String(Number(value.toPrecision(figures))).replace("-", "−");
}

/** Whether the page is dark: the book's theme says so, or JupyterLab's, or the reader's system. */
export function isDark() {
  const { theme } = document.documentElement.dataset;
  if (theme) return theme === "dark";
  const { jpThemeLight } = document.body.dataset;
  if (jpThemeLight) return jpThemeLight === "false";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties] set on the element; `data-` and `aria-` as attributes
 * @param {(Node | string)[]} children
 * @returns {any} the element
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (/^(data|aria)-|^role$/.test(name)) element.setAttribute(name, value);
    else /** @type {any} */ (element)[name] = value;
  }
  element.append(...children);
  return element;
}

/** One view of a widget: title, figure, live text, controls. */
export class View {
  /**
   * @param {Model} model
   * @param {HTMLElement} el
   * @param {string} title
   * @param {{side?: boolean}} [layout] side: the controls stand beside the figure where there is room
   */
  constructor(model, el, title, { side = false } = {}) {
    this.model = model;
    this.figure = make("div", { className: "snn-figure" });
    this.live = make("p", { className: "snn-live", role: "status", "aria-live": "polite" });
    this.controls = make("div", { className: "snn-controls" });
    this.root = make(
      "div",
      { className: side ? "snn-widget snn-side" : "snn-widget", role: "group", "aria-label": title },
      make("p", { className: "snn-title" }, title),
      make("div", { className: "snn-body" }, this.figure, this.live, this.controls),
    );
    el.append(this.root);
    /** @type {Sheet[]} */
    this.sheets = [];
    /** @type {string[]} the traits that have a control */
    this.traits = [];
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
    this.draw = draw;
    this.listen("change", () => this.refresh());
    this.#watch();
    this.redraw();
    // For tests, and for the curious in the browser's console
    this.root.numbers = () => {
      if (this.frame) this.redraw();
      return plain(this.results);
    };
    this.root.traits = () => plain(Object.fromEntries(this.traits.map((t) => [t, this.model.get(t)])));
    this.root.redraw = () => this.redraw();
    return () => this.stop();
  }

  /** Follow the theme and the width. */
  #watch() {
    const refresh = () => this.refresh();
    const attributes = new MutationObserver(refresh);
    attributes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    attributes.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
    const width = new ResizeObserver(refresh);
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
   * The key figure in words, read out when it changes.
   * @param {string} text
   */
  say(text) {
    if (this.live.textContent !== text) this.live.textContent = text;
  }

  /**
   * Set traits, here and in Python.
   * @param {Record<string, any>} values
   */
  set(values) {
    for (const [trait, value] of Object.entries(values)) this.model.set(trait, value);
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
   * A slider and a field for the same number.
   * @param {string} trait
   * @param {{label: string, min: number, max: number, step: number, unit?: string}} options
   */
  slider(trait, options) {
    const part = slider(options, (value) => this.set({ [trait]: value }));
    this.follow(trait, part.write);
    this.controls.append(part.element);
    return part;
  }

  /**
   * One of a few: radio buttons.
   * @param {string} trait
   * @param {{label: string, options: Record<string, string>}} settings options: value -> words
   */
  choice(trait, { label, options }) {
    const group = `snn-${Math.random().toString(36).slice(2)}`;
    const buttons = Object.entries(options).map(([value, words]) => {
      const input = make("input", { type: "radio", name: group, value });
      input.addEventListener("change", () => this.set({ [trait]: value }));
      return { input, label: make("label", {}, input, make("span", {}, words)) };
    });
    const element = make(
      "fieldset",
      { className: "snn-choice" },
      make("legend", {}, label),
      make("div", {}, ...buttons.map((button) => button.label)),
    );
    this.follow(trait, (value) => {
      for (const { input } of buttons) input.checked = input.value === String(value);
    });
    this.controls.append(element);
    return { element };
  }

  /**
   * One of many: a list that drops down.
   * @param {string} trait
   * @param {{label: string, options: [value: string | number, words: string][]}} settings
   */
  select(trait, { label, options }) {
    const list = make("select", {}, ...options.map(([, words], k) => make("option", { value: String(k) }, words)));
    list.addEventListener("change", () => this.set({ [trait]: options[Number(list.value)][0] }));
    this.follow(trait, (value) => {
      list.value = String(options.findIndex(([option]) => option === value));
    });
    const element = make("label", { className: "snn-select" }, make("span", {}, label), list);
    this.controls.append(element);
    return { element };
  }

  /**
   * A box to tick.
   * @param {string} trait
   * @param {{label: string}} settings
   */
  check(trait, { label }) {
    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", () => this.set({ [trait]: box.checked }));
    this.follow(trait, (value) => (box.checked = value));
    const element = make("label", { className: "snn-check" }, box, make("span", {}, label));
    this.controls.append(element);
    return { element };
  }

  /**
   * A button that runs through the steps of a trait; where the reader wants no motion, one step a press.
   * @param {string} trait an integer trait from 0 on
   * @param {{steps: () => number, wait?: number}} options how many steps; milliseconds between two
   */
  play(trait, { steps, wait = 350 }) {
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const button = make("button", { type: "button", className: "snn-play" });
    let timer = 0;
    const label = () => {
      button.textContent = still.matches ? "Next step" : timer ? "❚❚ Pause" : "▶ Play";
      this.live.setAttribute("aria-live", timer ? "off" : "polite");
    };
    const advance = () => this.set({ [trait]: (this.model.get(trait) + 1) % steps() });
    const pause = () => {
      clearInterval(timer);
      timer = 0;
      label();
    };
    button.addEventListener("click", () => {
      if (timer) return pause();
      advance();
      if (!still.matches) timer = setInterval(advance, wait);
      label();
    });
    still.addEventListener("change", pause);
    this.cleanups.push(pause, () => still.removeEventListener("change", pause));
    label();
    this.controls.append(button);
    return { element: button, pause };
  }

  /**
   * A row of spikes to click, one button a step, in line with the plots.  One stop for the Tab key;
   * arrows move along the row.
   * @param {{label: string, hint: string, toggle: (step: number) => void}} options
   */
  toggles({ label, hint, toggle }) {
    const part = toggles(label, hint, toggle);
    this.figure.append(part.element);
    return part;
  }

  /**
   * A canvas as wide as the figure.
   * @param {{height: number | ((width: number) => number)}} options
   */
  sheet({ height }) {
    const sheet = new Sheet(this, height);
    this.sheets.push(sheet);
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

/**
 * A slider and a field for the same number; the field also takes what lies between two marks.
 * @param {{label: string, min: number, max: number, step: number, unit?: string}} options
 * @param {(value: number) => void} changed
 */
export function slider({ label, min, max, step, unit = "" }, changed) {
  const range = make("input", { type: "range", min, max, step });
  const whole = Number.isInteger(step);
  const field = make("input", { type: "number", min, max, step: whole ? step : "any", "aria-label": `${label}, typed` });
  const write = (/** @type {number} */ value) => {
    range.value = String(value);
    if (field.valueAsNumber !== value) field.value = String(Number(value.toPrecision(6)));
  };
  range.addEventListener("input", () => changed(Number(range.value)));
  field.addEventListener("input", () => {
    const value = whole ? Math.round(field.valueAsNumber) : field.valueAsNumber;
    if (value >= min && value <= max) changed(value);
  });
  field.addEventListener("change", () => {
    const value = Math.min(max, Math.max(min, field.valueAsNumber));
    if (Number.isNaN(value)) write(Number(range.value));
    else changed(whole ? Math.round(value) : value);
    field.value = String(Number((Number.isNaN(value) ? Number(range.value) : value).toPrecision(6)));
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
 * @param {string} label
 * @param {string} hint
 * @param {(step: number) => void} toggle
 */
function toggles(label, hint, toggle) {
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
      const button = make("button", { type: "button", "aria-label": `${label}, step ${k}`, tabIndex: k ? -1 : 0 });
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
  return { element: make("div", {}, make("p", { className: "snn-hint" }, hint), row), write };
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

/**
 * Axes on a canvas: a box in pixels, and what its edges mean.
 */
export class Plot {
  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {View["colours"]} colours
   * @param {{left?: number, top: number, right: number, bottom: number}} box edges in pixels
   * @param {[number, number]} xs values at the left and right edge
   * @param {[number, number]} ys values at the bottom and top edge
   */
  constructor(pen, colours, { left = LEFT, top, right, bottom }, xs, ys) {
    this.pen = pen;
    this.colours = colours;
    this.box = { left, top, right, bottom };
    this.xs = xs;
    this.ys = ys;
  }

  /** @param {number} value */
  x(value) {
    const [from, to] = this.xs;
    return this.box.left + ((value - from) / (to - from)) * (this.box.right - this.box.left);
  }

  /** @param {number} value */
  y(value) {
    const [from, to] = this.ys;
    return this.box.bottom - ((value - from) / (to - from)) * (this.box.bottom - this.box.top);
  }

  /**
   * Grid lines with their values, and the names of the axes.
   * @param {{x?: string, y?: string, xTicks?: number[], yTicks?: number[]}} names
   */
  axes({ x = "", y = "", xTicks = ticks(...this.xs), yTicks = ticks(...this.ys, 4) }) {
    const { pen, colours, box } = this;
    pen.lineWidth = 1;
    pen.strokeStyle = colours.rule;
    pen.fillStyle = colours.soft;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const value of yTicks) {
      this.#stroke([box.left, this.y(value)], [box.right, this.y(value)]);
      pen.fillText(show(value), box.left - 6, this.y(value));
    }
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const value of x ? xTicks : []) pen.fillText(show(value), this.x(value), box.bottom + 5);
    if (x) pen.fillText(x, (box.left + box.right) / 2, box.bottom + 20);
    pen.fillStyle = colours.ink;
    pen.textAlign = "left";
    pen.textBaseline = "bottom";
    pen.fillText(y, box.left, box.top - 6, box.right - box.left);
  }

  /**
   * What the colours mean, in a line above the plot.
   * @param {[words: string, colour: string][]} entries
   */
  legend(entries) {
    const { pen, colours, box } = this;
    let left = box.left;
    pen.textAlign = "left";
    pen.textBaseline = "bottom";
    for (const [words, colour] of entries) {
      pen.fillStyle = colour;
      pen.fillRect(left, box.top - 18, 10, 10);
      pen.fillStyle = colours.ink;
      pen.fillText(words, left + 15, box.top - 6);
      left += pen.measureText(words).width + 32;
    }
  }

  /**
   * @param {[number, number][]} points values
   * @param {{colour: string, width?: number, dash?: number[], opacity?: number}} style
   */
  line(points, { colour, width = 2, dash = [], opacity = 1 }) {
    const { pen } = this;
    pen.save();
    pen.globalAlpha = opacity;
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(dash);
    pen.beginPath();
    for (const [x, y] of points) pen.lineTo(this.x(x), this.y(y));
    pen.stroke();
    pen.restore();
  }

  /**
   * A level all along the axis, with its name at the right end.
   * @param {number} value
   * @param {{colour: string, name?: string}} style
   */
  level(value, { colour, name = "" }) {
    this.line([[this.xs[0], value], [this.xs[1], value]], { colour, width: 1.5, dash: [5, 4] });
    this.pen.fillStyle = colour;
    this.pen.textAlign = "right";
    this.pen.textBaseline = "bottom";
    this.pen.strokeStyle = this.colours.ground; // a halo: the name stays readable on lines
    this.pen.lineWidth = 4;
    this.pen.strokeText(name, this.box.right, this.y(value) - 2);
    this.pen.fillText(name, this.box.right, this.y(value) - 2);
  }

  /**
   * @param {ArrayLike<number>} values one a step, at 0, 1, ...
   * @param {{colour: string, width?: number, opacity?: number}} style width in steps
   */
  bars(values, { colour, width = 0.6, opacity = 1 }) {
    const { pen } = this;
    pen.save();
    pen.globalAlpha = opacity;
    pen.fillStyle = colour;
    for (let t = 0; t < values.length; t++) {
      const [from, to] = [this.y(0), this.y(values[t])];
      pen.fillRect(this.x(t - width / 2), Math.min(from, to), this.x(width) - this.x(0), Math.abs(to - from));
    }
    pen.restore();
  }

  /**
   * @param {[number, number][]} points values
   * @param {{colour: string, radius?: number, opacity?: number}} style
   */
  dots(points, { colour, radius = 3.5, opacity = 1 }) {
    const { pen } = this;
    pen.save();
    pen.globalAlpha = opacity;
    pen.fillStyle = colour;
    for (const [x, y] of points) {
      pen.beginPath();
      pen.arc(this.x(x), this.y(y), radius, 0, 2 * Math.PI);
      pen.fill();
    }
    pen.restore();
  }

  /**
   * A tick for each spike; a row for each neuron.
   * @param {ArrayLike<number>} spikes [steps][neurons], 0 or 1
   * @param {number} neurons
   * @param {{colour: string}} style
   */
  raster(spikes, neurons, { colour }) {
    const height = (this.box.bottom - this.box.top) / neurons;
    this.pen.strokeStyle = colour;
    this.pen.lineWidth = 2.5;
    for (let at = 0; at < spikes.length; at++) {
      if (!spikes[at]) continue;
      const x = this.x(Math.floor(at / neurons));
      const top = this.box.top + (at % neurons) * height;
      this.#stroke([x, top + 0.1 * height], [x, top + 0.9 * height]);
    }
  }

  /**
   * @param {[number, number]} from pixels
   * @param {[number, number]} to pixels
   */
  #stroke(from, to) {
    this.pen.beginPath();
    this.pen.moveTo(...from);
    this.pen.lineTo(...to);
    this.pen.stroke();
  }
}

/**
 * Round values between two ends.
 * @param {number} low
 * @param {number} high
 * @param {number} about how many
 */
export function ticks(low, high, about = 6) {
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, k) => Number(((first + k) * step).toPrecision(12)));
}

/**
 * A picture of `rows` times `columns` points.
 * @param {number} rows
 * @param {number} columns
 * @param {(place: number, colour: Uint8ClampedArray) => void} colourOf writes red, green and blue of
 *   a place into the first three entries of `colour`
 * @returns {HTMLCanvasElement} to be laid on a sheet with `lay`
 */
export function picture(rows, columns, colourOf) {
  const canvas = make("canvas", { width: columns, height: rows });
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(columns, rows);
  const colour = new Uint8ClampedArray([0, 0, 0, 255]); // one for all places, which is quicker
  for (let place = 0; place < rows * columns; place++) {
    colourOf(place, colour);
    image.data.set(colour, 4 * place);
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

/**
 * A map in the colours of snnlab.plotting.MAP.
 * @param {ArrayLike<number>} values [rows][columns]
 * @param {number} rows
 * @param {number} columns
 * @param {number} top the value of the brightest colour
 * @returns {HTMLCanvasElement} to be laid on a sheet with `lay`
 */
export function heatMap(values, rows, columns, top) {
  return picture(rows, columns, (place, colour) => colour.set(mapColour(top > 0 ? values[place] / top : 0)));
}

/**
 * The colour of a value in [0, 1].
 * @param {number} value
 * @returns {Uint8Array} red, green, blue
 */
export function mapColour(value) {
  const at = Math.min(255, Math.max(0, Math.floor(256 * value)));
  return MAP.subarray(3 * at, 3 * at + 3);
}

/**
 * Lay a picture on a sheet, its title above it.
 * @param {CanvasRenderingContext2D} pen
 * @param {View["colours"]} colours
 * @param {HTMLCanvasElement} image
 * @param {{left: number, top: number, width: number, height: number}} box in pixels
 * @param {{title?: string, smooth?: boolean}} [options] smooth: blend neighbouring points
 */
export function lay(pen, colours, image, { left, top, width, height }, { title = "", smooth = false } = {}) {
  pen.imageSmoothingEnabled = smooth;
  pen.drawImage(image, left, top, width, height);
  pen.fillStyle = colours.ink;
  pen.textAlign = "left";
  pen.textBaseline = "bottom";
  pen.fillText(title, left, top - 5, width);
}
