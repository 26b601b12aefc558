/**
 * Brings the widgets of a page to life without a kernel.
 *
 * The page carries the state of its widgets (script widget-state+json) and, where each is shown, the
 * id of its model (script widget-view+json), as JupyterLab wrote them.  This script makes the models,
 * imports each front end once and lets it draw behind the script of its view, when that comes near.
 * It asks no other host for anything and also works from the disk.
 */
(() => {
  "use strict";

  const MIME = "application/vnd.jupyter.widget";
  const { state: left } = history; // what widgets kept in it; other scripts of the page may empty it

  /** The part of a Jupyter model that our front ends use; all views of a widget share it. */
  class Model {
    /** @param {Record<string, any>} state */
    constructor(state) {
      this.state = state;
      /** @type {Map<string, Set<() => void>>} */
      this.listeners = new Map();
    }

    /** @param {string} name */
    get(name) {
      return this.state[name];
    }

    /**
     * @param {string} name
     * @param {any} value
     */
    set(name, value) {
      if (Object.is(this.state[name], value)) return;
      this.state[name] = value;
      for (const event of [`change:${name}`, "change"]) {
        for (const listener of [...(this.listeners.get(event) ?? [])]) listener();
      }
    }

    save_changes() {} // there is no kernel

    /**
     * @param {string} event
     * @param {() => void} listener
     */
    on(event, listener) {
      if (!this.listeners.has(event)) this.listeners.set(event, new Set());
      this.listeners.get(event)?.add(listener);
    }

    /**
     * @param {string} event
     * @param {() => void} listener
     */
    off(event, listener) {
      this.listeners.get(event)?.delete(listener);
    }
  }

  /**
   * A widget's state with its binary traits back in their places.
   * @param {{state: Record<string, any>, buffers?: {path: string[], data: string}[]}} entry
   */
  function decoded({ state, buffers = [] }) {
    const whole = { ...state };
    for (const { path, data } of buffers) {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      if (path.length !== 1) throw new Error(`binary data inside ${path[0]} is not supported`);
      whole[path[0]] = new DataView(bytes.buffer);
    }
    return whole;
  }

  /**
   * What a function gives for a key, asked once for each key.
   * @template T
   * @param {(key: string) => T} make
   * @returns {(key: string) => T}
   */
  function once(make) {
    /** @type {Map<string, T>} */
    const known = new Map();
    return (key) => {
      if (!known.has(key)) known.set(key, make(key));
      return /** @type {T} */ (known.get(key));
    };
  }

  const frontEnd = once(async (source) => {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    try {
      return (await import(address)).default;
    } finally {
      URL.revokeObjectURL(address);
    }
  });

  const addStyle = once((css) => {
    const style = document.createElement("style");
    style.textContent = css;
    document.head.append(style);
  });

  /** All widgets of the page, by the ids of their models. */
  function readPage() {
    const script = document.querySelector(`script[type="${MIME}-state+json"]`);
    if (!script) throw new Error("the page does not carry the widget's state");
    return JSON.parse(script.textContent ?? "").state;
  }

  /**
   * Show one view in its place, or a sentence that says why it cannot be shown.
   * @param {Element} script names the model
   * @param {Element} el
   * @param {(id: string) => Model} modelOf
   */
  async function mount(script, el, modelOf) {
    try {
      const model = modelOf(JSON.parse(script.textContent ?? "").model_id);
      if (!model.get("_esm")) throw new Error("it is not a widget of this book");
      if (model.get("_css")) addStyle(model.get("_css"));
      const { render } = await frontEnd(model.get("_esm"));
      if (left) history.replaceState({ ...left, ...history.state }, "");
      const cleanUp = await render({ model, el });
      whenGone(el, cleanUp);
    } catch (error) {
      const message = document.createElement("p");
      message.setAttribute("role", "alert");
      message.className = "snn-error";
      message.textContent = `This figure could not be shown: ${error instanceof Error ? error.message : error}.`;
      el.replaceChildren(message);
    }
  }

  /** @type {Map<Element, () => void>} */
  const mounted = new Map();
  const watcher = new MutationObserver(() => {
    for (const [el, cleanUp] of mounted) {
      if (el.isConnected) continue;
      mounted.delete(el);
      cleanUp();
    }
  });

  /**
   * @param {Element} el
   * @param {(() => void) | undefined} cleanUp called when the view has left the page
   */
  function whenGone(el, cleanUp) {
    if (!mounted.size) watcher.observe(document.body, { childList: true, subtree: true });
    mounted.set(el, cleanUp ?? (() => {}));
  }

  function start() {
    const page = once(readPage);
    const modelOf = once((id) => {
      const entry = page("")[id];
      if (!entry) throw new Error("the page does not carry the widget's state");
      return new Model(decoded(entry));
    });
    /** @type {Map<Element, () => void>} places of views that are not set up yet, in the page's order */
    const waiting = new Map();
    for (const script of document.querySelectorAll(`script[type="${MIME}-view+json"]`)) {
      const el = document.createElement("div");
      script.after(el);
      // a prediction holds back what follows it on the page, so it comes at once
      if (el.closest(".tag_prediction")) mount(script, el, modelOf);
      else waiting.set(el, () => mount(script, el, modelOf));
    }
    whenNear(waiting);
    keepPlace();
  }

  /**
   * Where the address names a section, the page stays there while what stands above it changes its height,
   * until the reader does something.  Most browsers see to that themselves.
   */
  function keepPlace() {
    const came = /** @type {any} */ (performance.getEntriesByType("navigation")[0])?.type;
    if (CSS.supports("overflow-anchor", "auto") || came !== "navigate") return;
    const heights = new ResizeObserver(() => document.getElementById(location.hash.slice(1))?.scrollIntoView());
    heights.observe(document.body);
    for (const act of ["wheel", "touchstart", "pointerdown", "keydown"]) {
      addEventListener(act, () => heights.disconnect(), { once: true, passive: true });
    }
  }

  /**
   * Set up each view when it is a screen away at most: what lies further costs nothing until then.
   * The Tab key goes to controls wherever they are, and an address may name a widget, so these two
   * set up all.
   * @param {Map<Element, () => void>} waiting
   */
  function whenNear(waiting) {
    const setUp = (el) => {
      const act = waiting.get(el);
      waiting.delete(el);
      act?.();
    };
    const near = new IntersectionObserver(
      (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => setUp(entry.target)),
      { rootMargin: "100% 0px" },
    );
    for (const el of waiting.keys()) near.observe(el);
    const all = () => [...waiting.keys()].forEach(setUp);
    addEventListener("keydown", (event) => event.key === "Tab" && all());
    const named = () => location.hash.length > 1 && !document.getElementById(location.hash.slice(1)) && all();
    addEventListener("hashchange", named);
    named();
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
