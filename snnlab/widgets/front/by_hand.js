/** Grad-CAM channel by channel: each with its weight, and the sum of those that are on (by_hand.py). */

import { mapColour } from "./colours.js";
import { numberSlider, select } from "./controls.js";
import { make } from "./elements.js";
import { largest, pearson, weightedMap } from "./numbers.js";
import { arrays } from "./packed.js";
import { Panels } from "./panels.js";
import { differenceMap, overlay, photograph, picture } from "./picture.js";
import { Plot, RIGHT } from "./plot.js";
import { prompts } from "./prompts.js";
import { show, View } from "./view.js";

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "Grad-CAM by hand");
    const [photos] = arrays(model.get("images"));
    const panels = new Panels(view, { count: 5, columns: 3, most: 170, aspect: photos.height / photos.width });
    const tiles = channelTiles(view);
    const weights = view.sheet({ height: 150 });
    select(view, "image", { label: "Photograph", options: model.get("labels").map((words, i) => [i, words]) });
    const kept = numberSlider(
      { label: "Channels kept, by |α|", min: 0, max: model.get("on").length, step: 1 },
      (count) => view.set({ on: strongest(model, count) }),
    );
    view.controls.append(kept.element);
    view.follow("on", (on) => kept.write(count(on)));
    prompts(view, byHandPrompts(model));

    return view.start(() => {
      const numbers = sums(model);
      drawSums(panels, model, numbers);
      tiles.write(model.get("image"), numbers);
      drawAlphas(weights, view.colours, numbers);
      const sentence = sumsInWords(model, numbers);
      panels.sheet.describe(`The photograph, the weighted sum, its positive part, Grad-CAM, and all channels without weights. ${sentence}`);
      weights.describe(`The weights of ${numbers.alpha.length} channels, the largest first; those that are on are coloured.`);
      view.say(sentence);
      return numbers;
    });
  },
};

const count = (/** @type {number[]} */ on) => on.reduce((sum, one) => sum + one, 0);

function alphasOf(model) {
  return arrays(model.get("alpha"))[0].part(model.get("image")).values;
}

/** The channels, those with the largest |α| on the photograph first. */
function byWeight(model) {
  const alpha = alphasOf(model);
  return Array.from(alpha.keys()).sort((a, b) => Math.abs(alpha[b]) - Math.abs(alpha[a]));
}

/** 1 for so many of them, 0 for the others. */
function strongest(model, some) {
  const chosen = byWeight(model).slice(0, some);
  return model.get("on").map((_, k) => Number(chosen.includes(k)));
}

/** @param {import("./view.js").Model} model */
function sums(model) {
  const activity = arrays(model.get("activity"))[0].part(model.get("image"));
  const [channels] = activity.shape;
  const { height, width, values } = activity;
  const [alpha, on] = [alphasOf(model), model.get("on")];
  const add = (/** @type {ArrayLike<number>} */ weights) => weightedMap(values, 1, channels, height * width, weights);
  const positive = (/** @type {Float64Array} */ map) => map.map((value) => Math.max(0, value));
  const sum = add(alpha.map((weight, k) => weight * on[k]));
  const [map, gradCam] = [positive(sum), positive(add(alpha))];
  const added = add(alpha.map(() => 1));
  return {
    grid: { height, width },
    values,
    alpha,
    on,
    order: byWeight(model),
    sum,
    map,
    gradCam,
    added,
    likeness: pearson(map, gradCam),
    baseline: pearson(added, gradCam),
    top: Math.max(largest(gradCam), largest(sum.map(Math.abs))),
  };
}

function drawSums(panels, model, { grid, sum, map, gradCam, added, top }) {
  const photo = arrays(model.get("images"))[0].part(model.get("image"));
  const over = (title, values, most) => {
    return { title, image: overlay(photo, { ...grid, values }, most), top: most, smooth: true };
  };
  panels.draw([
    { title: model.get("labels")[model.get("image")], image: photograph(photo), smooth: true },
    { title: "Weighted sum", image: differenceMap({ ...grid, values: sum }, top, null), top, signed: true },
    over("After the ReLU", map, top),
    over("No weights: all", added, largest(added)),
    over("Grad-CAM: all", gradCam, top),
  ]);
}

/**
 * A tile for each channel, to be switched on and off; one stop for the Tab key, arrows move along.
 * @param {import("./view.js").View} view
 */
function channelTiles(view) {
  const { model } = view;
  const hint = "Channels by |α|: blue speaks for the class, orange against; click, or arrow keys and Space";
  const box = make("div", { className: "snn-channels", role: "toolbar", "aria-label": hint });
  view.figure.append(make("div", {}, make("p", { className: "snn-tile-hint" }, hint), box));
  const focus = (/** @type {number} */ at) => {
    for (const [i, tile] of [...box.children].entries()) tile.tabIndex = i === at ? 0 : -1;
    box.children[at].focus();
  };
  box.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const last = box.children.length - 1;
    const at = [...box.children].indexOf(/** @type {any} */ (event.target));
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    focus(Math.min(last, Math.max(0, to)));
  });
  let built = -1; // the photograph whose channels the tiles show
  const build = (numbers) => {
    const top = largest(numbers.values);
    const tiles = numbers.order.map((channel, i) => {
      const tile = channelTile(numbers, channel, top);
      tile.tabIndex = i ? -1 : 0;
      tile.addEventListener("click", () => {
        focus(i);
        view.set({ on: model.get("on").map((one, k) => (k === channel ? 1 - one : one)) });
      });
      return tile;
    });
    box.replaceChildren(...tiles);
  };
  return {
    /** @param {number} image */
    write(image, numbers) {
      if (built !== image) build(numbers);
      built = image;
      for (const [i, channel] of numbers.order.entries()) {
        box.children[i].setAttribute("aria-pressed", String(numbers.on[channel] === 1));
      }
    },
  };
}

/** A channel's activity as the picture of a button. */
function channelTile({ values, alpha, grid }, channel, top) {
  const places = grid.height * grid.width;
  const image = picture(grid.height, grid.width, (place, colour) =>
    colour.set(mapColour(top > 0 ? values[channel * places + place] / top : 0)),
  );
  const name = `Channel ${channel}, α ${show(alpha[channel], 2)}`;
  const tile = make("button", { type: "button", title: name, "aria-label": name, "data-sign": alpha[channel] < 0 ? "minus" : "plus" });
  tile.style.backgroundImage = `url(${image.toDataURL()})`;
  return tile;
}

function drawAlphas(sheet, colours, { alpha, on, order }) {
  const pen = sheet.begin();
  const most = largest(alpha.map(Math.abs)) || 1;
  const box = { top: 34, right: sheet.width - RIGHT, bottom: 140 };
  const plot = new Plot(pen, colours, box, [-0.5, order.length - 0.5], [-most, most]);
  plot.axes({ xTicks: [], yTicks: [-most, 0, most].map((value) => Number(value.toPrecision(2))) });
  plot.legend([["α, for", colours.blue], ["against", colours.orange], ["off", colours.soft]]);
  const where = (/** @type {(k: number) => boolean} */ wanted) => order.map((k) => (wanted(k) ? alpha[k] : 0));
  plot.bars(where((k) => !on[k]), { colour: colours.soft, width: 0.7, opacity: 0.5 });
  plot.bars(where((k) => on[k] && alpha[k] > 0), { colour: colours.blue, width: 0.7 });
  plot.bars(where((k) => on[k] && alpha[k] < 0), { colour: colours.orange, width: 0.7 });
}

/** @param {import("./view.js").Model} model */
function byHandPrompts(model) {
  const channels = model.get("on").length;
  const against = Array.from(alphasOf(model), (weight) => Number(weight < 0));
  return [
    {
      set: { on: Array(channels).fill(1) },
      ask: "*Channels kept*, all of them: is the map Grad-CAM, and what is the sum without weights?",
      answer: ({ likeness, baseline }) =>
        `It is: the two correlate by ${show(likeness, 3)}. All channels added without weights correlate with it by ${show(baseline, 3)}.`,
    },
    {
      set: { on: against },
      ask: "*Channels kept*: those alone that speak against the class. What does the ReLU leave?",
      answer: ({ on, map, sum }) =>
        `Of ${count(on)} channels nothing: the largest value is ${show(largest(map))}, the lowest of the sum before it ${show(Math.min(...sum), 3)}.`,
    },
    {
      set: { on: strongest(model, Math.ceil(channels / 2)) },
      ask: "Half of the *Channels kept*, those with the largest |α|: is it Grad-CAM by now?",
      answer: ({ likeness }) => `They correlate by ${show(likeness, 3)}; the other half has the smaller weights.`,
    },
  ];
}

function sumsInWords(model, { on, alpha, likeness, baseline }) {
  const kept = count(on);
  const against = on.filter((one, k) => one && alpha[k] < 0).length;
  const name = model.get("labels")[model.get("image")];
  const all = kept === on.length ? "This is Grad-CAM" : `What the ReLU leaves correlates with Grad-CAM by ${show(likeness, 3)}`;
  return (
    `${model.get("layer")}: ${kept} of ${on.length} channels are on, ${kept - against} speak for ${name} and ${against} against. ` +
    `${all}; all channels without weights correlate with it by ${show(baseline, 2)}.`
  );
}
