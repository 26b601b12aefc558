/** The maps of a photograph side by side, and the neurons behind any place of them (maps.py). */

import { byName, check, choice, play, select, slider } from "./controls.js";
import { atStep, contributionScore, largest, pearson, sumOverSteps } from "./numbers.js";
import { arrays } from "./packed.js";
import { Panels } from "./panels.js";
import { differenceMap, heatMap, overlay, photograph } from "./picture.js";
import { Plot, RIGHT } from "./plot.js";
import { recordedOf } from "./recorded.js";
import { prompts } from "./prompts.js";
import { show, View } from "./view.js";

const ROWS = 6; // neurons in the raster
const TITLES = {
  equation: "SAM, equation",
  code: "Authors’ code",
  counts: "Counts only",
  difference: "Equation − counts",
  rate: "Rate",
  snnGradCam: "SNN Grad-CAM",
  gradCam: "Twin: Grad-CAM",
};

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const also = { step: { whole: false } }; // a reader who moves the step wants to see it
    const view = new View(model, el, "Map explorer", { also });
    const { height, width } = photographOf(model);
    const panels = new Panels(view, { count: 8, aspect: height / width });
    const raster = view.sheet({ height: 318 });
    addControls(view, model, height, width);
    prompts(view, MAP_PROMPTS);
    panels.pickable(
      (u, v) => view.set({ x: Math.floor(u * width), y: Math.floor(v * height) }),
      (dx, dy) => view.set(moved(model, dx, dy)),
    );

    return view.start(() => {
      const layer = shown(model, recordedOf(model.get("spikes")));
      const numbers = work(model, layer);
      const photo = photographOf(model);
      const over = model.get("overlay");
      const draw = (name, map, top) => {
        if (name === "difference") return differenceMap(map, top, over ? photo : null);
        return over ? overlay(photo, map, top) : heatMap(map, top);
      };
      const pen = panels.draw([
        { title: model.get("labels")[model.get("image")], image: photograph(photo), smooth: true },
        ...Object.entries(TITLES).map(([name, title], i) => ({
          title,
          image: draw(name, { ...numbers.grid, values: numbers[name] }, numbers.tops[i]),
          top: numbers.tops[i],
          signed: name === "difference",
          smooth: over,
        })),
      ]);
      panels.mark(pen, numbers.place, layer.height, layer.width);
      panels.dot(pen, (model.get("x") + 0.5) / width, (model.get("y") + 0.5) / height);
      drawNeurons(raster, view.colours, numbers, model);
      const sentence = inWords(model, numbers);
      panels.sheet.describe(`${sentence} Arrow keys move the place.`);
      raster.describe(`Spikes and contribution scores of the ${numbers.channels.length} strongest channels.`);
      view.say(sentence);
      return numbers;
    });
  },
};

/**
 * @param {View} view
 * @param {import("./view.js").Model} model
 * @param {number} height of the photographs
 * @param {number} width
 */
function addControls(view, model, height, width) {
  select(view, "image", { label: "Photograph", options: model.get("labels").map((words, i) => [i, words]) });
  choice(view, "layer", { label: "Layer", options: byName(model.get("layers")) });
  slider(view, "gamma", { label: "Decay γ", min: 0, max: 3, step: 0.05 });
  slider(view, "step", { label: "Time-step t", min: 0, max: model.get("steps") - 1, step: 1 });
  check(view, "whole", { label: "Sum over all steps" });
  play(view, "step", { steps: () => model.get("steps") });
  slider(view, "x", { label: "Pixels from left", min: 0, max: width - 1, step: 1 });
  slider(view, "y", { label: "Pixels from top", min: 0, max: height - 1, step: 1 });
  check(view, "overlay", { label: "On the photograph" });
  choice(view, "scale", {
    label: "Scale of equation, code and counts",
    options: { own: "its own for each", shared: "one for all" },
  });
}

const MAP_PROMPTS = [
  {
    set: { gamma: 0, whole: true },
    ask: "*Decay γ* at 0, *Sum over all steps*: what do the intervals add to the counts?",
    answer: ({ likeness }) => `Nothing: SAM and the map of counts correlate by ${show(likeness)}. Without decay they are the same.`,
  },
  {
    set: { whole: false, step: 0 },
    ask: "*Time-step t* at 0: neurons fire, so why is SAM empty?",
    answer: ({ equation, rate }) =>
      `Up to ${show(largest(rate))} neurons of a place fire, and SAM’s largest value is ${show(largest(equation))}: it counts spikes that follow one of the same neuron, and there is none before.`,
  },
  {
    set: { gamma: 3, whole: true, scale: "shared" },
    ask: "*Decay γ* at 3 and *Scale of equation, code and counts* one for all: which of the three can still be seen?",
    answer: ({ equation, code }) =>
      `At its brightest place SAM has ${show(largest(equation))}, the authors’ code ${show(largest(code))}: the code also counts the present step.`,
  },
];

function photographOf(model) {
  return arrays(model.get("images"))[0].part(model.get("image"));
}

/**
 * Of all photographs and layers, what belongs to those that are shown.
 * @template T
 * @param {import("./view.js").Model} model
 * @param {T[]} all
 */
function shown(model, all) {
  const layers = model.get("layers");
  return all[model.get("image") * layers.length + layers.indexOf(model.get("layer"))];
}

/** One cell of the layer's grid further, in pixels of the photograph. */
function moved(model, dx, dy) {
  const [photo, grid] = [photographOf(model), shown(model, arrays(model.get("twin_maps")))];
  const shift = (at, by, cells, size) => {
    const cell = Math.floor((at * cells) / size) + by;
    return Math.floor(((Math.min(cells - 1, Math.max(0, cell)) + 0.5) * size) / cells);
  };
  return {
    x: shift(model.get("x"), dx, grid.width, photo.width),
    y: shift(model.get("y"), dy, grid.height, photo.height),
  };
}

/**
 * @param {import("./view.js").Model} model
 * @param {import("./recorded.js").Recorded} layer
 */
function work(model, layer) {
  const [gamma, step, whole] = [model.get("gamma"), model.get("step"), model.get("whole")];
  const { height, width } = layer;
  const photo = photographOf(model);
  const seen = (maps) => (whole ? sumOverSteps(maps, layer.steps) : atStep(maps, layer.steps, step));
  const heights = (maps) => largest(whole ? sumOverSteps(maps, layer.steps) : maps);
  const same = [layer.equation(gamma), layer.authorsCode(gamma), layer.counts(gamma)];
  const own = same.map(heights);
  const tops = model.get("scale") === "own" ? own : own.map(() => Math.max(...own));
  const gradCam = layer.gradCam(shown(model, arrays(model.get("weights"))).values);
  const twin = shown(model, arrays(model.get("twin_maps"))).values;
  const [row, column] = [(model.get("y") * height) / photo.height, (model.get("x") * width) / photo.width];
  const place = Math.floor(row) * width + Math.floor(column);
  const [equation, code, counts] = same.map(seen);
  const apart = subtract(same[0], same[2]);
  const most = largest((whole ? sumOverSteps(apart, layer.steps) : apart).map(Math.abs));
  tops.push(most, heights(layer.rate()), heights(gradCam), largest(twin));
  const others = { rate: seen(layer.rate()), snnGradCam: seen(gradCam), gradCam: twin };
  const maps = { equation, code, counts, difference: seen(apart), ...others };
  const rest = { likeness: pearson(equation, counts), tops, place, grid: { height, width } };
  return { ...maps, ...rest, ...strongest(layer, place, gamma) };
}

/**
 * @param {Float64Array} these
 * @param {ArrayLike<number>} those
 */
function subtract(these, those) {
  return these.map((value, i) => value - those[i]);
}

/** The channels that give most to the sum of SAM at a place, with their spikes and scores. */
function strongest(layer, place, gamma) {
  const { steps, channels: count } = layer;
  const spikes = layer.at(place);
  const scores = contributionScore(spikes, steps, count, gamma);
  const given = sumOverSteps(scores.map((n, i) => n * spikes[i]), steps);
  const order = Array.from(given.keys()).sort((a, b) => given[b] - given[a]);
  const channels = order.slice(0, Math.min(ROWS, count));
  const column = (values, k) => Array.from({ length: steps }, (_, t) => values[t * count + k]);
  return {
    channels,
    trains: channels.map((k) => column(spikes, k)),
    scores: channels.map((k) => column(scores, k)),
    given: channels.map((k) => given[k]),
  };
}

function drawNeurons(sheet, colours, { channels, trains, scores, given }, model) {
  const pen = sheet.begin();
  const [top, line] = [26, 40];
  const steps = model.get("steps");
  const most = Math.max(0.1, ...scores.flat());
  pen.fillStyle = colours.ink;
  pen.textBaseline = "top";
  pen.textAlign = "left";
  pen.fillText("The channels that give most at this place: spikes, and score N", 0, 8, sheet.width);
  for (const [row, channel] of channels.entries()) {
    const bottom = top + (row + 1) * line - 6;
    const box = { left: 62, top: bottom - line + 10, right: sheet.width - RIGHT - 52, bottom };
    const plot = new Plot(pen, colours, box, [-0.5, steps - 0.5], [0, most]);
    if (!model.get("whole")) {
      pen.fillStyle = colours.rule;
      pen.fillRect(plot.x(model.get("step") - 0.5), box.top - 5, plot.x(1) - plot.x(0), line - 3);
    }
    const last = row === channels.length - 1;
    plot.axes({ yTicks: [], x: last ? "time-step t" : "", xTicks: everyOther(steps) });
    plot.line([[-0.5, 0], [steps - 0.5, 0]], { colour: colours.rule, width: 1 });
    plot.bars(scores[row], { colour: colours.sky, width: 0.9, opacity: 0.75 });
    plot.raster(trains[row], 1, { colour: colours.ink });
    label(pen, colours, sheet, box, `no. ${channel}`, `Σ ${show(given[row], 3)}`);
  }
}

function everyOther(steps) {
  const by = Math.ceil(steps / 12);
  return Array.from({ length: Math.ceil(steps / by) }, (_, i) => i * by);
}

function label(pen, colours, sheet, box, name, sum) {
  const y = (box.top + box.bottom) / 2;
  pen.textBaseline = "middle";
  pen.fillStyle = colours.ink;
  pen.textAlign = "left";
  pen.fillText(name, 0, y);
  pen.textAlign = "right";
  pen.fillText(sum, sheet.width, y);
}

function inWords(model, { equation, code, counts, likeness, place }) {
  const when = model.get("whole") ? "summed over all steps" : `at step ${model.get("step")}`;
  const [byEquation, byCode, byCounts] = [equation, code, counts].map((map) => show(map[place]));
  const drawn = model.get("overlay") ? "over the photograph" : "on their own grid";
  const scale = model.get("scale") === "own" ? "each on its own scale" : "the first three on one scale";
  return (
    `${model.get("layer")} ${when}, γ ${show(model.get("gamma"))}: SAM and its map of counts correlate by ${show(likeness)}. ` +
    `At pixel (${model.get("x")}, ${model.get("y")}) there are ${byEquation} by the equation, ${byCode} by the authors’ ` +
    `code, ${byCounts} by counts alone. ${model.get("answers")[model.get("image")]} Maps ${drawn}, ${scale}.`
  );
}
