/** Curves, bars and spikes over axes. */

import { show } from "./view.js";

/** Room for the labels left and right of every plot, so that plots and rows of toggles line up. */
export const LEFT = 46;
export const RIGHT = 10;

/**
 * Axes on a canvas: a box in pixels, and what its edges mean.
 */
export class Plot {
  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {import("./view.js").View["colours"]} colours
   * @param {{left?: number, top: number, right: number, bottom: number}} box edges in pixels
   * @param {[number, number]} xs values at the left and right edge
   * @param {[number, number]} ys values at the bottom and top edge
   */
  constructor(pen, colours, { left = LEFT, top, right, bottom }, xs, ys) {
    this.pen = pen;
    this.colours = colours;
    this.box = { left, top, right, bottom };
    this.xs = xs;
    this.ys = ys;
  }

  /** @param {number} value */
  x(value) {
    const [from, to] = this.xs;
    return this.box.left + ((value - from) / (to - from)) * (this.box.right - this.box.left);
  }

  /** @param {number} value */
  y(value) {
    const [from, to] = this.ys;
    return this.box.bottom - ((value - from) / (to - from)) * (this.box.bottom - this.box.top);
  }

  /**
   * The value at a pixel along the x axis, and at one along the y axis.
   * @param {number} pixel
   */
  xAt(pixel) {
    const [from, to] = this.xs;
    return from + ((pixel - this.box.left) / (this.box.right - this.box.left)) * (to - from);
  }

  /** @param {number} pixel */
  yAt(pixel) {
    const [from, to] = this.ys;
    return from + ((this.box.bottom - pixel) / (this.box.bottom - this.box.top)) * (to - from);
  }

  /**
   * Grid lines with their values, and the names of the axes; `xWords` and `yWords` write a value.
   * @param {{x?: string, y?: string, xTicks?: number[], yTicks?: number[],
   *   xWords?: (value: number) => string, yWords?: (value: number) => string}} names
   */
  axes({
    x = "",
    y = "",
    xTicks = ticks(...this.xs),
    yTicks = ticks(...this.ys, 4),
    xWords = (value) => show(value),
    yWords = (value) => show(value),
  }) {
    const { pen, colours, box } = this;
    pen.lineWidth = 1;
    pen.strokeStyle = colours.rule;
    pen.fillStyle = colours.soft;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const value of yTicks) {
      this.#stroke([box.left, this.y(value)], [box.right, this.y(value)]);
      pen.fillText(yWords(value), box.left - 6, this.y(value));
    }
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const value of x ? xTicks : []) pen.fillText(xWords(value), this.x(value), box.bottom + 5);
    const wide = pen.canvas.clientWidth || 600;
    const half = Math.min(wide, pen.measureText(x).width) / 2; // a name that is wider than the axis stays on the canvas
    const middle = Math.min(wide - half, Math.max(half, (box.left + box.right) / 2));
    if (x) pen.fillText(x, middle, box.bottom + 20, wide);
    pen.fillStyle = colours.ink;
    pen.textAlign = "left";
    pen.textBaseline = "bottom";
    pen.fillText(y, box.left, box.top - 6, box.right - box.left);
  }

  /**
   * What the colours mean, in a line above the plot.
   * @param {[words: string, colour: string][]} entries
   */
  legend(entries) {
    const { pen, colours, box } = this;
    let left = box.left;
    pen.textAlign = "left";
    pen.textBaseline = "bottom";
    for (const [words, colour] of entries) {
      pen.fillStyle = colour;
      pen.fillRect(left, box.top - 18, 10, 10);
      pen.fillStyle = colours.ink;
      pen.fillText(words, left + 15, box.top - 6);
      left += pen.measureText(words).width + 32;
    }
  }

  /**
   * @param {[number, number][]} points values
   * @param {{colour: string, width?: number, dash?: number[], opacity?: number}} style
   */
  line(points, { colour, width = 2, dash = [], opacity = 1 }) {
    const { pen } = this;
    pen.save();
    pen.globalAlpha = opacity;
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(dash);
    pen.beginPath();
    for (const [x, y] of points) pen.lineTo(this.x(x), this.y(y));
    pen.stroke();
    pen.restore();
  }

  /**
   * A level all along the axis, with its name at the right end.
   * @param {number} value
   * @param {{colour: string, name?: string}} style
   */
  level(value, { colour, name = "" }) {
    this.line([[this.xs[0], value], [this.xs[1], value]], { colour, width: 1.5, dash: [5, 4] });
    this.pen.fillStyle = colour;
    this.pen.textAlign = "right";
    this.pen.textBaseline = "bottom";
    this.pen.strokeStyle = this.colours.ground; // a halo: the name stays readable on lines
    this.pen.lineWidth = 4;
    this.pen.strokeText(name, this.box.right, this.y(value) - 2);
    this.pen.fillText(name, this.box.right, this.y(value) - 2);
  }

  /**
   * An upright line at a value of the x axis.
   * @param {number} value
   * @param {{colour: string, ends?: [number, number], dash?: number[]}} style its ends in pixels
   */
  upright(value, { colour, ends = [this.box.top, this.box.bottom], dash = [] }) {
    const { pen } = this;
    pen.save();
    pen.strokeStyle = colour;
    pen.lineWidth = 1.5;
    pen.setLineDash(dash);
    this.#stroke([this.x(value), ends[0]], [this.x(value), ends[1]]);
    pen.restore();
  }

  /**
   * @param {ArrayLike<number>} values one a step, at 0, 1, ...
   * @param {{colour: string, width?: number, opacity?: number}} style width in steps
   */
  bars(values, { colour, width = 0.6, opacity = 1 }) {
    const { pen } = this;
    pen.save();
    pen.globalAlpha = opacity;
    pen.fillStyle = colour;
    for (let t = 0; t < values.length; t++) {
      const [from, to] = [this.y(0), this.y(values[t])];
      pen.fillRect(this.x(t - width / 2), Math.min(from, to), this.x(width) - this.x(0), Math.abs(to - from));
    }
    pen.restore();
  }

  /**
   * @param {[number, number][]} points values
   * @param {{colour: string, radius?: number, opacity?: number}} style
   */
  dots(points, { colour, radius = 3.5, opacity = 1 }) {
    const { pen } = this;
    pen.save();
    pen.globalAlpha = opacity;
    pen.fillStyle = colour;
    for (const [x, y] of points) {
      pen.beginPath();
      pen.arc(this.x(x), this.y(y), radius, 0, 2 * Math.PI);
      pen.fill();
    }
    pen.restore();
  }

  /**
   * A tick for each spike; a row for each neuron.
   * @param {ArrayLike<number>} spikes [steps][neurons], 0 or 1
   * @param {number} neurons
   * @param {{colour: string}} style
   */
  raster(spikes, neurons, { colour }) {
    const height = (this.box.bottom - this.box.top) / neurons;
    this.pen.strokeStyle = colour;
    this.pen.lineWidth = 2.5;
    for (let at = 0; at < spikes.length; at++) {
      if (!spikes[at]) continue;
      const x = this.x(Math.floor(at / neurons));
      const top = this.box.top + (at % neurons) * height;
      this.#stroke([x, top + 0.1 * height], [x, top + 0.9 * height]);
    }
  }

  /**
   * @param {[number, number]} from pixels
   * @param {[number, number]} to pixels
   */
  #stroke(from, to) {
    this.pen.beginPath();
    this.pen.moveTo(...from);
    this.pen.lineTo(...to);
    this.pen.stroke();
  }
}

/**
 * Round values between two ends.
 * @param {number} low
 * @param {number} high
 * @param {number} about how many
 */
export function ticks(low, high, about = 6) {
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, k) => Number(((first + k) * step).toPrecision(12)));
}
