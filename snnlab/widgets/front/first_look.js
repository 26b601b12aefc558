/** A photograph on its way through a spiking network, step by step (first_look.py). */

import { play, slider } from "./controls.js";
import { make } from "./elements.js";
import { atStep, largest, sumOverSteps } from "./numbers.js";
import { arrays } from "./packed.js";
import { Panels } from "./panels.js";
import { heatMap, overlay, photograph } from "./picture.js";
import { show, View } from "./view.js";

const WAIT = 280; // milliseconds between two steps; shorter than what the address waits for
const LINE = 24; // of a class

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "A photograph on its way through a network");
    const [photo] = arrays(model.get("image"));
    const layers = model.get("layers");
    const columns = el.clientWidth < 560 ? 4 : 8;
    const aspect = photo.height / photo.width;
    const question = `After which step would you have said “${model.get("names")[0]}”?`;
    view.figure.append(make("p", { className: "snn-row" }, question));
    const panels = new Panels(view, { count: 4, least: 60, most: 150, aspect });
    const blocks = new Panels(view, { count: layers.length, columns, least: 32, most: 90, aspect });
    const bars = view.sheet({ height: model.get("names").length * LINE + 26 });
    slider(view, "step", { label: "Step t", min: 0, max: model.get("steps") - 1, step: 1 });
    const begin = play(view, "step", { steps: () => model.get("steps"), wait: WAIT, once: true });
    view.controls.append(bars.canvas); // the score stays beside what moves it

    const stop = view.start(() => {
      const numbers = work(model);
      drawPhotograph(panels, model, photo, numbers);
      blocks.draw(
        layers.map((title, i) => ({ title, image: heatMap(numbers.now[i], numbers.tops[i]), top: numbers.tops[i] })),
      );
      drawShares(bars, view.colours, model.get("names"), numbers.shares);
      const words = inWords(model, numbers);
      panels.sheet.describe(`The photograph, its spikes, and two maps of what has come together so far. ${words}`);
      blocks.sheet.describe(`The spikes of ${layers.length} layers at this step, ${numbers.fired.join(", ")} in all.`);
      bars.describe(`The shares of ${model.get("names").join(", ")}: ${numbers.shares.map((share) => show(share, 2)).join(", ")}.`);
      view.say(words);
      return numbers;
    });
    if (model.get("plays") && !location.hash) beginWhenSeen(view, begin);
    return stop;
  },
};

/** @param {import("./view.js").Model} model */
function work(model) {
  const [step, steps] = [model.get("step"), model.get("steps")];
  const activity = arrays(model.get("activity"));
  const [up, down] = arrays(model.get("encoded")).map((sign) => atStep(sign.values, steps, step));
  const [sam] = arrays(model.get("sam"));
  const of = activity[model.get("layers").indexOf(model.get("layer"))];
  const now = activity.map(({ values, height, width }) => ({ values: atStep(values, steps, step), height, width }));
  const names = model.get("names").length;
  return {
    now,
    tops: activity.map(({ values }) => largest(values)),
    spikes: Float32Array.from(up, (spike, i) => spike - down[i]),
    fired: now.map(({ values }) => values.reduce((sum, count) => sum + count, 0)),
    sam: soFar(sam, step),
    counts: soFar(of, step),
    ends: [sam, of].map((maps) => largest(soFar(maps, steps - 1))),
    shares: Array.from(arrays(model.get("shares"))[0].values.subarray(step * names, (step + 1) * names)),
    grid: { height: of.height, width: of.width },
  };
}

/** The sum of maps [T][H][W] up to a step. */
function soFar({ values, height, width }, step) {
  return sumOverSteps(values.subarray(0, (step + 1) * height * width), step + 1);
}

function drawPhotograph(panels, model, photo, { spikes, sam, counts, ends, grid }) {
  const { height, width } = photo;
  const seen = photograph({ values: spikes, height, width }, (spike) => 127.5 * (1 + spike));
  panels.draw([
    { title: "Photograph", image: photograph(photo), smooth: true },
    { title: "Its spikes", image: seen },
    { title: `SAM, ${model.get("layer")}`, image: overlay(photo, { ...grid, values: sam }, ends[0]), top: ends[0], smooth: true },
    { title: "Spike count", image: overlay(photo, { ...grid, values: counts }, ends[1]), top: ends[1], smooth: true },
  ]);
}

function drawShares(sheet, colours, names, shares) {
  const pen = sheet.begin();
  const left = Math.min(150, sheet.width / 3);
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  pen.fillStyle = colours.ink;
  pen.fillText("What the scores so far say", 0, 10);
  for (const [k, name] of names.entries()) {
    const y = 22 + (k + 0.5) * LINE;
    const length = shares[k] * (sheet.width - left - 48);
    pen.fillStyle = k ? colours.soft : colours.blue;
    pen.fillRect(left, y - 7, length, 14);
    pen.fillStyle = colours.ink;
    pen.fillText(name, 0, y, left - 8);
    pen.fillText(shares[k].toFixed(2), left + length + 6, y);
  }
}

function inWords(model, { fired, shares }) {
  const first = shares.indexOf(Math.max(...shares));
  const sum = fired.reduce((all, count) => all + count, 0);
  return (
    `Step ${model.get("step") + 1} of ${model.get("steps")}: ${sum.toLocaleString("en")} spikes in ${fired.length} layers. ` +
    `Of these classes the scores so far favour ${model.get("names")[first]}, with a share of ${show(shares[first], 2)}.`
  );
}

/** Run through the steps once, as soon as half of the figure is in sight. */
function beginWhenSeen(view, begin) {
  const watcher = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      begin();
    },
    { threshold: 0.5 },
  );
  watcher.observe(view.figure);
  view.cleanups.push(() => watcher.disconnect());
}
