/** A box over a photograph and its maps, and how much of each lies in it (energy.py). */

import { addBox, drawBox, inside } from "./box.js";
import { byName, choice, select, slider } from "./controls.js";
import { energyInBox, enlarge, largest } from "./numbers.js";
import { arrays, oncePerTrait } from "./packed.js";
import { Panels } from "./panels.js";
import { overlay, photograph } from "./picture.js";
import { prompts } from "./prompts.js";
import { show, View } from "./view.js";

const SHARE_LINE = 25; // pixels of a bar

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const drawn = (/** @type {number} */ image) => {
      const [x, y, wide, high] = model.get("drawn")[image];
      return { x, y, wide, high };
    };
    const view = new View(model, el, "Energy in the box", { also: { image: drawn } });
    const [images] = arrays(model.get("images"));
    const { height, width } = images;
    const panels = new Panels(view, { count: 4, columns: 2, most: 200, aspect: height / width });
    const bars = view.sheet({ height: 5 * SHARE_LINE + 28 });
    const box = () => boxOf(model, width, height);
    addBox(panels, { width, height, box, set: (to) => view.set(to) });
    select(view, "image", { label: "Photograph", options: model.get("labels").map((words, i) => [i, words]) });
    choice(view, "layer", { label: "Layer of the maps", options: byName(model.get("layers")) });
    const x = slider(view, "x", { label: "Box, pixels from left", min: 0, max: width - 2, step: 1 });
    const y = slider(view, "y", { label: "Box, pixels from top", min: 0, max: height - 2, step: 1 });
    slider(view, "wide", { label: "Width of the box", min: 2, max: width, step: 1 });
    slider(view, "high", { label: "Height of the box", min: 2, max: height, step: 1 });
    prompts(view, energyPrompts(view, width, height));

    return view.start(() => {
      const numbers = weigh(model, images, box());
      x.limit(width - numbers.box.wide);
      y.limit(height - numbers.box.high);
      drawMapsAndBox(panels, model, images, numbers);
      drawEnergies(bars, view.colours, numbers);
      const sentence = sharesInWords(model, numbers);
      panels.sheet.describe(`${sentence} Arrow keys move the box, with shift they resize it.`);
      bars.describe(`The share in the box: ${sharesOf(numbers).map(([name, share]) => `${name} ${percent(share)}`).join(", ")}.`);
      view.say(sentence);
      return numbers;
    });
  },
};

/** @param {View} view */
function energyPrompts(view, width, height) {
  const [wide, high] = [Math.round(width / 2), Math.round(height / 2)];
  const middle = { x: Math.round((width - wide) / 2), y: Math.round((height - high) / 2), wide, high };
  const other = view.model.get("layers").find((layer) => layer !== view.first.layer) ?? view.first.layer;
  return [
    {
      set: { x: 0, y: 0, wide: width, high: height },
      ask: "*Width of the box* and *Height of the box* as large as the photograph: which map has most of itself in it?",
      answer: ({ energy, counts }) =>
        `SAM has ${percent(energy)}, the map of counts ${percent(counts)}. A box is only a question if something lies outside.`,
    },
    {
      set: middle,
      ask: "A box around the middle, half as wide (*Width of the box*) and half as high, whatever lies there: does SAM beat a map that knows nothing but the middle?",
      answer: ({ energy, bump, area }) =>
        `SAM has ${percent(energy)}, the bump in the middle ${percent(bump)}, a uniform map ${percent(area)}.`,
    },
    {
      set: { layer: other },
      ask: "The same box, another *Layer of the maps*: does it still hold more than an even share?",
      answer: ({ energy, area }) => `SAM has ${percent(energy)} there, and a uniform map ${percent(area)}.`,
    },
  ];
}

/** The reader's box, pushed inside. */
function boxOf(model, width, height) {
  const [x, y, wide, high] = ["x", "y", "wide", "high"].map((trait) => model.get(trait));
  return inside({ x, y, wide, high }, width, height);
}

/** Of each layer, the maps of all photographs at their size; worked out when first asked for. */
const enlarged = oncePerTrait((trait) => {
  const known = new Map();
  /** @type {(layer: number, image: number, rows: number, columns: number) => import("./picture.js").Grid} */
  return (layer, image, rows, columns) => {
    const key = `${layer},${image}`;
    if (!known.has(key)) {
      const { values, height, width } = arrays(trait)[layer].part(image);
      known.set(key, { values: enlarge(values, height, width, rows, columns), height: rows, width: columns });
    }
    return known.get(key);
  };
});

/** The maps of the photograph that is shown, and the shares of all that lie in the box. */
function weigh(model, images, box) {
  const { height, width } = images;
  const [image, at] = [model.get("image"), model.get("layers").indexOf(model.get("layer"))];
  const [sam, counts] = ["sam", "counts"].map((trait) => enlarged(model.get(trait))(at, image, height, width));
  const bump = arrays(model.get("bump"))[0];
  const share = ({ values }) => energyInBox(values, width, box);
  const others = model.get("labels").flatMap((_, k) => {
    return k === image ? [] : [share(enlarged(model.get("sam"))(at, k, height, width))];
  });
  return {
    maps: { SAM: sam, counts, "the middle": bump },
    energy: share(sam),
    counts: share(counts),
    bump: share(bump),
    others: others.reduce((sum, one) => sum + one, 0) / others.length,
    each: others,
    area: (box.wide * box.high) / (width * height),
    box,
  };
}

/** What is drawn of a map does not change while the box is dragged. */
const pictures = oncePerTrait(() => new Map());

function drawMapsAndBox(panels, model, images, { maps, box, energy, counts, bump, area }) {
  const image = model.get("image");
  const photo = images.part(image);
  const known = pictures(model.get("images"));
  const once = (/** @type {string} */ name, /** @type {() => HTMLCanvasElement} */ make) => {
    const key = [image, model.get("layer"), name].join();
    if (!known.has(key)) known.set(key, make());
    return known.get(key);
  };
  const shares = [energy, counts, bump];
  const shown = Object.entries(maps).map(([name, map], i) => ({
    title: `${name}: ${percent(shares[i])}`,
    image: once(name, () => overlay(photo, map, largest(map.values))),
    smooth: true,
  }));
  const pen = panels.draw([
    { title: `${model.get("labels")[image]}: ${percent(area)}`, image: once("photograph", () => photograph(photo)), smooth: true },
    ...shown,
  ]);
  drawBox(pen, panels.boxes, box, images.width);
}

/** @returns {[string, number][]} */
function sharesOf({ energy, counts, bump, others, area }) {
  return [["SAM", energy], ["counts", counts], ["the middle", bump], ["other SAMs", others], ["uniform", area]];
}

const percent = (share) => `${show(100 * share, 3)} %`;

function drawEnergies(sheet, colours, numbers) {
  const pen = sheet.begin();
  const [left, right] = [86, sheet.width - 58];
  const x = (share) => left + (right - left) * share;
  const middle = (row) => 26 + (row + 0.5) * SHARE_LINE;
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  pen.fillStyle = colours.ink;
  pen.fillText("Share of each map in the box; ticks: each other photograph", 0, 12, sheet.width);
  const shares = sharesOf(numbers);
  for (const [row, [name, share]] of shares.entries()) {
    pen.fillStyle = row ? colours.soft : colours.blue;
    pen.fillRect(left, middle(row) - 8, Math.max(1, x(share) - left), 16);
    pen.fillStyle = colours.ink;
    pen.fillText(name, 0, middle(row), left - 6);
    pen.fillText(percent(share), x(share) + 8, middle(row));
  }
  pen.fillStyle = colours.orange;
  for (const share of numbers.each) pen.fillRect(x(share) - 1, middle(3) - 11, 2, 22);
  pen.strokeStyle = colours.ink;
  pen.setLineDash([4, 3]);
  pen.beginPath();
  pen.moveTo(x(numbers.energy), middle(0) - 12);
  pen.lineTo(x(numbers.energy), middle(4) + 12);
  pen.stroke();
}

function sharesInWords(model, { box, energy, counts, bump, others, area }) {
  const against = (/** @type {string} */ what, /** @type {number} */ share) =>
    `${energy > share ? "more than" : energy < share ? "less than" : "as much as"} ${what} (${percent(share)})`;
  return (
    `A box of ${box.wide} × ${box.high} pixels holds ${percent(energy)} of SAM at ${model.get("layer")}: ` +
    `${against("a uniform map", area)}, ${against("the map of counts", counts)}, ` +
    `${against("a bump in the middle", bump)}, ${against("the other photographs’ SAM on average", others)}.`
  );
}
