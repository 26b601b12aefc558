/** A page is printed light, also where it is read dark: ink is dark, and paper is not. */
(() => {
  "use strict";

  const { dataset } = document.documentElement;
  /** @type {string | undefined} */
  let before;

  addEventListener("beforeprint", () => {
    before = dataset.theme;
    dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    dataset.theme = before;
  });
})();
