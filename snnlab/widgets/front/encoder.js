/** A photograph as signed Poisson spikes, step by step (encoder.py). */

import { play, slider } from "./controls.js";
import { DEVIATION, MEAN, Mersenne, normalise, poisson } from "./numbers.js";
import { lay, picture } from "./picture.js";
import { Plot, RIGHT } from "./plot.js";
import { show, View } from "./view.js";

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "A photograph in spikes");
    const [rows, columns] = model.get("size");
    const sheet = view.sheet({ height: (width) => 30 + (panelWidth(width) * rows) / columns });
    const curve = view.sheet({ height: 170 });
    const step = slider(view, "step", { label: "Step t", min: 0, max: model.get("steps") - 1, step: 1 });
    play(view, "step", { steps: () => model.get("steps") });
    slider(view, "factor", { label: "Rate factor", min: 0, max: 3, step: 0.05 });
    slider(view, "steps", { label: "Number of steps T", min: 1, max: 30, step: 1 });
    slider(view, "seed", { label: "Seed of the draws", min: 0, max: 99, step: 1 });
    view.listen("change:steps", () => {
      const last = model.get("steps") - 1;
      step.limit(last);
      if (model.get("step") > last) view.set({ step: last });
    });

    const x = normalise(Float32Array.from(bytes(model.get("pixels")), (byte) => byte / 255));
    const draws = latest(drawn);
    const encode = latest((/** @type {number} */ factor, /** @type {number} */ steps, /** @type {number} */ seed) => {
      const scaled = x.map((value) => Math.fround(factor) * value);
      const spikes = poisson(scaled, steps, replay(draws(seed, steps * x.length)));
      return { spikes, scaled, correlations: correlate(spikes, scaled, steps) };
    });

    return view.start(() => {
      const [steps, factor] = [model.get("steps"), model.get("factor")];
      const t = Math.min(model.get("step"), steps - 1);
      const run = encode(factor, steps, model.get("seed"));
      const now = at(run, t);
      drawPanels(sheet, view.colours, [rows, columns], [
        { title: factor === 1 ? "Image" : `Image × ${show(factor)}`, value: (i) => coloured(run.scaled[i], i, x.length) },
        { title: `Spikes, t = ${t}`, value: (i) => 127.5 * (1 + now.spikes[i]) },
        { title: `Mean of ${t + 1} × 2`, value: (i) => coloured(2 * now.mean[i], i, x.length) },
      ]);
      drawCurve(curve, view.colours, run.correlations, t);
      const words =
        `Step ${t + 1} of ${steps}: ${now.count.toLocaleString("en")} of ${x.length.toLocaleString("en")} values spike. ` +
        `The mean so far has a correlation of ${show(now.correlation, 3)} with the image, and is off by ${show(now.rms, 3)} (root mean square).`;
      sheet.describe(`The image, its spikes at step ${t}, and the mean of the spikes so far. ${words}`);
      curve.describe(`The correlation over the steps, from ${show(run.correlations[0], 3)} to ${show(run.correlations[steps - 1], 3)}.`);
      view.say(words);
      return { ...now, correlations: run.correlations };
    });
  },
};

/** @param {DataView} view */
function bytes(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/**
 * The generator's first numbers, which a change of the rates uses again.
 * @param {number} seed
 * @param {number} count
 */
function drawn(seed, count) {
  const generator = new Mersenne(seed);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = generator.uniform();
  return values;
}

/** @param {Float32Array} values */
function replay(values) {
  let next = 0;
  return { uniform: () => values[next++] };
}

/**
 * A function that remembers its last result: the step moves more often than what it depends on.
 * @template {any[]} A
 * @template R
 * @param {(...values: A) => R} work
 * @returns {(...values: A) => R}
 */
function latest(work) {
  let key = "";
  /** @type {R} */
  let result;
  return (...values) => {
    if (key !== String(values)) [key, result] = [String(values), work(...values)];
    return result;
  };
}

/**
 * The correlation of the mean of the spikes so far with the image, at each step; 0 while all is silent.
 * @param {Int8Array} spikes [T][n]
 * @param {Float32Array} image [n]
 * @param {number} steps T
 */
export function correlate(spikes, image, steps) {
  const n = image.length;
  const average = image.reduce((sum, value) => sum + value, 0) / n;
  const centred = Float64Array.from(image, (value) => value - average);
  const spread = centred.reduce((sum, value) => sum + value * value, 0);
  const sums = new Int16Array(n);
  return Float64Array.from({ length: steps }, (_, t) => {
    let [sum, squares, product] = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      const value = (sums[i] += spikes[t * n + i]);
      sum += value;
      squares += value * value;
      product += value * centred[i];
    }
    const length = Math.sqrt(spread * (squares - (sum * sum) / n));
    return length > 0 ? product / length : 0;
  });
}

/**
 * What there is to show at step t.
 * @param {{spikes: Int8Array, scaled: Float32Array, correlations: Float64Array}} run
 * @param {number} t
 */
function at({ spikes, scaled, correlations }, t) {
  const n = scaled.length;
  const mean = new Float64Array(n);
  let [count, squares] = [0, 0];
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = i; k < (t + 1) * n; k += n) sum += spikes[k];
    mean[i] = sum / (t + 1);
    count += Math.abs(spikes[t * n + i]);
    squares += (2 * mean[i] - scaled[i]) ** 2;
  }
  return {
    spikes: spikes.subarray(t * n, (t + 1) * n),
    mean,
    count,
    correlation: correlations[t],
    rms: Math.sqrt(squares / n),
  };
}

/**
 * A normalised value as a byte of its pixel.
 * @param {number} value
 * @param {number} i its place in [3][P]
 * @param {number} length 3 P
 */
function coloured(value, i, length) {
  const channel = Math.floor((3 * i) / length);
  return 255 * (value * DEVIATION[channel] + MEAN[channel]);
}

const GAP = 14;

/** @param {number} width of the sheet */
function panelWidth(width) {
  return (width - 2 * GAP) / 3;
}

/**
 * Three pictures in a row.
 * @param {import("./view.js").Sheet} sheet
 * @param {View["colours"]} colours
 * @param {[number, number]} size rows, columns
 * @param {{title: string, value: (i: number) => number}[]} panels value: the byte of colour i of [3][P]
 */
function drawPanels(sheet, colours, [rows, columns], panels) {
  const pen = sheet.begin();
  const width = panelWidth(sheet.width);
  const places = rows * columns;
  for (const [k, { title, value }] of panels.entries()) {
    const image = picture(rows, columns, (place, colour) => {
      for (let channel = 0; channel < 3; channel++) colour[channel] = value(channel * places + place);
    });
    const box = { left: k * (width + GAP), top: 24, width, height: (width * rows) / columns };
    lay(pen, colours, image, box, { title });
  }
}

/**
 * @param {import("./view.js").Sheet} sheet
 * @param {View["colours"]} colours
 * @param {Float64Array} correlations
 * @param {number} t the step that is shown
 */
function drawCurve(sheet, colours, correlations, t) {
  const pen = sheet.begin();
  const right = sheet.width - RIGHT;
  const box = { top: 30, right, bottom: 125 };
  const plot = new Plot(pen, colours, box, [-0.5, correlations.length - 0.5], [0, 1.05]);
  plot.axes({ x: "time-step t", y: "Correlation of the mean so far with the image" });
  const points = [...correlations].map((value, k) => /** @type {[number, number]} */ ([k, value]));
  plot.line(points, { colour: colours.blue });
  plot.dots(points, { colour: colours.blue, radius: 2.5 });
  plot.dots([points[t]], { colour: colours.orange, radius: 6 });
}
