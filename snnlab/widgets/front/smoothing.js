/** The width of the stand-in gradient against the map that it makes (smoothing.py). */

import { byName, choice, select } from "./controls.js";
import { halfMassArea, largest, pearson, sumOverSteps } from "./numbers.js";
import { arrays } from "./packed.js";
import { Panels } from "./panels.js";
import { overlay, photograph } from "./picture.js";
import { Plot, RIGHT } from "./plot.js";
import { recordedOf } from "./recorded.js";
import { prompts, supposing } from "./prompts.js";
import { show, View } from "./view.js";

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "Grad-CAM and the width of the surrogate");
    const [photo] = arrays(model.get("image"));
    const panels = new Panels(view, { count: 3, columns: 3, aspect: photo.height / photo.width });
    const bars = view.sheet({ height: 230 });
    const widths = model.get("widths");
    select(view, "width", { label: "Width of the triangle, in thresholds", options: widths.map((w) => [w, show(w)]) });
    choice(view, "keep", { label: "When the width changes, keep", options: { height: "its height", area: "its area" } });
    choice(view, "layer", { label: "Layer", options: byName(model.get("layers")) });
    prompts(view, smoothingPrompts(model));

    return view.start(() => {
      const numbers = work(model);
      drawMaps(panels, model, numbers);
      drawWeights(bars, view.colours, numbers);
      const sentence = inWords(model, numbers);
      panels.sheet.describe(`The photograph, SNN Grad-CAM and the twin’s Grad-CAM. ${sentence}`);
      bars.describe("Weights of the channels in both networks, sorted by the twin’s.");
      view.say(sentence);
      return numbers;
    });
  },
};

/** @param {import("./view.js").Model} model */
function smoothingPrompts(model) {
  const [layers, widths] = [model.get("layers"), model.get("widths")];
  const [first, last] = [layers[0], layers[layers.length - 1]];
  const [narrow, wide] = [widths[0], widths[widths.length - 1]];
  const percent = (/** @type {number} */ share) => `${show(100 * share, 3)} %`;
  return [
    {
      set: { layer: last, width: wide },
      ask: `*Layer* ${last} and the largest *Width*: has the map become broader?`,
      answer: ({ area }) =>
        `Half of its mass lies on ${percent(area)} of the area; with the smallest width on ${percent(work(supposing(model, { width: narrow })).area)}.`,
    },
    {
      set: { layer: first, width: narrow },
      ask: `*Layer* ${first} and the smallest *Width*: is the map more concentrated than the twin’s?`,
      answer: ({ area, twinArea }) =>
        `Half of the mass lies on ${percent(area)} of the area, the twin’s on ${percent(twinArea)}.`,
    },
    {
      set: { width: wide, keep: "area" },
      ask: "The largest *Width*, and *When the width changes, keep* its area: does another map come out?",
      answer: ({ map }) =>
        `No: the two correlate by ${show(pearson(map, work(supposing(model, { keep: "height" })).map), 3)}. All weights have got the same factor.`,
    },
  ];
}

/** @param {import("./view.js").Model} model */
function work(model) {
  const [layers, widths] = [model.get("layers"), model.get("widths")];
  const at = layers.indexOf(model.get("layer"));
  const layer = recordedOf(model.get("spikes"))[at];
  const setting = ["height", "area"].indexOf(model.get("keep")) * widths.length + widths.indexOf(model.get("width"));
  const alpha = arrays(model.get("weights"))[setting * layers.length + at].values;
  const twinAlpha = arrays(model.get("twin_weights"))[at].values;
  const twinMap = arrays(model.get("twin_maps"))[at].values;
  const map = sumOverSteps(layer.gradCam(alpha, String(setting)), layer.steps);
  return {
    grid: { height: layer.height, width: layer.width },
    map,
    twinMap,
    alpha,
    twinAlpha,
    area: halfMassArea(map),
    twinArea: halfMassArea(twinMap),
    likeness: pearson(alpha, twinAlpha),
  };
}

function drawMaps(panels, model, { grid, map, twinMap }) {
  const [photo] = arrays(model.get("image"));
  const panel = (title, heat) => ({
    title,
    image: overlay(photo, { ...grid, values: heat }, largest(heat)),
    top: largest(heat),
    smooth: true,
  });
  panels.draw([
    { title: model.get("label"), image: photograph(photo), smooth: true },
    panel(`SNN, width ${show(model.get("width"))}`, map),
    panel("Twin", twinMap),
  ]);
}

/** Each network's weights over its largest, since only their proportions shape a map. */
function drawWeights(sheet, colours, { alpha, twinAlpha }) {
  const pen = sheet.begin();
  const order = Array.from(twinAlpha.keys()).sort((a, b) => twinAlpha[b] - twinAlpha[a]);
  const inOrder = (weights) => {
    const most = largest(weights.map(Math.abs)) || 1;
    return order.map((k) => weights[k] / most);
  };
  const box = { top: 32, right: sheet.width - RIGHT, bottom: 200 };
  const plot = new Plot(pen, colours, box, [-0.5, order.length - 0.5], [-1, 1]);
  plot.axes({ y: "Weight of each channel over the largest", x: " ", xTicks: [], yTicks: [-1, 0, 1] });
  plot.bars(inOrder(alpha), { colour: colours.blue, width: 0.8, opacity: 0.85 });
  plot.line(inOrder(twinAlpha).map((weight, i) => [i, weight]), { colour: colours.orange, width: 2.5 });
  key(pen, colours, sheet.width - RIGHT, 214);
}

function key(pen, colours, right, y) {
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  pen.fillStyle = colours.ink;
  pen.fillText("twin, by which channels are sorted", right, y);
  const twin = right - pen.measureText("twin, by which channels are sorted").width - 26;
  pen.fillStyle = colours.orange;
  pen.fillRect(twin, y - 1.5, 20, 3);
  pen.fillStyle = colours.ink;
  pen.fillText("SNN", twin - 16, y);
  pen.fillStyle = colours.blue;
  pen.fillRect(twin - 16 - pen.measureText("SNN").width - 17, y - 5, 11, 11);
}

function inWords(model, { area, twinArea, likeness }) {
  const percent = (share) => `${show(100 * share, 3)} %`;
  return (
    `${model.get("layer")}, width ${show(model.get("width"))}, ${model.get("keep")} kept: half of the map’s mass lies on ` +
    `${percent(area)} of the area, the twin’s on ${percent(twinArea)}. ` +
    `The weights of the two networks correlate by ${show(likeness, 2)}. Each map has its own scale.`
  );
}
