/**
 * Marks the chapters that were read to their end, beside their names in the list of pages.
 *
 * What was read is kept in this browser alone, and "Forget" forgets it.  Where nothing can be kept,
 * or nothing was read, the page stays as it is.
 */
(() => {
  "use strict";

  const KEY = "seeing-spikes-read";
  const CHAPTER = /^\d+\. /;

  /** The names of the chapters that were read, as in "grad-cam". */
  function kept() {
    try {
      const names = JSON.parse(localStorage.getItem(KEY) ?? "[]");
      return new Set(Array.isArray(names) ? names : []);
    } catch {
      return new Set();
    }
  }

  /** @param {Set<string>} names */
  function keep(names) {
    try {
      localStorage.setItem(KEY, JSON.stringify([...names]));
    } catch {
      // a browser that keeps nothing
    }
  }

  /** @param {string} address */
  const nameOf = (address) => address.split(/[?#]/)[0].split("/").pop()?.replace(/\.html$/, "") ?? "";

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    element.className = className;
    element.append(...children);
    return element;
  }

  function start() {
    const nav = document.querySelector("nav.bd-links");
    if (!nav) return;
    const links = /** @type {HTMLAnchorElement[]} */ ([...nav.querySelectorAll("a.reference.internal")]);
    const chapters = links.filter((link) => CHAPTER.test(link.textContent.trim()));
    const status = make("p", "snn-progress");
    nav.append(status);

    const show = () => {
      const read = kept();
      for (const mark of nav.querySelectorAll(".snn-read")) mark.remove();
      for (const link of chapters) {
        if (read.has(nameOf(link.href))) link.append(make("span", "snn-read", make("span", "visually-hidden", ", read")));
      }
      const count = chapters.filter((link) => read.has(nameOf(link.href))).length;
      status.hidden = !count;
      const forget = make("button", "snn-forget", "Forget");
      forget.addEventListener("click", () => {
        keep(new Set());
        show();
      });
      status.replaceChildren(`${count} of ${chapters.length} chapters read. `, forget);
    };
    show();

    const here = nameOf(location.pathname);
    const end = document.querySelector("footer.prev-next-footer");
    if (!end || !chapters.some((link) => nameOf(link.href) === here)) return;
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      keep(kept().add(here));
      show();
    });
    watcher.observe(end);
  }

  document.addEventListener("DOMContentLoaded", start);
})();
