/** Two pictures side by side: SAM of both, and the mass on each, step by step (pair.py). */

import { check, choice, play, slider } from "./controls.js";
import { mapFromPairs, sumOverSteps } from "./numbers.js";
import { Panels, stepEndsTheSum } from "./panels.js";
import { overlay, photograph } from "./picture.js";
import { Plot, RIGHT } from "./plot.js";
import { bytesOf, largest, partOf } from "./recorded.js";
import { show, View } from "./view.js";

const SIDE = 64;
const GREY = [124, 116, 104]; // the mean pixel: normalised it is 0, and sends no spikes
const ARRANGEMENTS = {
  alone: "A alone",
  grey: "A beside grey",
  beside: "A beside B",
  swapped: "B beside A",
};

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "Two pictures at once");
    const panels = new Panels(view, { count: 2, columns: 2, least: 240, aspect: 0.5, most: 400 });
    const curves = view.sheet({ height: 250 });
    choice(view, "arrangement", { label: "Arrangement", options: ARRANGEMENTS });
    const names = model.get("shapes").map(({ name }) => name);
    choice(view, "layer", { label: "Layer", options: Object.fromEntries(names.map((name) => [name, name])) });
    slider(view, "step", { label: "Time-step t", min: 0, max: model.get("steps") - 1, step: 1 });
    check(view, "whole", { label: "Sum over all steps" });
    play(view, "step", { steps: () => model.get("steps") });
    slider(view, "gamma", { label: "Decay γ", min: 0, max: 3, step: 0.05 });
    stepEndsTheSum(view);

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
function work(model) {
  const all = Object.keys(ARRANGEMENTS).map((name) => mapsOf(model, name));
  const now = all[Object.keys(ARRANGEMENTS).indexOf(model.get("arrangement"))];
  const seen = (maps) => (model.get("whole") ? sumOverSteps(maps, model.get("steps")) : maps);
  const shown = seen(now.maps);
  const reference = all[1];
  const add = (values) => values.reduce((sum, value) => sum + value, 0);
  return {
    map: model.get("whole") ? shown : partOf(shown, model.get("step"), now.height * now.width),
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
  const { height, width, from } = find(model, arrangement);
  const places = height * width;
  const pairs = bytesOf(model.get("pairs")).subarray(from, from + ((steps * (steps - 1)) / 2) * places);
  const maps = mapFromPairs(pairs, steps, places, model.get("gamma"));
  const half = arrangement === "alone" ? width : width / 2;
  const mass = (/** @type {(column: number) => boolean} */ within) => {
    const sums = new Float64Array(steps);
    maps.forEach((value, i) => within(i % width) && (sums[Math.floor(i / places)] += value));
    return sums;
  };
  const left = mass((column) => column < half);
  const right = mass((column) => column >= half);
  const [massA, massB] = arrangement === "swapped" ? [right, left] : [left, right];
  return { maps, massA, massB, height, width };
}

/** Where an arrangement's layer begins among the stored pairs, and its size. */
function find(model, arrangement) {
  const [steps, shapes] = [model.get("steps"), model.get("shapes")];
  let from = 0;
  for (const name of Object.keys(ARRANGEMENTS)) {
    for (const { name: layer, height, width } of shapes) {
      const across = name === "alone" ? width : 2 * width;
      if (name === arrangement && layer === model.get("layer")) return { height, width: across, from };
      from += ((steps * (steps - 1)) / 2) * height * across;
    }
  }
  throw new Error(`there is no layer ${model.get("layer")} for ${arrangement}`);
}

function drawPictures(panels, model, { map, top, grid }) {
  const arrangement = model.get("arrangement");
  const pixels = arrange(bytesOf(model.get("images")), arrangement);
  const columns = arrangement === "alone" ? SIDE : 2 * SIDE;
  const part = columns / (2 * SIDE);
  const title = { alone: "A", grey: "A | grey", beside: "A | B", swapped: "B | A" }[arrangement];
  const heat = overlay(pixels, SIDE, columns, map, grid.height, grid.width, top);
  const when = model.get("whole") ? "summed over steps" : `step ${model.get("step")}`;
  panels.draw([
    { title, image: photograph(pixels, SIDE, columns), smooth: true, part },
    { title: `SAM, ${model.get("layer")}, ${when}`, image: heat, top, smooth: true, part },
  ]);
}

/** The pixels of an arrangement, [3][64][64 or 128]. */
function arrange(images, arrangement) {
  const [first, second] = [partOf(images, 0, 3 * SIDE * SIDE), partOf(images, 1, 3 * SIDE * SIDE)];
  if (arrangement === "alone") return first;
  const halves = { grey: [first, null], beside: [first, second], swapped: [second, first] }[arrangement];
  return Uint8Array.from({ length: 3 * SIDE * 2 * SIDE }, (_, i) => {
    const [line, column] = [Math.floor(i / (2 * SIDE)), i % (2 * SIDE)];
    const half = halves[Math.floor(column / SIDE)];
    return half ? half[line * SIDE + (column % SIDE)] : GREY[Math.floor(line / SIDE)];
  });
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
