/** The interval kernel and the contribution score of one neuron (kernel.py). */

import { choice, slider, toggles } from "./controls.js";
import { contributionScore, spikeActivationMap } from "./numbers.js";
import { Plot, RIGHT, ticks } from "./plot.js";
import { prompts } from "./prompts.js";
import { show, View } from "./view.js";

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "Kernel and contribution score");
    const spikes = () => /** @type {number[]} */ (model.get("spikes"));
    const train = toggles(view, {
      label: "Spike",
      hint: "Spikes: click the line, or move along it with the arrow keys and press Space",
      toggle(step) {
        view.set({ spikes: spikes().map((spike, t) => (t === step ? 1 - spike : spike)) });
      },
    });
    view.follow("spikes", train.write);
    const sheet = view.sheet({ height: 400 });
    slider(view, "gamma", { label: "Decay γ", min: 0, max: 3, step: 0.05 });
    choice(view, "variant", {
      label: "Map by",
      options: { paper: "the equation", "authors-code": "the authors’ code" },
    });
    prompts(view, kernelPrompts(spikes().length));

    return view.start(() => {
      const numbers = work(spikes(), model.get("gamma"), model.get("variant"));
      drawKernels(sheet, view.colours, spikes(), model.get("gamma"), numbers);
      const sentence = inWords(numbers);
      sheet.describe(`Kernels of ${numbers.count} spikes, their sum at each step, and their shares in the map. ${sentence}`);
      view.say(sentence);
      return numbers;
    });
  },
};

/**
 * @param {number[]} spikes
 * @param {number} gamma
 * @param {"paper" | "authors-code"} variant
 */
function work(spikes, gamma, variant) {
  const train = Uint8Array.from(spikes);
  const steps = train.length;
  const scores = contributionScore(train, steps, 1, gamma);
  const equation = spikeActivationMap(train, steps, 1, 1, gamma);
  const map = spikeActivationMap(train, steps, 1, 1, gamma, variant);
  const add = (/** @type {Float64Array} */ values) => values.reduce((sum, value) => sum + value, 0);
  return {
    variant,
    scores,
    map,
    count: add(Float64Array.from(train)),
    equation: add(equation),
    total: add(map),
    bound: gamma > 0 ? 1 / Math.expm1(gamma) : Infinity,
  };
}

/** @typedef {ReturnType<typeof work>} Numbers */

/** @param {number} steps */
function kernelPrompts(steps) {
  const train = (/** @type {number[]} */ at) => Array.from({ length: steps }, (_, t) => Number(at.includes(t)));
  const row = train([0, 1, 2, 3]);
  const apart = train([0, 1, 2, 3].map((k) => Math.floor((k * (steps - 1)) / 3)));
  return [
    {
      set: { spikes: row, gamma: 0.5 },
      ask: "Four *Spikes* in a row, *Decay γ* at 0.5: how much do they add to the map?",
      answer: ({ total, scores }) =>
        `They add ${show(total)}. The score is highest after the last of them, ${show(Math.max(...scores))}, and decays from there.`,
    },
    {
      set: { spikes: apart, gamma: 0.5 },
      ask: "The same four *Spikes* as far apart as they go: how much is left?",
      answer: ({ total }) => `They add ${show(total)}; in a row they add ${show(work(row, 0.5, "paper").total)}.`,
    },
    {
      set: { spikes: apart, gamma: 0 },
      ask: "The four *Spikes* far apart, *Decay γ* at 0: does it still matter where they stand?",
      answer: ({ total }) =>
        `No: far apart they add ${show(total)}, in a row ${show(work(row, 0, "paper").total)}. Only their number is left.`,
    },
  ];
}

/**
 * @param {import("./view.js").Sheet} sheet
 * @param {import("./view.js").View["colours"]} colours
 * @param {number[]} spikes
 * @param {number} gamma
 * @param {Numbers} numbers
 */
function drawKernels(sheet, colours, spikes, gamma, { variant, scores, map, bound }) {
  const pen = sheet.begin();
  const right = sheet.width - RIGHT;
  /** @type {[number, number]} */
  const xs = [-0.5, spikes.length - 0.5];
  const highest = Math.max(1, ...scores);
  const top = 1.12 * (bound < 1.6 * highest ? Math.max(bound, highest) : highest);

  const above = new Plot(pen, colours, { top: 34, right, bottom: 220 }, xs, [0, top]);
  above.axes({});
  above.legend([["kernel of a spike", colours.orange], ["sum N of those before", colours.blue]]);
  above.bars(scores, { colour: colours.blue, opacity: 0.85 });
  for (const [from, spike] of spikes.entries()) {
    if (spike) above.line(decay(from, xs[1], gamma), { colour: colours.orange, width: 1.5 });
  }
  if (bound <= top) above.level(bound, { colour: colours.soft, name: `bound ${show(bound)}` });

  const below = new Plot(pen, colours, { top: 270, right, bottom: 355 }, xs, [0, 1.08 * Math.max(1, ...map)]);
  below.axes({ x: "time-step t", yTicks: ticks(...below.ys, 3) });
  const added = /** @type {[string, string][]} */ ([["a spike’s share in the map", colours.blue]]);
  below.legend(variant === "paper" ? added : [...added, ["what the code adds", colours.green]]);
  below.bars(map, { colour: colours.green });
  below.bars(scores.map((score, t) => (spikes[t] ? score : 0)), { colour: colours.blue });
}

/**
 * The kernel of a spike, as points of a curve.
 * @param {number} from its step
 * @param {number} to
 * @param {number} gamma
 */
function decay(from, to, gamma) {
  const points = /** @type {[number, number][]} */ ([]);
  for (let t = from; t <= to; t += 0.1) points.push([t, Math.exp(-gamma * (t - from))]);
  return points;
}

/** @param {Numbers} numbers */
function inWords({ variant, scores, count, equation, total, bound }) {
  const spikes = count === 1 ? "1 spike adds" : `${count} spikes add`;
  if (variant === "authors-code") {
    return `${spikes} ${show(total)} to the map by the authors’ code, in place of ${show(equation)} by the equation: it counts the present step, and silent steps too.`;
  }
  const limit = bound === Infinity ? "without decay there is no bound" : `no spike train reaches ${show(bound)}`;
  return `${spikes} ${show(total)} to the map. The highest score is ${show(Math.max(...scores))}; ${limit}.`;
}
