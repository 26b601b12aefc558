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
  const SMALLEST = 0.6; // of the text; what is wider still has to be scrolled
  const { src } = /** @type {HTMLScriptElement} */ (document.currentScript);

  /** Those in view first, the others in the order in which they are read. */
  function ordered(formulas) {
    const seen = formulas.filter((formula) => {
      const { top, bottom } = formula.getBoundingClientRect();
      return bottom > 0 && top < innerHeight;
    });
    return [...new Set([...seen, ...formulas])];
  }

  /** A formula that is wider than its column gets smaller, so that it is read whole. */
  const column = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const formula = /** @type {HTMLElement} */ (target);
      formula.style.fontSize = "";
      const room = formula.clientWidth;
      const width = formula.querySelector("mjx-math")?.getBoundingClientRect().width ?? 0;
      if (width > room + 1 && room) formula.style.fontSize = `${100 * Math.max(SMALLEST, (room - 2) / width)}%`;
    }
  });

  async function setAll() {
    // @ts-ignore: MathJax is loaded by then
    const { typesetPromise } = window.MathJax;
    const formulas = ordered([...document.querySelectorAll(".math")]);
    for (let i = 0; i < formulas.length; i += AT_ONCE) {
      await new Promise((resolve) => setTimeout(resolve));
      const handful = formulas.slice(i, i + AT_ONCE);
      await typesetPromise(handful);
      handful.forEach((formula) => column.observe(formula));
    }
    alike(formulas);
  }

  /** What is folded or held back could not be measured: it gets the size of the others. */
  function alike(formulas) {
    const set = formulas.map((formula) => formula.querySelector("mjx-container")).filter(Boolean);
    const measured = (one) => one.getClientRects().length && !one.closest("details:not([open])");
    const size = set.find(measured)?.style.fontSize;
    for (const one of set) if (size && !measured(one)) one.style.fontSize = size;
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
