/**
 * Shows what a term means, and which work a citation names, where the pointer or the focus rests.
 *
 * The page carries the words (script #snn-notes, written by book/tools/notes.py), so that nothing is
 * loaded.  The link leads on as before.  Escape hides the note, and the pointer may move onto it.
 */
(() => {
  "use strict";

  const WAIT = 200; // milliseconds, so that a pointer that passes opens nothing

  /** The notes of the page: "glossary.html#term-leak" -> its words. */
  function carried() {
    return JSON.parse(document.getElementById("snn-notes")?.textContent ?? "{}");
  }

  /** @param {Element} link */
  function keyOf(link) {
    const last = (link.getAttribute("href") ?? "").split("/").pop() ?? "";
    return last.startsWith("#") ? `${location.pathname.split("/").pop()}${last}` : last;
  }

  class Note {
    constructor() {
      this.box = document.createElement("div");
      this.box.id = "snn-note";
      this.box.className = "snn-note-box";
      this.box.setAttribute("role", "tooltip");
      this.box.hidden = true;
      this.timer = 0;
      /** @type {HTMLElement | null} */
      this.link = null;
      document.body.append(this.box);
      this.box.addEventListener("pointerenter", () => clearTimeout(this.timer));
      this.box.addEventListener("pointerleave", () => this.later(() => this.hide()));
      document.addEventListener("keydown", (event) => {
        if (event.key === "Escape") this.hide();
      });
    }

    /** @param {() => void} act */
    later(act) {
      clearTimeout(this.timer);
      this.timer = setTimeout(act, WAIT);
    }

    /**
     * @param {HTMLElement} link
     * @param {string} words
     */
    show(link, words) {
      clearTimeout(this.timer);
      this.hide();
      this.link = link;
      link.setAttribute("aria-describedby", this.box.id);
      this.box.textContent = words;
      this.box.hidden = false;
      const at = link.getClientRects()[0] ?? link.getBoundingClientRect();
      const room = document.documentElement.clientWidth - this.box.offsetWidth - 8;
      const below = at.bottom + 4 + this.box.offsetHeight < innerHeight;
      this.box.style.left = `${scrollX + Math.max(8, Math.min(at.left, room))}px`;
      this.box.style.top = `${scrollY + (below ? at.bottom + 4 : at.top - this.box.offsetHeight - 4)}px`;
    }

    hide() {
      clearTimeout(this.timer);
      this.link?.removeAttribute("aria-describedby");
      this.link = null;
      this.box.hidden = true;
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const notes = carried();
    const links = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("article a.reference.internal")]);
    const known = links.filter((link) => notes[keyOf(link)]);
    if (!known.length) return;
    const note = new Note();
    for (const link of known) {
      const words = notes[keyOf(link)];
      link.removeAttribute("title"); // the browser's own note would cover ours
      link.addEventListener("pointerenter", (event) => {
        if (event.pointerType !== "touch") note.later(() => note.show(link, words));
      });
      link.addEventListener("pointerleave", () => note.later(() => note.hide()));
      link.addEventListener("focus", () => note.show(link, words));
      link.addEventListener("blur", () => note.hide());
    }
  });
})();
