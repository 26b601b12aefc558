/** Two shapes that spike equally often, in bursts or evenly, and what a network makes of them (rhythm.py). */

import { answerHeight, drawAnswer } from "./answer.js";
import { make } from "./elements.js";
import { select, slider } from "./controls.js";
import { enlarge, largest, Mersenne, softmax, sumOverSteps } from "./numbers.js";
import { arrays, Shaped } from "./packed.js";
import { Panels } from "./panels.js";
import { overlay } from "./picture.js";
import { Recorded } from "./recorded.js";
import { networkButton, record } from "./runner.js";
import { prompts } from "./prompts.js";
import { show, View } from "./view.js";

const BLOCKS_SHOWN = ["conv1", "conv4", "conv6"];
const NEURONS = 9; // in the raster of each shape
const ROW = 11;

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "Bursts or even spikes");
    const stage = new Theatre(model, view);
    const raster = view.sheet({ height: 44 + ROW * NEURONS });
    const panels = new Panels(view, { count: 8, columns: 4 });
    const bars = view.sheet({ height: answerHeight(model.get("classes").length) });
    addRhythmControls(view, model, stage);
    prompts(view, RHYTHM_PROMPTS);

    return view.start(() => {
      stage.follow();
      const { run, layers, scene } = stage;
      const maps = layers.map((layer) => mapsOf(layer, model.get("gamma"), scene));
      const logits = run?.logits[run.logits.length - 1];
      const scores = logits ? softmax(logits) : null;
      const numbers = { logits, scores, maps, done: Boolean(run) };
      drawRasters(raster, view.colours, stage);
      drawMaps(panels, scene, maps);
      const bar = (words, k) => ({ words, share: scores[k] });
      drawAnswer(bars, view.colours, "The network says", scores ? model.get("classes").map(bar) : []);
      const sentence = rhythmInWords(stage, numbers);
      raster.describe("The spikes of some pixels of each shape; all pixels spike equally often.");
      panels.sheet.describe(`SAM and, below, the map by counts, at the input and in three layers. ${sentence}`);
      bars.describe(sentence);
      view.say(sentence);
      return { ...numbers, spikes: stage.spikes };
    });
  },
};

const sharesOf = (/** @type {any} */ { maps: [input] }) =>
  `At the input SAM gives the first shape ${show(100 * input.sam.share, 3)} % of what both get, counts ${show(100 * input.counts.share, 3)} %.`;
const RHYTHM_PROMPTS = [
  {
    set: { first: 0, second: 1 },
    ask: "*First shape, share that bursts* at 0, *Second shape, share that bursts* at 1: does SAM change sides?",
    answer: sharesOf,
  },
  {
    set: { second: 1 },
    ask: "*Second shape, share that bursts* at 1, so both burst: which one does SAM prefer?",
    answer: sharesOf,
  },
  {
    set: { gamma: 0 },
    ask: "*Decay γ* at 0: can SAM still tell bursts from even spikes?",
    answer: (/** @type {any} */ numbers) => `No. ${sharesOf(numbers)}`,
  },
];

/** @typedef {{names: string[], side: number, masks: Uint8Array[], photo: import("./picture.js").Grid}} Scene */

/** Keeps the scene and its spikes as the reader asks for them, and runs the network on them. */
class Theatre {
  /**
   * @param {import("./view.js").Model} model
   * @param {View} view
   */
  constructor(model, view) {
    this.model = model;
    this.view = view;
    /** @type {import("./network.js").Network | null} */
    this.network = null;
    /** @type {import("./runner.js").Run | null} of the spikes that are shown */
    this.run = null;
    this.asked = "";
  }

  /** @param {import("./network.js").Network} network */
  use(network) {
    this.network = network;
    this.asked = "";
    this.view.refresh();
  }

  /** Draw the spikes and start a run if what is asked for has changed. */
  follow() {
    const wanted = ["scene", "first", "second", "seed"].map((trait) => this.model.get(trait)).join();
    if (wanted === this.asked) return;
    this.asked = wanted;
    this.run = null;
    const { model, network } = this;
    this.scene = sceneOf(model);
    this.spikes = rhythms(this.scene, [model.get("first"), model.get("second")], model.get("steps"), model.get("seed"));
    if (network) this.#run(wanted, network).catch((error) => this.view.fail(error));
  }

  async #run(wanted, network) {
    const { side } = this.scene;
    const run = await record(network, this.spikes, side, side, BLOCKS_SHOWN, () => this.asked === wanted);
    if (!run) return;
    this.run = run;
    this.view.refresh();
  }

  /** The input and, once the network has run, its layers. */
  get layers() {
    const { side } = this.scene;
    const steps = this.model.get("steps");
    if (this.input?.spikes !== this.spikes) {
      this.input = new Recorded(new Shaped([steps, 1, side, side], () => this.spikes));
    }
    return [this.input, ...(this.run?.layers ?? [])];
  }
}

/** @returns {Scene} */
function sceneOf(model) {
  const scene = arrays(model.get("shapes"))[0].part(model.get("scene"));
  const side = scene.width;
  const masks = [scene.part(0).values, scene.part(1).values];
  const places = side * side;
  const values = Uint8Array.from({ length: 3 * places }, (_, i) => 127 * (masks[0][i % places] | masks[1][i % places]));
  return { names: model.get("names")[model.get("scene")], side, masks, photo: { values, height: side, width: side } };
}

/**
 * Spikes of which every pixel of both shapes has the same count: RhythmExplorer.spikes.
 * @param {Scene} scene
 * @param {number[]} shares of the pixels of each shape that burst
 * @param {number} steps T
 * @param {number} seed
 * @returns {Uint8Array} [T][P]
 */
function rhythms({ masks, side }, shares, steps, seed) {
  const generator = new Mersenne(seed);
  const places = side * side;
  const count = Math.floor(steps / 3);
  const draw = () => Float32Array.from({ length: places }, () => generator.uniform());
  const [onsets, kinds, grounds] = [draw(), draw(), draw()];
  const spikes = new Uint8Array(steps * places);
  for (let p = 0; p < places; p++) {
    const onset = Math.floor(Math.fround(steps * onsets[p]));
    const shape = masks[1][p] ? 1 : masks[0][p] ? 0 : -1;
    for (let t = 0; t < steps; t++) {
      const since = (t - onset + steps) % steps;
      const ground = since === 0 && grounds[p] < Math.fround(0.3);
      const bursts = kinds[p] < Math.fround(shares[shape]) ? since < count : (since * count) % steps < count;
      spikes[t * places + p] = Number(shape < 0 ? ground : bursts);
    }
  }
  return spikes;
}

/** SAM and the map by counts, summed over time, and the first shape's share of what both get. */
function mapsOf(layer, gamma, { masks, side }) {
  const { height, width, steps } = layer;
  const of = (maps) => {
    const values = sumOverSteps(maps, steps);
    const large = enlarge(values, height, width, side, side);
    const on = masks.map((mask) => large.reduce((sum, value, p) => sum + value * mask[p], 0));
    return { values, share: on[0] / (on[0] + on[1]) };
  };
  return { height, width, sam: of(layer.equation(gamma)), counts: of(layer.counts(gamma)) };
}

/**
 * @param {View} view
 * @param {import("./view.js").Model} model
 * @param {Theatre} stage
 */
function addRhythmControls(view, model, stage) {
  const message = make("p", { className: "snn-error", role: "alert" });
  const say = (/** @type {string} */ text) => (message.textContent = text);
  const { button } = networkButton(model, (network) => stage.use(network), say);
  view.figure.before(button, message);
  const scenes = model.get("names").map(([first, second], k) => [k, `${first} and ${second}`]);
  select(view, "scene", { label: "Scene: first and second shape", options: scenes });
  slider(view, "first", { label: "First shape, share that bursts", min: 0, max: 1, step: 0.1 });
  slider(view, "second", { label: "Second shape, share that bursts", min: 0, max: 1, step: 0.1 });
  slider(view, "gamma", { label: "Decay γ", min: 0, max: 3, step: 0.05 });
  slider(view, "seed", { label: "Seed of the draws", min: 0, max: 99, step: 1 });
}

/** Some pixels of each shape, a row for each, a tick for each spike. */
function drawRasters(sheet, colours, { scene, spikes, model }) {
  const pen = sheet.begin();
  const { side, masks, names } = scene;
  const [steps, places] = [model.get("steps"), side * side];
  const half = sheet.width / 2;
  for (const [k, mask] of masks.entries()) {
    const inside = Array.from(mask.keys()).filter((p) => mask[p]);
    const left = k * half;
    const wide = half - 14;
    pen.fillStyle = colours.ink;
    pen.textAlign = "left";
    pen.textBaseline = "top";
    pen.fillText(`${names[k]}: ${NEURONS} of its pixels`, left, 4, wide);
    pen.fillStyle = k ? colours.orange : colours.blue;
    for (let row = 0; row < NEURONS; row++) {
      const place = inside[Math.floor(((row + 0.5) * inside.length) / NEURONS)];
      for (let t = 0; t < steps; t++) {
        if (!spikes[t * places + place]) continue;
        pen.fillRect(left + (t * wide) / steps, 28 + ROW * row, wide / steps - 2, ROW - 3);
      }
    }
  }
}

function drawMaps(panels, { photo, side }, maps) {
  const empty = overlay(photo, { values: new Float64Array(side * side), height: side, width: side }, 1);
  const names = ["input", ...BLOCKS_SHOWN];
  const row = (kind, title) =>
    names.map((name, i) => {
      if (!maps[i]) return { title: `${title}, ${name}`, image: empty };
      const { height, width, sam, counts } = maps[i];
      const top = Math.max(largest(sam.values), largest(counts.values));
      const image = overlay(photo, { values: maps[i][kind].values, height, width }, top);
      return { title: `${title}, ${name}`, image, top, smooth: true };
    });
  panels.draw([...row("sam", "SAM"), ...row("counts", "Counts")]);
}

function rhythmInWords({ scene, network, model }, { maps, scores }) {
  const [first] = scene.names;
  const percent = (share) => `${show(100 * share, 3)} %`;
  const at = (i, where) => `${where} SAM gives the ${first} ${percent(maps[i].sam.share)}, counts ${percent(maps[i].counts.share)}`;
  const input = `Of what both shapes get, ${at(0, "at the input")}`;
  if (!network) return `${input}. The network is not loaded yet.`;
  if (!scores) return `${input}. The network runs …`;
  const best = scores.indexOf(Math.max(...scores));
  const last = BLOCKS_SHOWN.length;
  return `${input}; ${at(last, `at ${BLOCKS_SHOWN[last - 1]}`)}. The network says ${model.get("classes")[best]}, ${percent(scores[best])}.`;
}
