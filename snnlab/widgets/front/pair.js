/** Two pictures side by side: SAM of both, and the mass on each, step by step (pair.py). */

import { byName, check, choice, play, slider } from "./controls.js";
import { atStep, halfSums, largest, mapFromPairs, MEAN, sumOverSteps } from "./numbers.js";
import { arrays } from "./packed.js";
import { Panels } from "./panels.js";
import { overlay, photograph } from "./picture.js";
import { Plot, RIGHT } from "./plot.js";
import { prompts } from "./prompts.js";
import { show, View } from "./view.js";

const GREY = MEAN.map((value) => Math.round(255 * value)); // normalised it is 0, and sends no spikes
const ARRANGEMENTS = {
  alone: "A alone",
  grey: "A beside grey",
  beside: "A beside B",
  swapped: "B beside A",
};

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const also = { step: { whole: false } }; // a reader who moves the step wants to see it
    const view = new View(model, el, "Two pictures at once", { also });
    const [{ height, width }] = arrays(model.get("images"));
    const panels = new Panels(view, { count: 2, columns: 2, least: 240, aspect: height / (2 * width), most: 400 });
    const curves = view.sheet({ height: 250 });
    choice(view, "arrangement", { label: "Arrangement", options: ARRANGEMENTS });
    choice(view, "layer", { label: "Layer", options: byName(model.get("layers")) });
    slider(view, "step", { label: "Time-step t", min: 0, max: model.get("steps") - 1, step: 1 });
    check(view, "whole", { label: "Sum over all steps" });
    play(view, "step", { steps: () => model.get("steps") });
    slider(view, "gamma", { label: "Decay γ", min: 0, max: 3, step: 0.05 });
    prompts(view, pairPrompts(model));

    return view.start(() => {
      const numbers = work(model);
      drawPictures(panels, model, numbers);
      drawMasses(curves, view.colours, model, numbers);
      const sentence = inWords(model, numbers);
      panels.sheet.describe(`${ARRANGEMENTS[model.get("arrangement")]}, and its spike activation map. ${sentence}`);
      curves.describe("SAM's mass on A and on B at every step.");
      view.say(sentence);
      return numbers;
    });
  },
};

/** @param {import("./view.js").Model} model */
function pairPrompts(model) {
  const [first] = model.get("layers");
  const change = (/** @type {any} */ numbers) => `A’s total changes by ${show(100 * numbers.change, 3)} %.`;
  return [
    {
      set: { arrangement: "beside", layer: first },
      ask: `*Arrangement* A beside B, *Layer* ${first}: what does A lose to B, in place of grey?`,
      answer: (numbers) => `${change(numbers)} Only the places near the seam see across it.`,
    },
    {
      set: { arrangement: "swapped" },
      ask: "*Arrangement* B beside A: is it another loss, now that A stands on the right?",
      answer: change,
    },
    {
      set: { arrangement: "beside", whole: false, step: 0 },
      ask: "*Time-step t* at 0: can B push A aside there?",
      answer: ({ massA, massB }) =>
        `There is nothing to push: A has ${show(massA[0])}, B ${show(massB[0])}. SAM needs an earlier spike of the same neuron.`,
    },
  ];
}

/** @param {import("./view.js").Model} model */
function work(model) {
  const all = Object.keys(ARRANGEMENTS).map((name) => mapsOf(model, name));
  const now = all[Object.keys(ARRANGEMENTS).indexOf(model.get("arrangement"))];
  const seen = (maps) => (model.get("whole") ? sumOverSteps(maps, model.get("steps")) : maps);
  const shown = seen(now.maps);
  const reference = all[1];
  const add = (values) => values.reduce((sum, value) => sum + value, 0);
  return {
    map: model.get("whole") ? shown : atStep(shown, model.get("steps"), model.get("step")),
    top: Math.max(...all.map(({ maps }) => largest(seen(maps)))),
    grid: { height: now.height, width: now.width },
    massA: now.massA,
    massB: now.massB,
    reference: reference.massA,
    totalA: add(now.massA),
    totalB: add(now.massB),
    change: add(now.massA) / add(reference.massA) - 1,
  };
}

/** SAM of an arrangement at the chosen layer, and its sum over the halves of A and of B. */
function mapsOf(model, arrangement) {
  const steps = model.get("steps");
  const layers = model.get("layers");
  const at = Object.keys(ARRANGEMENTS).indexOf(arrangement) * layers.length + layers.indexOf(model.get("layer"));
  const { values: pairs, height, width } = arrays(model.get("pairs"))[at];
  const maps = mapFromPairs(pairs, steps, height * width, model.get("gamma"));
  const [left, right] = halfSums(maps, steps, width, arrangement === "alone" ? width : width / 2);
  const [massA, massB] = arrangement === "swapped" ? [right, left] : [left, right];
  return { maps, massA, massB, height, width };
}

function drawPictures(panels, model, { map, top, grid }) {
  const arrangement = model.get("arrangement");
  const photo = arrange(arrays(model.get("images"))[0], arrangement);
  const part = arrangement === "alone" ? 0.5 : 1;
  const title = { alone: "A", grey: "A | grey", beside: "A | B", swapped: "B | A" }[arrangement];
  const heat = overlay(photo, { ...grid, values: map }, top);
  const when = model.get("whole") ? "summed over steps" : `step ${model.get("step")}`;
  panels.draw([
    { title, image: photograph(photo), smooth: true, part },
    { title: `SAM, ${model.get("layer")}, ${when}`, image: heat, top, smooth: true, part },
  ]);
}

/** An arrangement as one photograph. */
function arrange(images, arrangement) {
  const [first, second] = [images.part(0), images.part(1)];
  if (arrangement === "alone") return first;
  const halves = { grey: [first, null], beside: [first, second], swapped: [second, first] }[arrangement];
  const { height, width } = first;
  const values = Uint8Array.from({ length: 3 * height * 2 * width }, (_, i) => {
    const [line, column] = [Math.floor(i / (2 * width)), i % (2 * width)];
    const half = halves[Math.floor(column / width)];
    return half ? half.values[line * width + (column % width)] : GREY[Math.floor(line / height)];
  });
  return { values, height, width: 2 * width };
}

function drawMasses(sheet, colours, model, { massA, massB, reference }) {
  const pen = sheet.begin();
  const steps = model.get("steps");
  const most = 1.05 * Math.max(1e-9, ...massA, ...massB, ...reference);
  const box = { top: 50, right: sheet.width - RIGHT, bottom: 205 };
  const plot = new Plot(pen, colours, box, [-0.5, steps - 0.5], [0, most]);
  if (!model.get("whole")) {
    pen.fillStyle = colours.rule;
    pen.fillRect(plot.x(model.get("step") - 0.5), box.top, plot.x(1) - plot.x(0), box.bottom - box.top);
  }
  plot.axes({ x: "time-step t" });
  const points = (values) => Array.from(values, (value, t) => /** @type {[number, number]} */ ([t, value]));
  const two = model.get("arrangement") !== "alone";
  if (two) plot.line(points(massB), { colour: colours.orange, width: 2.5 });
  plot.line(points(massA), { colour: colours.blue, width: 2.5 });
  plot.line(points(reference), { colour: colours.ink, width: 1.5, dash: [3, 4] });
  legend(pen, colours, [
    [colours.blue, `mass on A (${model.get("labels")[0]})`],
    ...(two ? [[colours.orange, model.get("arrangement") === "grey" ? "on grey" : `on B (${model.get("labels")[1]})`]] : []),
    [colours.ink, "on A, beside grey"],
  ]);
}

/** Lines and their names, in rows as the width allows. */
function legend(pen, colours, entries) {
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  let [x, y] = [0, 14];
  const width = pen.canvas.clientWidth;
  for (const [colour, words] of entries) {
    const size = 24 + pen.measureText(words).width + 16;
    if (x > 0 && x + size > width + 16) [x, y] = [0, y + 18];
    pen.fillStyle = colour;
    pen.fillRect(x, y - 1.5, 18, 3);
    pen.fillStyle = colours.ink;
    pen.fillText(words, x + 24, y);
    x += size;
  }
}

function inWords(model, { change, totalA, totalB, map }) {
  const arrangement = model.get("arrangement");
  const percent = `${show(100 * Math.abs(change), 3)} %`;
  const against =
    change === 0 ? "exactly as much as beside grey" : `${percent} ${change < 0 ? "less" : "more"} than beside grey`;
  const other = arrangement === "alone" ? "" : `; ${arrangement === "grey" ? "the grey half’s" : "B’s"} is ${show(totalB)}`;
  const when = model.get("whole") ? "" : `At step ${model.get("step")} the brightest place has ${show(largest(map), 3)}. `;
  return (
    `${ARRANGEMENTS[arrangement]}, ${model.get("layer")}, γ ${show(model.get("gamma"))}: A’s own total is ${show(totalA)}` +
    `${arrangement === "grey" ? ", which the others are held against" : `, ${against}`}${other}. ` +
    `${when}${model.get("answers")[arrangement]}`
  );
}
