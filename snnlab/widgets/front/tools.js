/** What every widget offers beside its controls: reset, a link to its state, its picture as a file. */

import { make } from "./elements.js";

/** @typedef {import("./view.js").View} View */

/**
 * Three buttons below the controls.  What the reader has changed stands in the page's address, behind
 * the #, so that it can be sent to others; in JupyterLab, where the address is not the page's, not.
 * What was changed in all widgets is kept with the page in the tab's history, and is there again when the
 * reader comes back to it.
 * @param {View} view
 */
export function addTools(view) {
  const { model, first } = view;
  const key = keyOf(view);
  const inPage = !document.body.dataset.jpThemeLight;
  const changes = () =>
    Object.entries(first).flatMap(([trait, value]) => {
      const now = JSON.stringify(model.get(trait));
      return now === JSON.stringify(value) ? [] : [`${trait}=${encodeURIComponent(now)}`];
    });
  const remember = () => {
    if (!inPage) return;
    const changed = changes();
    const bare = location.href.split("#")[0];
    const mine = location.hash.startsWith(`#${key}?`);
    const own = changed.length ? `${bare}#${key}?${changed.join("&")}` : `${bare}#${key}`;
    const all = { ...history.state, [key]: changed };
    history.replaceState(all, "", changed.length || mine ? own : location.href);
  };

  const reset = tool("Reset", () => view.set(first));
  const link = tool("Copy link", async () => {
    remember();
    await copy(location.href);
    link.textContent = "Copied";
    setTimeout(() => (link.textContent = "Copy link"), 1500);
  });
  const save = tool("Save PNG", () => savePicture(view, key));
  view.controls.append(make("div", { className: "snn-tools" }, reset, ...(inPage ? [link] : []), save));

  if (inPage) recall(view, key, first);
  let timer = 0; // an address may not change at every frame
  view.listen("change", () => {
    clearTimeout(timer);
    timer = setTimeout(remember, 300);
  });
  view.cleanups.push(() => clearTimeout(timer));
}

function tool(words, act) {
  const button = make("button", { type: "button", className: "snn-button" }, words);
  button.addEventListener("click", act);
  return button;
}

/** The widget's name in the address: its title, and its number where a page has several of one. */
function keyOf(view) {
  const slug = view.title.toLowerCase().replace(/[^a-z]+/g, "-");
  const before = document.querySelectorAll(`[id^="${slug}"].snn-widget`).length;
  return (view.root.id = before ? `${slug}-${before + 1}` : slug);
}

/** Take over what the history or the address says; where it cannot be drawn, the widget stays as it was. */
function recall(view, key, first) {
  const named = location.hash.startsWith(`#${key}?`) && location.hash.slice(key.length + 2).split("&");
  const kept = history.state?.[key] ?? named;
  if (!kept) return;
  try {
    const given = kept.map((part) => part.split("="));
    const read = Object.fromEntries(given.map(([trait, value]) => [trait, JSON.parse(decodeURIComponent(value))]));
    const fits = ([trait, value]) => trait in first && sameKind(value, first[trait]);
    if (!Object.entries(read).every(fits)) throw new Error("not a state of this widget");
    view.set({ ...first, ...read }); // all at once: what else the reader would move stays
    view.draw();
  } catch {
    view.set(first);
  }
  // who comes back is taken by the browser to where they were
  if (!history.state) requestAnimationFrame(() => view.root.scrollIntoView({ block: "start" }));
}

function sameKind(value, like) {
  if (Array.isArray(like)) {
    return Array.isArray(value) && value.length === like.length && value.every((one, i) => sameKind(one, like[i]));
  }
  return typeof value === typeof like && (typeof value !== "number" || Number.isFinite(value));
}

/** Also where the page was opened from the disk or without https, where there is no clipboard. */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).catch(() => copyOld(text));
  copyOld(text);
}

function copyOld(text) {
  const field = make("textarea", { value: text, className: "snn-copied" });
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

/** The canvases, one below the other on the page's ground, with what the widget says, as PNG. */
function savePicture(view, key) {
  const canvases = [...view.figure.querySelectorAll("canvas")];
  const ratio = window.devicePixelRatio || 1;
  const edge = 16 * ratio;
  const width = Math.max(...canvases.map((canvas) => canvas.width)) + 2 * edge;
  const sheet = make("canvas", { width });
  let pen = sheet.getContext("2d");
  const font = `${13 * ratio}px ${getComputedStyle(view.root).fontFamily}`;
  pen.font = font;
  const lines = wrapped(pen, view.live.textContent, width - 2 * edge);
  sheet.height = canvases.reduce((sum, canvas) => sum + canvas.height + edge, edge) + lines.length * 19 * ratio + edge;
  pen = sheet.getContext("2d");
  pen.fillStyle = view.colours.ground;
  pen.fillRect(0, 0, sheet.width, sheet.height);
  let top = edge;
  for (const canvas of canvases) {
    pen.drawImage(canvas, edge, top);
    top += canvas.height + edge;
  }
  pen.font = font;
  pen.fillStyle = view.colours.ink;
  pen.textBaseline = "top";
  for (const [i, line] of lines.entries()) pen.fillText(line, edge, top + 19 * ratio * i);
  make("a", { href: sheet.toDataURL("image/png"), download: `${key}.png` }).click();
}

function wrapped(pen, text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (pen.measureText(longer).width > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}
