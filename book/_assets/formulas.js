/**
 * Sets the formulas of a page, a few at a time, so that the page answers at once.
 *
 * MathJax comes when the page has been painted.  The formulas in view are first, then those below and
 * above; between two handfuls the browser may paint and listen.  `MathJax.startup.promise` says when
 * all are set.
 */
(() => {
  "use strict";

  const AT_ONCE = 8; // about 40 ms on a phone
  const { src } = /** @type {HTMLScriptElement} */ (document.currentScript);

  /** Those in view first, the others in the order in which they are read. */
  function ordered(formulas) {
    const seen = formulas.filter((formula) => {
      const { top, bottom } = formula.getBoundingClientRect();
      return bottom > 0 && top < innerHeight;
    });
    return [...new Set([...seen, ...formulas])];
  }

  async function setAll() {
    // @ts-ignore: MathJax is loaded by then
    const { typesetPromise } = window.MathJax;
    const formulas = ordered([...document.querySelectorAll(".math")]);
    for (let i = 0; i < formulas.length; i += AT_ONCE) {
      await new Promise((resolve) => setTimeout(resolve));
      await typesetPromise(formulas.slice(i, i + AT_ONCE));
    }
  }

  function load() {
    const script = document.createElement("script");
    script.src = new URL("mathjax/tex-chtml.js", src).href;
    document.head.append(script);
  }

  // @ts-ignore: its settings, from the page
  window.MathJax = { ...window.MathJax, startup: { typeset: false, pageReady: setAll } };
  requestAnimationFrame(() => setTimeout(load));
})();
