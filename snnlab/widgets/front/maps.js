/** The maps of a photograph side by side, and the neurons behind any place of them (maps.py). */

import { check, choice, play, select, slider } from "./controls.js";
import { contributionScore, pearson, sumOverSteps } from "./numbers.js";
import { Panels, stepEndsTheSum } from "./panels.js";
import { mapImage, photograph } from "./picture.js";
import { Plot, RIGHT } from "./plot.js";
import { bytesOf, floatsOf, largest, partOf, unpackLayers } from "./recorded.js";
import { show, View } from "./view.js";

const SIZE = 64;
const ROWS = 6; // neurons in the raster
const TITLES = {
  equation: "SAM, equation",
  code: "Authors’ code",
  counts: "Counts only",
  rate: "Rate",
  snnGradCam: "SNN Grad-CAM",
  gradCam: "Twin: Grad-CAM",
};

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "Map explorer");
    const panels = new Panels(view, { count: 7 });
    const raster = view.sheet({ height: 318 });
    addControls(view, model);
    panels.pickable(
      (u, v) => view.set({ x: Math.floor(u * SIZE), y: Math.floor(v * SIZE) }),
      (dx, dy) => view.set(moved(model, dx, dy)),
    );
    stepEndsTheSum(view);
    const layers = remember(model);

    return view.start(() => {
      const layer = layers(model.get("image"))[model.get("layer")];
      const numbers = work(model, layer);
      const pixels = partOf(bytesOf(model.get("images")), model.get("image"), 3 * SIZE * SIZE);
      const pen = panels.draw([
        { title: model.get("labels")[model.get("image")], image: photograph(pixels, SIZE, SIZE), smooth: true },
        ...Object.entries(TITLES).map(([name, title], i) => ({
          title,
          image: mapImage(model.get("overlay"), pixels, SIZE, SIZE, numbers[name], layer.shape, numbers.tops[i]),
          top: numbers.tops[i],
          smooth: model.get("overlay"),
        })),
      ]);
      panels.mark(pen, numbers.place, layer.shape.height, layer.shape.width);
      panels.dot(pen, (model.get("x") + 0.5) / SIZE, (model.get("y") + 0.5) / SIZE);
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
 */
function addControls(view, model) {
  select(view, "image", { label: "Photograph", options: model.get("labels").map((words, i) => [i, words]) });
  const names = model.get("shapes").map(({ name }) => name);
  choice(view, "layer", { label: "Layer", options: Object.fromEntries(names.map((name) => [name, name])) });
  slider(view, "gamma", { label: "Decay γ", min: 0, max: 3, step: 0.05 });
  slider(view, "step", { label: "Time-step t", min: 0, max: model.get("steps") - 1, step: 1 });
  check(view, "whole", { label: "Sum over all steps" });
  play(view, "step", { steps: () => model.get("steps") });
  slider(view, "x", { label: "Place: pixels from the left", min: 0, max: SIZE - 1, step: 1 });
  slider(view, "y", { label: "Place: pixels from the top", min: 0, max: SIZE - 1, step: 1 });
  check(view, "overlay", { label: "On the photograph" });
  choice(view, "scale", {
    label: "Scale of equation, code and counts",
    options: { shared: "one for all", own: "its own for each" },
  });
}

/** The layers of a photograph are unpacked when it is first shown. */
function remember(model) {
  const known = new Map();
  return (/** @type {number} */ image) => {
    if (!known.has(image)) {
      known.set(image, unpackLayers(model.get("spikes"), model.get("steps"), model.get("shapes"), image));
    }
    return known.get(image);
  };
}

/** One cell of the layer's grid further, in pixels of the photograph. */
function moved(model, dx, dy) {
  const { height, width } = model.get("shapes").find(({ name }) => name === model.get("layer"));
  const shift = (at, by, cells) => {
    const cell = Math.floor((at * cells) / SIZE) + by;
    return Math.floor(((Math.min(cells - 1, Math.max(0, cell)) + 0.5) * SIZE) / cells);
  };
  return { x: shift(model.get("x"), dx, width), y: shift(model.get("y"), dy, height) };
}

/**
 * @param {import("./view.js").Model} model
 * @param {import("./recorded.js").Recorded} layer
 */
function work(model, layer) {
  const [gamma, step, whole] = [model.get("gamma"), model.get("step"), model.get("whole")];
  const { height, width } = layer.shape;
  const seen = (maps) => (whole ? sumOverSteps(maps, layer.steps) : partOf(maps, step, layer.places));
  const heights = (maps) => largest(whole ? sumOverSteps(maps, layer.steps) : maps);
  const same = [layer.equation(gamma), layer.authorsCode(gamma), layer.counts(gamma)];
  const own = same.map(heights);
  const tops = model.get("scale") === "own" ? own : own.map(() => Math.max(...own));
  const gradCam = layer.gradCam(weightsOf(model));
  const twin = twinMapOf(model);
  const place = Math.floor((model.get("y") * height) / SIZE) * width + Math.floor((model.get("x") * width) / SIZE);
  const [equation, code, counts] = same.map(seen);
  tops.push(heights(layer.rate()), heights(gradCam), largest(twin));
  const maps = { equation, code, counts, rate: seen(layer.rate()), snnGradCam: seen(gradCam), gradCam: twin };
  return { ...maps, likeness: pearson(equation, counts), tops, place, ...strongest(layer, place, gamma) };
}

/** Grad-CAM's weights of the photograph and layer that are shown. */
function weightsOf(model) {
  return pick(model, "weights", ({ channels }) => channels);
}

function twinMapOf(model) {
  return pick(model, "twin_maps", ({ height, width }) => height * width);
}

/** What is stored for the photograph and layer that are shown, in a trait that has it for all. */
function pick(model, trait, sizeOf) {
  const shapes = model.get("shapes");
  const sizes = shapes.map(sizeOf);
  const index = shapes.findIndex(({ name }) => name === model.get("layer"));
  const add = (list) => list.reduce((sum, size) => sum + size, 0);
  const from = model.get("image") * add(sizes) + add(sizes.slice(0, index));
  return floatsOf(model.get(trait)).subarray(from, from + sizes[index]);
}

/** The channels that give most to the sum of SAM at a place, with their spikes and scores. */
function strongest(layer, place, gamma) {
  const { steps, shape } = layer;
  const spikes = layer.at(place);
  const scores = contributionScore(spikes, steps, shape.channels, gamma);
  const given = sumOverSteps(scores.map((n, i) => n * spikes[i]), steps);
  const order = Array.from(given.keys()).sort((a, b) => given[b] - given[a]);
  const channels = order.slice(0, Math.min(ROWS, shape.channels));
  const column = (values, k) => Array.from({ length: steps }, (_, t) => values[t * shape.channels + k]);
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
