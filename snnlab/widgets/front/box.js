/** A box that the reader moves and resizes over panels: by the pointer, and with the arrow keys. */

import { draggable } from "./dragging.js";

/** @typedef {{x: number, y: number, wide: number, high: number}} Box in pixels of the photograph */
/** @typedef {{left: number, top: number, width: number, height: number}} Place of a panel, on the canvas */

const GRIP = 12; // how near a corner takes hold of it, on the canvas
const LEAST = 2; // pixels of the photograph

/**
 * A box that lies inside.
 * @param {Box} box
 * @param {number} width of the photograph
 * @param {number} height
 * @returns {Box}
 */
export function inside(box, width, height) {
  const [wide, high] = [Math.min(box.wide, width), Math.min(box.high, height)];
  return { x: Math.min(Math.max(0, box.x), width - wide), y: Math.min(Math.max(0, box.y), height - high), wide, high };
}

/**
 * Draw the box over every panel, a grip at each corner.
 * @param {CanvasRenderingContext2D} pen
 * @param {Place[]} panels
 * @param {Box} box
 * @param {number} width of the photograph
 */
export function drawBox(pen, panels, box, width) {
  for (const panel of panels) {
    const { left, top, right, bottom } = edges(panel, box, width);
    for (const [colour, line] of [["#000", 4], ["#fff", 2]]) {
      pen.strokeStyle = /** @type {string} */ (colour);
      pen.lineWidth = /** @type {number} */ (line);
      pen.strokeRect(left, top, right - left, bottom - top);
    }
    pen.fillStyle = "#fff";
    for (const x of [left, right]) for (const y of [top, bottom]) pen.fillRect(x - 3, y - 3, 6, 6);
  }
}

/** Where the box lies on the canvas. */
function edges(panel, box, width) {
  const scale = panel.width / width;
  return {
    left: panel.left + box.x * scale,
    top: panel.top + box.y * scale,
    right: panel.left + (box.x + box.wide) * scale,
    bottom: panel.top + (box.y + box.high) * scale,
  };
}

/**
 * Let the reader move the box: inside it by dragging, at a corner to resize it, outside with a mouse to
 * draw a new one; arrow keys move it, with shift they resize it.  A finger beside it scrolls the page.
 * @param {import("./panels.js").Panels} panels
 * @param {{width: number, height: number, box: () => Box, set: (box: Box) => void}} options of the
 *   photograph its size; `set` gets what the reader wants
 */
export function addBox(panels, { width, height, box, set }) {
  const { canvas } = panels.sheet;
  canvas.tabIndex = 0;
  canvas.style.cursor = "crosshair";
  const take = (/** @type {number} */ x, /** @type {number} */ y, /** @type {boolean} */ finger) => {
    const near = (/** @type {Place} */ panel) => {
      const [u, v] = [x - panel.left, y - panel.top];
      return u >= -GRIP && u < panel.width + GRIP && v >= -GRIP && v < panel.height + GRIP;
    };
    const held = panels.boxes.find(near);
    const act = held && action(held, box(), width, height, x, y, !finger);
    if (!act) return undefined;
    const scale = held.width / width;
    return (/** @type {number} */ across, /** @type {number} */ down) =>
      set(act((across - held.left) / scale, (down - held.top) / scale));
  };
  draggable(canvas, { take, atOnce: false });
  canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const { x, y, wide, high } = box();
    const [dx, dy] = step;
    if (!event.shiftKey) return set(inside({ x: x + dx, y: y + dy, wide, high }, width, height));
    const resized = { x, y, wide: Math.max(LEAST, wide + dx), high: Math.max(LEAST, high + dy) };
    set({ ...resized, wide: Math.min(resized.wide, width - x), high: Math.min(resized.high, height - y) });
  });
}

/**
 * What a pointer that went down here does from now on.
 * @param {Place} panel
 * @param {Box} box
 * @param {number} width
 * @param {number} height
 * @param {number} px where it went down, on the canvas
 * @param {number} py
 * @param {boolean} draws whether it may draw a new box
 */
function action(panel, box, width, height, px, py, draws) {
  const { left, top, right, bottom } = edges(panel, box, width);
  const scale = panel.width / width;
  const [u, v] = [(px - panel.left) / scale, (py - panel.top) / scale];
  const grip = (from, to) => Math.min(GRIP, (to - from) / 3 + 4); // in a small box there is room to move it
  const atX = [left, right].findIndex((x) => Math.abs(px - x) <= grip(left, right));
  const atY = [top, bottom].findIndex((y) => Math.abs(py - y) <= grip(top, bottom));
  if (atX >= 0 && atY >= 0) {
    return spanFrom(atX ? box.x : box.x + box.wide - 1, atY ? box.y : box.y + box.high - 1, width, height);
  }
  if (px >= left && px <= right && py >= top && py <= bottom) {
    const [du, dv] = [u - box.x, v - box.y];
    return (x, y) => inside({ ...box, x: Math.round(x - du), y: Math.round(y - dv) }, width, height);
  }
  const within = u >= 0 && u < width && v >= 0 && v < height;
  return draws && within ? spanFrom(Math.floor(u), Math.floor(v), width, height) : undefined;
}

/** The box between a pixel and the pointer, at least LEAST on each side. */
function spanFrom(column, row, width, height) {
  const between = (from, to, length) => {
    const end = Math.min(length - 1, Math.max(0, Math.floor(to)));
    const size = Math.max(LEAST, Math.abs(end - from) + 1);
    return [Math.min(from, end, length - size), size];
  };
  return (u, v) => {
    const [[x, wide], [y, high]] = [between(column, u, width), between(row, v, height)];
    return { x, y, wide, high };
  };
}
