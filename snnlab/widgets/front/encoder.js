/** A photograph as signed Poisson spikes, step by step (encoder.py). */

import { play, slider } from "./controls.js";
import { correlate, DEVIATION, MEAN, Mersenne, normalise, poisson, spikesSoFar } from "./numbers.js";
import { arrays } from "./packed.js";
import { lay, photograph } from "./picture.js";
import { Plot, RIGHT } from "./plot.js";
import { prompts } from "./prompts.js";
import { show, View } from "./view.js";

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "A photograph in spikes");
    const [photo] = arrays(model.get("pixels"));
    const { height, width } = photo;
    const sheet = view.sheet({ height: (wide) => 30 + (panelWidth(wide) * height) / width });
    const curve = view.sheet({ height: 170 });
    const step = slider(view, "step", { label: "Step t", min: 0, max: model.get("steps") - 1, step: 1 });
    play(view, "step", { steps: () => model.get("steps") });
    slider(view, "factor", { label: "Rate factor", min: 0, max: 3, step: 0.05 });
    slider(view, "steps", { label: "Number of steps T", min: 1, max: 30, step: 1 });
    slider(view, "seed", { label: "Seed of the draws", min: 0, max: 99, step: 1 });
    view.listen("change:steps", () => {
      const last = model.get("steps") - 1;
      step.limit(last);
      step.write(model.get("step"));
      if (model.get("step") > last) view.set({ step: last });
    });

    prompts(view, encoderPrompts(model.get("steps") - 1));

    const x = normalise(Float32Array.from(photo.values, (byte) => byte / 255));
    const draws = latest(firstDraws);
    const encode = latest((/** @type {number} */ factor, /** @type {number} */ steps, /** @type {number} */ seed) => {
      const scaled = x.map((value) => Math.fround(factor) * value);
      const spikes = poisson(scaled, steps, replay(draws(seed, steps * x.length)));
      return { spikes, scaled, correlations: correlate(spikes, scaled, steps) };
    });

    return view.start(() => {
      const [steps, factor] = [model.get("steps"), model.get("factor")];
      const t = Math.min(model.get("step"), steps - 1);
      const run = encode(factor, steps, model.get("seed"));
      const now = { ...spikesSoFar(run.spikes, run.scaled, t), correlation: run.correlations[t] };
      const drawn = (values, byte) => photograph({ values, height, width }, byte);
      drawPanels(sheet, view.colours, [
        { title: factor === 1 ? "Image" : `Image × ${show(factor)}`, image: drawn(run.scaled, coloured) },
        { title: `Spikes, t = ${t}`, image: drawn(now.spikes, (spike) => 127.5 * (1 + spike)) },
        { title: `Mean of ${t + 1} × 2`, image: drawn(now.mean, (mean, channel) => coloured(2 * mean, channel)) },
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

/** @param {number} last step */
function encoderPrompts(last) {
  return [
    {
      set: { factor: 3, step: last },
      ask: "*Rate factor* at 3, the last *Step t*: there is less grain. Is the mean nearer to the image?",
      answer: ({ correlation, rms }) =>
        `Their correlation is ${show(correlation, 3)}, but the mean is off by ${show(rms, 3)}: what is bright or dark cannot spike more than once a step.`,
    },
    {
      set: { steps: 30, step: 29 },
      ask: "*Number of steps T* at 30: when does the curve become flat?",
      answer: ({ correlations }) =>
        `After one step the correlation is ${show(correlations[0], 3)}, after twelve ${show(correlations[11], 3)}, after thirty ${show(correlations[29], 3)}.`,
    },
    {
      set: { factor: 0.5, step: 0 },
      ask: "Half the *Rate factor*, and the first *Step t* alone: how much of the image is in it?",
      answer: ({ count, correlation }) =>
        `${count} values spike, and their correlation with the image is ${show(correlation, 3)}.`,
    },
  ];
}

/**
 * The generator's first numbers, which a change of the rates uses again.
 * @param {number} seed
 * @param {number} count
 */
function firstDraws(seed, count) {
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
 * A normalised value as a byte of its pixel.
 * @param {number} value
 * @param {number} channel
 */
function coloured(value, channel) {
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
 * @param {{title: string, image: HTMLCanvasElement}[]} panels
 */
function drawPanels(sheet, colours, panels) {
  const pen = sheet.begin();
  const width = panelWidth(sheet.width);
  for (const [k, { title, image }] of panels.entries()) {
    const box = { left: k * (width + GAP), top: 24, width, height: (width * image.height) / image.width };
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
