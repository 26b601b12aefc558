/** Photographs and maps in rows of panels, each with the scale of its colours. */

import { mapColour, signedColour } from "./colours.js";
import { draggable } from "./dragging.js";
import { lay } from "./picture.js";
import { show } from "./view.js";

const GAP = 14;
const TITLE = 24;
const SCALE = 26;

/**
 * @typedef {object} Panel
 * @property {string} title
 * @property {HTMLCanvasElement} image
 * @property {number} [top] the value of the brightest colour; left out: a picture without scale
 * @property {[string, string]} [ends] what stands at the ends of the scale, if not 0 and `top`
 * @property {boolean} [signed] its values lie on both sides of 0
 * @property {boolean} [smooth] blend neighbouring points
 * @property {number} [part] how much of the panel's width it takes
 */

/** Panels of one size on one canvas; as many columns as fit. */
export class Panels {
  /**
   * @param {import("./view.js").View} view
   * @param {{count: number, columns?: number, least?: number, most?: number, aspect?: number}} options
   *   at most so many columns, between `least` and `most` pixels wide; aspect: height over width
   */
  constructor(view, { count, columns = 4, least = 97, most = 240, aspect = 1 }) {
    this.view = view;
    this.layout = { count, columns, least, most, aspect };
    /** @type {{left: number, top: number, width: number, height: number}[]} */
    this.boxes = [];
    this.sheet = view.sheet({ height: (width) => this.#layOut(width) });
  }

  /**
   * Where the panels stand.
   * @param {number} width
   * @returns {number} the height that they take
   */
  #layOut(width) {
    const { count, least, most, aspect } = this.layout;
    const fit = Math.floor((width + GAP) / (least + GAP));
    const columns = Math.max(1, Math.min(this.layout.columns, fit, count));
    const size = Math.min(most, (width - (columns - 1) * GAP) / columns);
    const line = TITLE + size * aspect + SCALE;
    this.boxes = Array.from({ length: count }, (_, i) => ({
      left: (i % columns) * (size + GAP),
      top: Math.floor(i / columns) * line + TITLE,
      width: size,
      height: size * aspect,
    }));
    return Math.ceil(count / columns) * line;
  }

  /** @param {Panel[]} panels */
  draw(panels) {
    const pen = this.sheet.begin();
    const colours = this.view.colours;
    for (const [i, { title, image, top, ends, signed = false, smooth = false, part = 1 }] of panels.entries()) {
      const { width, ...box } = this.boxes[i];
      lay(pen, colours, image, { ...box, width: part * width }, { smooth });
      pen.fillText(title, box.left, box.top - 5, width);
      if (top !== undefined) drawScale(pen, colours, this.boxes[i], signed, ends ?? scaleEnds(top, signed));
    }
    return pen;
  }

  /**
   * Outline a cell of a grid in every panel.
   * @param {CanvasRenderingContext2D} pen
   * @param {number} place
   * @param {number} rows
   * @param {number} columns
   */
  mark(pen, place, rows, columns) {
    for (const { left, top, width, height } of this.boxes) {
      const [w, h] = [width / columns, height / rows];
      const [x, y] = [left + (place % columns) * w, top + Math.floor(place / columns) * h];
      for (const [colour, line] of [["#000", 4], ["#fff", 2]]) {
        pen.strokeStyle = /** @type {string} */ (colour);
        pen.lineWidth = /** @type {number} */ (line);
        pen.strokeRect(x, y, w, h);
      }
    }
  }

  /**
   * A point in every panel.
   * @param {CanvasRenderingContext2D} pen
   * @param {number} u in 0..1
   * @param {number} v in 0..1
   */
  dot(pen, u, v) {
    for (const { left, top, width, height } of this.boxes) {
      pen.fillStyle = "#fff";
      pen.beginPath();
      pen.arc(left + u * width, top + v * height, 2.5, 0, 2 * Math.PI);
      pen.fill();
    }
  }

  /**
   * Let the reader pick a point of any panel: by a click, by dragging, or with the arrow keys.  (Give
   * the place a slider too: a canvas has no value that a screen reader could tell.)
   * @param {(x: number, y: number) => void} pick called with a point in 0..1
   * @param {(dx: number, dy: number) => void} move called with -1, 0 or 1
   */
  pickable(pick, move) {
    const { canvas } = this.sheet;
    canvas.tabIndex = 0;
    canvas.style.cursor = "crosshair";
    canvas.style.touchAction = "pan-y"; // up and down, a finger still scrolls the page
    const inside = (/** @type {number} */ share) => Math.min(0.999999, Math.max(0, share));
    const take = (/** @type {number} */ x, /** @type {number} */ y) => {
      const held = this.boxes.find((b) => x >= b.left && x < b.left + b.width && y >= b.top && y < b.top + b.height);
      if (!held) return undefined;
      const { left, top, width, height } = held;
      return (/** @type {number} */ across, /** @type {number} */ down) =>
        pick(inside((across - left) / width), inside((down - top) / height));
    };
    draggable(canvas, { take });
    canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      move(step[0], step[1]);
    });
  }
}

/** @returns {[string, string]} */
function scaleEnds(most, signed) {
  return signed ? [show(-most, 2), show(most, 2)] : ["0", show(most, 3)];
}

function drawScale(pen, colours, { left, top, width, height }, signed, [low, high]) {
  const y = top + height + 6;
  const ramp = pen.createLinearGradient(left, 0, left + width, 0);
  for (let i = 0; i <= 8; i++) {
    const colour = signed ? signedColour(i / 4 - 1) : mapColour(i / 8);
    ramp.addColorStop(i / 8, `rgb(${colour.join(",")})`);
  }
  pen.fillStyle = ramp;
  pen.fillRect(left, y, width, 4);
  pen.fillStyle = colours.soft;
  pen.textBaseline = "top";
  pen.save();
  pen.font = pen.font.replace("13px", "11.5px");
  pen.textAlign = "left";
  pen.fillText(low, left, y + 6);
  pen.textAlign = "right";
  pen.fillText(high, left + width, y + 6);
  pen.restore();
}
