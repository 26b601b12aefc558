/**
 * Enlarges a figure, by its button or by a tap on it, in a dialog over the page.
 *
 * The figure as drawn for wide pages moves into the dialog, and back when that closes: a copy would
 * bring every name in it a second time.
 */
(() => {
  "use strict";

  const PHONE = matchMedia("(max-width: 600px)");

  /** One dialog for all figures of the page. */
  class Large {
    constructor() {
      this.dialog = document.createElement("dialog");
      this.dialog.className = "snn-large";
      const close = document.createElement("button");
      close.className = "snn-large-close";
      close.textContent = "Close";
      close.addEventListener("click", () => this.dialog.close());
      this.room = document.createElement("div");
      this.room.className = "snn-large-room";
      this.room.tabIndex = 0; // it scrolls, also by keyboard
      this.dialog.append(close, this.room);
      this.dialog.addEventListener("click", (event) => {
        if (event.target === this.dialog) this.dialog.close(); // beside the figure
      });
      this.dialog.addEventListener("close", () => this.putBack());
      /** @type {(() => void)} */
      this.putBack = () => {};
      document.body.append(this.dialog);
    }

    /** @param {HTMLElement} figure */
    open(figure) {
      const drawing = /** @type {SVGElement} */ (figure.querySelector("svg.snn-wide"));
      const place = document.createComment("");
      drawing.replaceWith(place);
      this.room.append(drawing);
      this.putBack = () => place.replaceWith(drawing);
      const name = figure.closest("figure")?.querySelector(".caption-number")?.textContent.trim();
      this.dialog.setAttribute("aria-label", name || "Figure");
      this.dialog.showModal();
      this.room.scrollTo(0, 0);
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const figures = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".snn-drawing")]);
    /** @type {Large | undefined} */
    let large;
    const open = (figure) => {
      large ??= new Large();
      large.open(figure);
    };
    for (const figure of figures) {
      const name = figure.closest("figure")?.querySelector(".caption-number")?.textContent.trim();
      const button = document.createElement("button");
      button.className = "snn-enlarge";
      button.textContent = "Enlarge";
      button.setAttribute("aria-label", `Enlarge ${name || "the figure"}`);
      button.addEventListener("click", () => open(figure));
      figure.append(button);
      figure.addEventListener("click", (event) => {
        if (PHONE.matches && event.target !== button) open(figure);
      });
    }
  });
})();
