/** The gradient walking back through layers and steps, its gates, and the map it makes (through_time.py). */

import { mapColour } from "./colours.js";
import { choice, byName, play, slider, stepped } from "./controls.js";
import { halfMassArea, largest, pearson } from "./numbers.js";
import { arrays } from "./packed.js";
import { Panels } from "./panels.js";
import { overlay, photograph, picture } from "./picture.js";
import { prompts, supposing } from "./prompts.js";
import { show, View } from "./view.js";

const GUTTER = 3; // columns left of the first step, for the layers' names
const DECADES = 8; // of the gradient's size, from the brightest colour down

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "The gradient on its way back");
    const [layers, steps] = [model.get("layers"), model.get("steps")];
    const [photo] = arrays(model.get("image"));
    const columns = GUTTER + steps + 2; // a gap, and the twin
    const aspect = (1.3 * layers.length) / columns;
    const grids = new Panels(view, { count: 2, columns: 2, least: 140, most: 340, aspect });
    const maps = new Panels(view, { count: 3, columns: 3, most: 180, aspect: photo.height / photo.width });
    stepped(view, "width", { label: "Width of the triangle, in thresholds", values: model.get("widths") });
    choice(view, "layer", { label: "Back to layer", options: byName(layers) });
    slider(view, "step", { label: "Back to step t", min: 0, max: steps - 1, step: 1 });
    play(view, "step", { steps: () => steps, wait: 150, next: () => furtherBack(model) });
    grids.pickable(
      (u, v) => view.set(cellAt(model, Math.floor(u * columns) - GUTTER, Math.floor(v * layers.length))),
      (dx, dy) => view.set(cellAt(model, model.get("step") + dx, rowOf(model) + dy)),
    );
    prompts(view, walkPrompts(model));

    return view.start(() => {
      const numbers = walk(model);
      drawGrids(grids, model, columns, numbers);
      drawMapsOfLayer(maps, model, numbers);
      const sentence = walkInWords(model, numbers);
      grids.sheet.describe(`Gradient and open gates, a row for each layer and a column for each step. Arrow keys move the place. ${sentence}`);
      maps.sheet.describe(`The photograph, and the maps of both networks at ${model.get("layer")}.`);
      view.say(sentence);
      return numbers;
    });
  },
};

/** The row of the chosen layer: the last layer, where the way begins, is the first row. */
function rowOf(model) {
  const layers = model.get("layers");
  return layers.length - 1 - layers.indexOf(model.get("layer"));
}

/** The step and the layer of a cell; outside of the grid those of the nearest. */
function cellAt(model, column, row) {
  const [layers, steps] = [model.get("layers"), model.get("steps")];
  const inside = (/** @type {number} */ at, /** @type {number} */ count) => Math.min(count - 1, Math.max(0, at));
  return { step: inside(column, steps), layer: layers[layers.length - 1 - inside(row, layers.length)] };
}

/** One step earlier; from the first step on to the last of the layer below, and at the end anew. */
function furtherBack(model) {
  const [step, steps] = [model.get("step"), model.get("steps")];
  if (step > 0) return { step: step - 1 };
  return cellAt(model, steps - 1, (rowOf(model) + 1) % model.get("layers").length);
}

/** @param {import("./view.js").Model} model */
function walk(model) {
  const [layers, steps] = [model.get("layers"), model.get("steps")];
  const width = model.get("widths").indexOf(model.get("width"));
  const layer = layers.indexOf(model.get("layer"));
  if (width < 0 || layer < 0) throw new Error("the page does not carry this width or layer");
  const of = (/** @type {string} */ name) => arrays(model.get(name))[0];
  const all = of("gradient");
  const map = arrays(model.get("maps"))[width * layers.length + layer];
  const twin = arrays(model.get("twin_maps"))[layer];
  const [gradient, gates] = [all.part(width).values, of("gates").part(width).values];
  const twinGradient = of("twin_gradient").values;
  const here = layer * steps + model.get("step");
  return {
    gradient,
    gates,
    twinGradient,
    twinGates: of("twin_gates").values,
    map: map.values,
    twinMap: twin.values,
    grid: { height: map.height, width: map.width },
    size: gradient[here],
    open: gates[here],
    ofLayer: gradient.subarray(layer * steps, (layer + 1) * steps),
    twinSize: twinGradient[layer],
    likeness: pearson(map.values, twin.values),
    area: halfMassArea(map.values),
    top: Math.max(largest(all.values), largest(twinGradient)),
  };
}

function drawGrids(panels, model, columns, { gradient, gates, twinGradient, twinGates, top }) {
  const [layers, steps] = [model.get("layers"), model.get("steps")];
  const [row, step] = [rowOf(model), model.get("step")];
  const grid = (values, twin, share) =>
    picture(layers.length, columns, (place, colour) => {
      const [line, column] = [Math.floor(place / columns), (place % columns) - GUTTER];
      const layer = layers.length - 1 - line;
      const reached = line < row || (line === row && column >= step);
      colour.set([128, 128, 128, 0]);
      if (column === steps + 1) colour.set([...mapColour(share(twin[layer])), 255]);
      else if (column >= 0 && column < steps) {
        if (reached) colour.set([...mapColour(share(values[layer * steps + column])), 255]);
        else colour[3] = 60;
      }
    });
  const bySize = (/** @type {number} */ size) => (size > 0 ? 1 + Math.log10(size / top) / DECADES : 0);
  const pen = panels.draw([
    {
      title: "Size of the gradient",
      image: grid(gradient, twinGradient, bySize),
      top,
      ends: [show(top / 10 ** DECADES, 1), `${show(top, 2)}, log scale`],
    },
    { title: "Share of open gates", image: grid(gates, twinGates, (share) => share), top: 1 },
  ]);
  panels.mark(pen, row * columns + GUTTER + step, layers.length, columns);
  nameRows(pen, panels, layers, columns);
}

/** The layers beside their rows, and the twin above its column. */
function nameRows(pen, panels, layers, columns) {
  pen.save();
  pen.font = pen.font.replace("13px", "11px");
  pen.fillStyle = panels.view.colours.ink;
  for (const { left, top, width, height } of panels.boxes) {
    const line = height / layers.length;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (const [i, name] of layers.entries()) {
      const end = left + (GUTTER * width) / columns - 4;
      pen.fillText(name, end, top + (layers.length - 0.5 - i) * line, end - left);
    }
    pen.textBaseline = "bottom";
    pen.fillText("twin", left + width, top - 5);
  }
  pen.restore();
}

function drawMapsOfLayer(panels, model, { grid, map, twinMap }) {
  const [photo] = arrays(model.get("image"));
  const over = (title, values) => {
    const top = largest(values);
    return { title, image: overlay(photo, { ...grid, values }, top), top, smooth: true };
  };
  panels.draw([
    { title: model.get("label"), image: photograph(photo), smooth: true },
    over(`SNN, ${model.get("layer")}`, map),
    over(`Twin, ${model.get("layer")}`, twinMap),
  ]);
}

/** @param {import("./view.js").Model} model */
function walkPrompts(model) {
  const [layers, widths, steps] = [model.get("layers"), model.get("widths"), model.get("steps")];
  const [narrow, wide] = [widths[0], widths[widths.length - 1]];
  const last = layers[layers.length - 1];
  return [
    {
      set: { layer: last, width: wide },
      ask: `*Back to layer* ${last}, the largest *Width of the triangle*: does the gradient differ from step to step?`,
      answer: ({ ofLayer }) =>
        `It does not: its size is ${show(Math.min(...ofLayer), 3)} to ${show(Math.max(...ofLayer), 3)} at every step and for every width. No gate lies between these spikes and the score.`,
    },
    {
      set: { width: narrow },
      ask: "The smallest *Width of the triangle*: how much arrives at the first layer, and how much with the largest?",
      answer: ({ size }) =>
        `At step 0 its size is ${show(size, 3)}, with the largest width ${show(walk(supposing(model, { width: wide })).size, 3)}: what each layer takes away or adds multiplies.`,
    },
    {
      set: { layer: layers[layers.length - 2], step: steps - 1 },
      ask: `*Back to layer* ${layers[layers.length - 2]}, *Back to step t* ${steps - 1}: why is the gradient smallest at the last step?`,
      answer: ({ ofLayer, gates }) => {
        const above = gates.subarray(gates.length - steps); // the last layer's
        return (
          `It is ${show(ofLayer[steps - 1], 3)} there and ${show(ofLayer[0], 3)} at step 0. An early spike stays in the membranes of ${last} ` +
          `and is heard through the gates of all later steps; the last spike has one step alone. And of those gates ` +
          `${show(100 * above[0], 3)} % are open at the first step, ${show(100 * above[steps - 1], 3)} % at the last.`
        );
      },
    },
  ];
}

function walkInWords(model, { size, open, twinSize, likeness }) {
  const where = `${model.get("layer")}, step ${model.get("step")}, width ${show(model.get("width"))}`;
  return (
    `${where}: a gradient of size ${show(size, 3)} arrives at its spikes, and ${show(100 * open, 3)} % of its gates are open to pass ` +
    `it on. The twin’s is ${show(twinSize, 3)}, in one step. The two maps of this layer correlate by ${show(likeness, 2)}.`
  );
}
