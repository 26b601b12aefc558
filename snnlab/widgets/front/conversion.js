/** A converted network beside its parent: rates against activations, maps, and answers (conversion.py). */

import { byName, choice, select, slider } from "./controls.js";
import { largest, pearson, spikeActivationMap } from "./numbers.js";
import { arrays, oncePerTrait } from "./packed.js";
import { Panels } from "./panels.js";
import { overlay, photograph } from "./picture.js";
import { Plot, RIGHT, ticks } from "./plot.js";
import { prompts } from "./prompts.js";
import { show, View } from "./view.js";

const GAMMA = 0.5; // the paper's
const DOTS = 1500; // at most so many neurons are drawn
const PLOT = 250; // pixels high, axes and names included
const NARROW = 420; // under it the two plots stand one below the other
const SIDE_BY_SIDE = 560; // a page from this width on has room for it

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "Converting a network");
    const [photo] = arrays(model.get("image"));
    const columns = el.clientWidth < SIDE_BY_SIDE ? 2 : 4;
    const panels = new Panels(view, { count: 4, columns, aspect: photo.height / photo.width });
    const plots = view.sheet({ height: (width) => (width < NARROW ? 2 * PLOT : PLOT) });
    slider(view, "steps", { label: "Steps T", min: 1, max: model.get("longest"), step: 1 });
    const percentiles = model.get("percentiles").map((value) => [value, show(value)]);
    select(view, "percentile", { label: "Percentile that gives λ", options: percentiles });
    choice(view, "layer", { label: "Layer", options: byName(model.get("layers")) });
    prompts(view, conversionPrompts(model));

    return view.start(() => {
      const numbers = converted(model);
      drawConvertedMaps(panels, model, photo, numbers);
      drawConvertedPlots(plots, view.colours, model, numbers);
      const sentence = convertedInWords(model, numbers);
      panels.sheet.describe(`The photograph, the rates, the ReLU network’s activations, and SAM. ${sentence}`);
      plots.describe(`Rates against activations, and photographs named rightly against the steps. ${sentence}`);
      view.say(sentence);
      return numbers;
    });
  },
};

/** @param {import("./view.js").Model} model */
function conversionPrompts(model) {
  const [count, longest] = [model.get("count"), model.get("longest")];
  return [
    {
      set: { steps: 1 },
      ask: "*Steps T* 1: each neuron fires once or not at all. Does the network know anything yet?",
      answer: ({ now, likeness }) =>
        `It names ${now} of ${count} photographs; the rates of this layer correlate with the activations by ${show(likeness, 3)}.`,
    },
    {
      set: { steps: longest },
      ask: "As many *Steps T* as were recorded: is it as good as the network that it comes from?",
      answer: ({ now }) => `It names ${now} photographs, the ReLU network ${model.get("parent")}.`,
    },
    {
      set: { percentile: model.get("percentiles")[0] },
      ask: "The lowest *Percentile that gives λ*: how many of this layer’s activations can no rate reach?",
      answer: ({ clipped, rates }) => `${clipped} of ${rates.length}: they lie above λ, and a neuron fires at most once a step.`,
    },
  ];
}

/** A layer's spikes of one percentile: how many each neuron has fired, and SAM, so far, for every T. */
const soFarOf = oncePerTrait((trait) =>
  arrays(trait).map((packed) => {
    /** @type {{fired: Uint8Array, sam: Float64Array, channels: number, height: number, width: number} | undefined} */
    let known;
    return () => (known ??= addUp(packed));
  }),
);

/** @param {import("./packed.js").Shaped} packed spikes [T][C][H][W] */
function addUp({ shape: [steps, channels, height, width], values }) {
  const places = height * width;
  const neurons = channels * places;
  const fired = Uint8Array.from(values); // [T][C][P]; T is at most 255
  for (let i = neurons; i < fired.length; i++) fired[i] += fired[i - neurons];
  const sam = spikeActivationMap(values, steps, channels, places, GAMMA);
  for (let i = places; i < sam.length; i++) sam[i] += sam[i - places];
  return { fired, sam, channels, height, width };
}

/** @param {import("./view.js").Model} model */
function converted(model) {
  const [layers, percentiles, steps] = ["layers", "percentiles", "steps"].map((trait) => model.get(trait));
  const [row, at] = [percentiles.indexOf(model.get("percentile")), layers.indexOf(model.get("layer"))];
  const { fired, sam, channels, height, width } = soFarOf(model.get("spikes"))[row * layers.length + at]();
  const places = height * width;
  const neurons = channels * places;
  const scale = arrays(model.get("scales"))[0].part(row).values[at];
  const activity = arrays(model.get("activity"))[at].values;
  const now = fired.subarray((steps - 1) * neurons, steps * neurons);
  const rates = Float64Array.from(now, (count) => (scale * count) / steps);
  const right = Array.from(percentiles, (_, k) => Array.from(arrays(model.get("right"))[0].part(k).values));
  const [map, parentMap] = [rates, activity].map((values) => overChannels(values, places));
  return {
    grid: { height, width },
    rates,
    activity,
    map,
    parentMap,
    sam: sam.slice((steps - 1) * places, steps * places),
    scale,
    likeness: pearson(rates, activity),
    mapLikeness: pearson(map, parentMap),
    clipped: activity.reduce((sum, value) => sum + (value > scale ? 1 : 0), 0),
    right,
    now: right[row][steps - 1],
  };
}

/** The sum over the channels. */
function overChannels(values, places) {
  const sum = new Float64Array(places);
  for (let i = 0; i < values.length; i++) sum[i % places] += values[i];
  return sum;
}

function drawConvertedMaps(panels, model, photo, { grid, map, parentMap, sam }) {
  const top = largest(parentMap);
  const panel = (title, values, most) => ({
    title,
    image: overlay(photo, { ...grid, values }, most),
    top: most,
    smooth: true,
  });
  panels.draw([
    { title: model.get("title"), image: photograph(photo), smooth: true },
    panel("Rates × λ", map, top),
    panel("ReLU", parentMap, top),
    panel("SAM", sam, largest(sam)),
  ]);
}

function drawConvertedPlots(sheet, colours, model, numbers) {
  const pen = sheet.begin();
  const beside = sheet.width >= NARROW;
  const half = beside ? sheet.width / 2 - 8 : sheet.width;
  drawScatter(pen, colours, { left: 46, top: 30, right: half - RIGHT, bottom: PLOT - 44 }, numbers);
  const [left, top] = beside ? [sheet.width / 2 + 46, 30] : [46, PLOT + 30];
  const box = { left, top, right: sheet.width - RIGHT, bottom: top + PLOT - 74 };
  drawRight(pen, colours, box, model, numbers);
}

/** Each neuron's rate, in the unit of the activations, against its activation. */
function drawScatter(pen, colours, box, { rates, activity, scale }) {
  const most = 1.05 * Math.max(largest(activity), 1e-9);
  const plot = new Plot(pen, colours, box, [0, most], [0, most]);
  const round = ticks(0, most, 4);
  plot.axes({ x: "activation", y: "rate × λ of each neuron", xTicks: round, yTicks: round });
  plot.line([[0, 0], [most, most]], { colour: colours.soft, width: 1, dash: [4, 4] });
  const every = Math.ceil(rates.length / DOTS);
  const dots = Array.from({ length: Math.floor(rates.length / every) }, (_, i) => i * every);
  const inside = dots.filter((i) => rates[i] <= most);
  plot.dots(inside.map((i) => [activity[i], rates[i]]), { colour: colours.blue, radius: 1.8, opacity: 0.55 });
  if (scale < most) plot.level(scale, { colour: colours.orange, name: "λ" });
}

/** How many photographs are named rightly, for every number of steps and every percentile. */
function drawRight(pen, colours, box, model, { right, now }) {
  const [steps, count] = [model.get("steps"), model.get("count")];
  const plot = new Plot(pen, colours, box, [1, Math.max(2, model.get("longest"))], [0, count]);
  plot.axes({ x: "steps T", y: `named rightly, of ${count}; grey: other percentiles` });
  const chosen = model.get("percentiles").indexOf(model.get("percentile"));
  const points = (row) => row.map((value, t) => /** @type {[number, number]} */ ([t + 1, value]));
  for (const [k, row] of right.entries()) {
    if (k !== chosen) plot.line(points(row), { colour: colours.soft, width: 1, opacity: 0.7 });
  }
  plot.line(points(right[chosen]), { colour: colours.blue, width: 2.5 });
  plot.level(model.get("parent"), { colour: colours.orange, name: "ReLU" });
  plot.dots([[steps, now]], { colour: colours.ink, radius: 5 });
}

function convertedInWords(model, { likeness, clipped, rates, now, scale }) {
  const [steps, count] = [model.get("steps"), model.get("count")];
  const share = show((100 * clipped) / rates.length, 2);
  return (
    `After ${steps} step${steps > 1 ? "s" : ""}, percentile ${show(model.get("percentile"))}: ${now} of ${count} photographs ` +
    `are named rightly, by the ReLU network ${model.get("parent")}. In ${model.get("layer")} the rates correlate with the ` +
    `activations by ${show(likeness, 3)}; λ is ${show(scale, 3)}, and ${share} % of the activations lie above it.`
  );
}
