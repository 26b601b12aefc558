/** One leaky integrate-and-fire neuron and the gradient that it passes back (neuron.py). */

import { choice, numberSlider, slider, toggles } from "./controls.js";
import { countGradient, lif, surrogateSlope } from "./numbers.js";
import { Plot, RIGHT, ticks } from "./plot.js";
import { prompts } from "./prompts.js";
import { show, View } from "./view.js";

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "One spiking neuron");
    const sheet = view.sheet({ height: 430 });
    const input = incomingSpikes(view);
    const shape = view.sheet({ height: 230 });
    choice(view, "source", { label: "Input", options: { current: "constant current", spikes: "spikes" } });
    const current = slider(view, "current", { label: "Current x", min: -0.5, max: 1.5, step: 0.05 });
    view.controls.append(input.weight);
    slider(view, "leak", { label: "Leak λ", min: 0, max: 1, step: 0.01 });
    slider(view, "threshold", { label: "Threshold θ", min: 0.1, max: 3, step: 0.05 });
    choice(view, "reset", { label: "Reset", options: { soft: "soft: u − θ", hard: "hard: 0" } });
    choice(view, "surrogate", {
      label: "Surrogate slope",
      options: { triangle: "triangle", fast_sigmoid: "fast sigmoid", arctan: "arctan" },
    });
    slider(view, "scale", { label: "Scale", min: 0.05, max: 1, step: 0.05 });
    slider(view, "width", { label: "Width", min: 0.1, max: 3, step: 0.1 });
    prompts(view, neuronPrompts(model));

    return view.start(() => {
      const setting = settings(model);
      const numbers = run(setting);
      current.element.hidden = setting.source !== "current";
      input.show(setting.source === "spikes");
      drawTime(sheet, view.colours, setting, numbers);
      drawShape(shape, view.colours, setting, numbers);
      const sentence =
        `${show(numbers.count)} ${numbers.count === 1 ? "spike" : "spikes"} in ${numbers.spikes.length} steps. ` +
        `With 0.01 more current at every step they are ${show(numbers.more)}; by the surrogate’s gradient ` +
        `${show(numbers.total / 100)} would come to them.`;
      sheet.describe(`Membrane, spikes, surrogate slope and gradient over time. ${sentence}`);
      shape.describe(
        `The ${setting.surrogate.replace("_", " ")} surrogate over the membrane: ${show(setting.scale / setting.threshold)} high at the threshold ${show(setting.threshold)}, with a dot for each step.`,
      );
      view.say(sentence);
      return numbers;
    });
  },
};

/** @param {import("./view.js").Model} model */
function neuronPrompts(model) {
  return [
    {
      set: { source: "current", leak: 1 },
      ask: "*Leak λ* at 1, so nothing is forgotten: how many spikes does the *Current x* give in all?",
      answer: ({ count, spikes }) =>
        `${show(count)}: the current adds up to ${show(spikes.length * model.get("current"))}, and each spike takes the threshold away.`,
    },
    {
      set: { source: "current", current: 0.04 },
      ask: "*Current x* at 0.04: if you wait long enough, does the neuron fire?",
      answer: ({ count, membrane }) =>
        `${show(count)} spikes here. The membrane comes to ${show(Math.max(...membrane))}, and never above ` +
        `x/(1 − λ) = ${show(model.get("current") / (1 - model.get("leak")))}: what comes in and what leaks are equal there.`,
    },
    {
      set: { source: "spikes", surrogate: "triangle", width: 0.3 },
      ask: "*Input* by spikes and a narrow *Width* of 0.3: where the slope is 0, is the gradient 0 too?",
      answer: ({ slopes, gradient }) => {
        const closed = [...slopes].flatMap((slope, t) => (slope === 0 ? [t] : []));
        const heard = closed.filter((t) => gradient[t] > 0);
        return `The slope is 0 at ${closed.length} steps, and at ${heard.length} of them the gradient is not: their current is still in the membrane when it nears the threshold.`;
      },
    },
  ];
}

/**
 * A line on which spikes are clicked, and a slider for the weight of the one clicked last.
 * @param {View} view
 */
function incomingSpikes(view) {
  const weights = () => /** @type {number[]} */ (view.model.get("weights"));
  let chosen = Math.max(0, weights().findIndex((weight) => weight !== 0));
  let latest = weights()[chosen] || 0.6; // what the next spike will weigh
  const put = (/** @type {number} */ step, /** @type {number} */ weight) => {
    chosen = step;
    view.set({ weights: weights().map((old, t) => (t === step ? weight : old)) });
  };
  const train = toggles(view, {
    label: "Incoming spike",
    hint: "Incoming spikes: click the line, or move along it with the arrow keys and press Space",
    toggle: (step) => put(step, weights()[step] ? 0 : latest),
  });
  const weight = numberSlider({ label: "Weight", min: -1, max: 1.5, step: 0.05 }, (value) => {
    latest = value;
    put(chosen, value);
  });
  view.follow("weights", (values) => {
    train.write(values);
    latest = values[chosen] || latest;
    weight.write(latest);
    const name = weight.element.querySelector("label > span");
    name.textContent = `Weight at step ${chosen}`;
  });
  return {
    weight: weight.element,
    show(/** @type {boolean} */ visible) {
      train.element.hidden = weight.element.hidden = !visible;
    },
  };
}

/** @param {import("./view.js").Model} model */
function settings(model) {
  const weights = model.get("weights");
  const source = model.get("source");
  return {
    source,
    currents: Float32Array.from(weights, (weight) => (source === "spikes" ? weight : model.get("current"))),
    leak: model.get("leak"),
    threshold: model.get("threshold"),
    reset: model.get("reset"),
    surrogate: model.get("surrogate"),
    scale: model.get("scale"),
    width: model.get("width"),
  };
}

/** @typedef {ReturnType<typeof settings>} Settings */

/** @param {Settings} setting */
export function run({ currents, leak, threshold, reset, surrogate, scale, width }) {
  const { spikes, before, after } = lif(currents, currents.length, leak, threshold, reset);
  const slopes = Float64Array.from(before, (u) => surrogateSlope(surrogate, u, threshold, scale, width));
  const gradient = countGradient(slopes, spikes, leak, reset);
  const raised = lif(currents.map((x) => x + 0.01), currents.length, leak, threshold, reset).spikes;
  return {
    more: raised.reduce((sum, spike) => sum + spike, 0),
    spikes,
    membrane: before,
    after,
    slopes,
    gradient,
    count: spikes.reduce((sum, spike) => sum + spike, 0),
    total: gradient.reduce((sum, value) => sum + value, 0),
  };
}

/** @typedef {ReturnType<typeof run>} Numbers */

/**
 * @param {import("./view.js").Sheet} sheet
 * @param {View["colours"]} colours
 * @param {Settings} setting
 * @param {Numbers} numbers
 */
function drawTime(sheet, colours, { threshold }, { spikes, membrane, after, slopes, gradient }) {
  const pen = sheet.begin();
  const right = sheet.width - RIGHT;
  /** @type {[number, number]} */
  const xs = [-0.5, spikes.length - 0.5];
  const low = Math.min(0, ...membrane, ...after);
  const high = Math.max(threshold, ...membrane);

  const plot = new Plot(pen, colours, { top: 30, right, bottom: 170 }, xs, [1.08 * low, 1.1 * high]);
  plot.axes({ y: "" });
  plot.legend([["membrane", colours.blue], ["where it fired", colours.orange], ["threshold", colours.soft]]);
  const path = [...membrane].flatMap((u, t) => [[t, u], [t, after[t]]]);
  plot.line(/** @type {[number, number][]} */ (path), { colour: colours.blue, width: 1.6 });
  const points = [...membrane].map((u, t) => /** @type {[number, number]} */ ([t, u]));
  plot.level(threshold, { colour: colours.soft });
  plot.dots(points.filter(([t]) => spikes[t]), { colour: colours.orange });
  plot.dots(points.filter(([t]) => !spikes[t]), { colour: colours.blue, radius: 2.5 });

  const row = new Plot(pen, colours, { top: 202, right, bottom: 228 }, xs, [0, 1]);
  row.axes({ y: "Spikes", yTicks: [] });
  row.raster(spikes, 1, { colour: colours.ink });

  const slope = new Plot(pen, colours, { top: 262, right, bottom: 308 }, xs, [0, 1.05 * Math.max(0.01, ...slopes)]);
  slope.axes({ y: "Surrogate slope ds/du", yTicks: ticks(...slope.ys, 2) });
  slope.bars(slopes, { colour: colours.green });

  const back = new Plot(pen, colours, { top: 342, right, bottom: 390 }, xs, [0, 1.05 * Math.max(0.01, ...gradient)]);
  back.axes({ x: "time-step t", y: "Gradient of the spike count by the current", yTicks: ticks(...back.ys, 2) });
  back.bars(gradient, { colour: colours.purple });
}

/**
 * The surrogate's shape, with the membranes that were visited.
 * @param {import("./view.js").Sheet} sheet
 * @param {View["colours"]} colours
 * @param {Settings} setting
 * @param {Numbers} numbers
 */
function drawShape(sheet, colours, { surrogate, threshold, scale, width }, { spikes, membrane, slopes }) {
  const pen = sheet.begin();
  const right = sheet.width - RIGHT;
  const low = Math.min(-0.5 * threshold, ...membrane);
  const high = Math.max(2.5 * threshold, ...membrane);
  const plot = new Plot(pen, colours, { top: 34, right, bottom: 185 }, [low, high], [0, (1.12 * scale) / threshold]);
  plot.axes({ x: "membrane u before the reset", y: "" });
  plot.legend([["slope ds/du", colours.green], ["a step", colours.blue], ["a step that fired", colours.orange]]);
  plot.line([[threshold, 0], [threshold, plot.ys[1]]], { colour: colours.soft, width: 1.5, dash: [5, 4] });
  const curve = Array.from({ length: 241 }, (_, k) => {
    const u = low + ((high - low) * k) / 240;
    return /** @type {[number, number]} */ ([u, surrogateSlope(surrogate, u, threshold, scale, width)]);
  });
  plot.line(curve, { colour: colours.green });
  const points = [...membrane].map((u, t) => /** @type {[number, number]} */ ([u, slopes[t]]));
  plot.dots(points.filter((_, t) => !spikes[t]), { colour: colours.blue, opacity: 0.75 });
  plot.dots(points.filter((_, t) => spikes[t]), { colour: colours.orange, opacity: 0.75 });
}
