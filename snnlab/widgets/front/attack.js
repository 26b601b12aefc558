/** A photograph under attack: answers and maps of both networks, before and after (attack.py). */

import { make } from "./elements.js";
import { select, slider } from "./controls.js";
import { changed, largest, pearson, softmax, sumOverSteps } from "./numbers.js";
import { arrays } from "./packed.js";
import { Panels } from "./panels.js";
import { overlay, photograph } from "./picture.js";
import { recordedOf } from "./recorded.js";
import { prompts, supposing } from "./prompts.js";
import { show, View } from "./view.js";

const BARS = 4;
const NAMES = ["Spiking network", "ReLU twin"];

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "Under attack");
    const [photo] = arrays(model.get("image"));
    const rows = NAMES.map((name) => {
      view.figure.append(make("p", { className: "snn-row" }, `${name}, attacked through its own gradient`));
      return new Panels(view, { count: 5, columns: 5, aspect: photo.height / photo.width });
    });
    const bars = view.sheet({ height: (width) => (width < 560 ? 2 : 1) * (30 + 25 * BARS) });
    select(view, "epsilon", {
      label: "Largest change of a pixel, ε",
      options: model.get("epsilons").map((value) => [value, value ? `${show(value)}/255` : "0: no attack"]),
    });
    slider(view, "gamma", { label: "Decay γ of SAM", min: 0, max: 3, step: 0.05 });
    prompts(view, attackPrompts(model));

    return view.start(() => {
      const numbers = work(model);
      const sentence = inWords(model, numbers);
      for (const [network, panels] of rows.entries()) {
        drawRow(panels, model, network, numbers);
        panels.sheet.describe(`Photograph, attacked picture, change, and map before and after. ${sentence}`);
      }
      drawBars(bars, view.colours, model, numbers);
      bars.describe(sentence);
      view.say(sentence);
      return numbers;
    });
  },
};

/** @param {import("./view.js").Model} model */
function attackPrompts(model) {
  const [label, classes] = [model.get("label"), model.get("classes")];
  return [
    {
      set: { epsilon: Math.max(...model.get("epsilons")) },
      ask: "The strongest attack, by *Largest change of a pixel, ε*: which network still holds on to the label?",
      answer: ({ scores }) =>
        `The spiking network gives ${classes[label]} ${show(100 * scores[0][1][label], 3)} %, the twin ${show(100 * scores[1][1][label], 3)} %.`,
    },
    {
      set: { epsilon: Math.min(...model.get("epsilons")), gamma: 1 },
      ask: "The weakest by *Largest change of a pixel, ε* (0: none) and *Decay γ* at 1: does a map move?",
      answer: ({ stability }) =>
        `SAM correlates with the one before by ${show(stability[0], 3)}, the twin’s Grad-CAM by ${show(stability[1], 3)}.`,
    },
    {
      set: { gamma: 0 },
      ask: "*Decay γ* at 0, where SAM is the map of counts: is it less stable without intervals?",
      answer: ({ stability }) =>
        `It correlates with the one before by ${show(stability[0], 3)}; with γ = 0.5 by ${show(work(supposing(model, { gamma: 0.5 })).stability[0], 3)}.`,
    },
  ];
}

/** @param {import("./view.js").Model} model */
function work(model) {
  const at = model.get("epsilons").indexOf(model.get("epsilon"));
  const recorded = recordedOf(model.get("spikes")); // one for each epsilon
  const sam = recorded.map((layer) => sumOverSteps(layer.equation(model.get("gamma")), layer.steps));
  const [twins] = arrays(model.get("twin_maps"));
  const [logits] = arrays(model.get("logits"));
  const twin = (i) => twins.part(i).values;
  const before = [sam[0], twin(0)];
  const after = [sam[at], twin(at)];
  return {
    at,
    grid: { height: twins.height, width: twins.width },
    before,
    after,
    stability: before.map((map, network) => pearson(map, after[network])),
    tops: [largestOf(sam), largestOf(sam.map((_, i) => twin(i)))],
    scores: NAMES.map((_, network) => [0, at].map((i) => softmax(logits.part(network, i).values))),
  };
}

function largestOf(maps) {
  return Math.max(...maps.map(largest));
}

function drawRow(panels, model, network, { at, grid, before, after, tops }) {
  const [clean] = arrays(model.get("image"));
  const change = arrays(model.get("changes"))[0].part(network, at);
  const epsilon = model.get("epsilon");
  const { height, width } = clean;
  const attacked = { height, width, values: changed(clean.values, change.values, epsilon) };
  const map = (title, photo, heat) => ({
    title,
    image: overlay(photo, { ...grid, values: heat }, tops[network]),
    top: tops[network],
    smooth: true,
  });
  const name = network === 0 ? "SAM" : "Grad-CAM";
  panels.draw([
    { title: "Photograph", image: photograph(clean), smooth: true },
    { title: "Attacked", image: photograph(attacked), smooth: true },
    { title: epsilon ? `Change, ×${show(127.5 / epsilon, 2)}` : "Change: none", image: photograph(change, (value) => 128 + value) },
    map(`${name}, before`, clean, before[network]),
    map(`${name}, after`, attacked, after[network]),
  ]);
}

/** The label and the likeliest other classes after the attack; a thin bar is before it. */
function drawBars(sheet, colours, model, { scores }) {
  const pen = sheet.begin();
  const beside = sheet.width >= 560;
  const width = beside ? (sheet.width - 30) / 2 : sheet.width;
  for (const [network, [before, after]] of scores.entries()) {
    const left = beside ? network * (width + 30) : 0;
    const top = beside ? 0 : network * (30 + 25 * BARS);
    pen.fillStyle = colours.ink;
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    pen.fillText(`${NAMES[network]}: before (thin), after`, left, top + 14);
    for (const [row, k] of shown(after, model.get("label")).entries()) {
      const y = top + 30 + 25 * row + 12;
      const [from, to] = [left + 92, left + width - 52];
      const length = (share) => Math.max(1, (to - from) * share);
      pen.fillStyle = k === model.get("label") ? colours.blue : colours.orange;
      pen.fillRect(from, y - 8, length(after[k]), 11);
      pen.fillStyle = colours.soft;
      pen.fillRect(from, y + 5, length(before[k]), 3);
      pen.fillStyle = colours.ink;
      pen.textAlign = "right";
      pen.fillText(model.get("classes")[k], from - 8, y, 88);
      pen.textAlign = "left";
      pen.fillText(percent(after[k]), from + length(after[k]) + 6, y - 2);
    }
  }
}

function shown(scores, label) {
  const others = Array.from(scores.keys()).filter((k) => k !== label);
  return [label, ...others.sort((a, b) => scores[b] - scores[a]).slice(0, BARS - 1)];
}

function percent(share) {
  return `${show(100 * share, share < 0.1 ? 2 : 3)} %`;
}

function inWords(model, { scores, stability }) {
  const classes = model.get("classes");
  const answer = ([, after]) => {
    const k = after.indexOf(Math.max(...after));
    return `${classes[k]} (${percent(after[k])})`;
  };
  return (
    `ε ${show(model.get("epsilon"))}/255, γ ${show(model.get("gamma"))}: the spiking network says ${answer(scores[0])} and its SAM ` +
    `at ${model.get("layer")} correlates with the one before by ${show(stability[0], 3)}; the twin says ${answer(scores[1])} ` +
    `and its Grad-CAM correlates by ${show(stability[1], 3)}. The label is ${classes[model.get("label")]}.`
  );
}
