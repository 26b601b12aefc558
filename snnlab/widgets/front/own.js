/** The shipped network, run in the page on the reader's own picture (own.py). */

import { answerHeight, drawAnswer } from "./answer.js";
import { make } from "./elements.js";
import { play, select, slider } from "./controls.js";
import { atStep, largest, Mersenne, normalise, poisson, softmax, sumOverSteps } from "./numbers.js";
import { arrays } from "./packed.js";
import { Panels } from "./panels.js";
import { overlay, photograph, picture } from "./picture.js";
import { drawingBoard, pictureInput } from "./intake.js";
import { networkButton, record } from "./runner.js";
import { prompts } from "./prompts.js";
import { show, View } from "./view.js";

const OWN = -1; // the trait `starter` when the picture is the reader's
const LAYERS = ["conv4", "conv6", "conv8"];
const BARS = 6;
const note = (/** @type {number} */ side) =>
  `The network runs in this page, and the picture never leaves it. The middle square is scaled to ${side} × ${side} ` +
  "pixels, which is all that the network sees. Drop a picture here, choose a file, or draw one.";

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "Your own photograph");
    const machine = new Machine(model, view);
    const panels = new Panels(view, { count: 5, columns: 5 });
    const bars = view.sheet({ height: answerHeight(BARS) });
    addControls(view, model, machine);
    prompts(view, ownPrompts(model));

    return view.start(() => {
      machine.follow();
      const { result } = machine;
      const step = Math.min(model.get("step"), result.logits.length - 1);
      /** @type {any} nothing as long as the network has not run */
      const numbers = step < 0 ? {} : work(result, step, model.get("gamma"));
      drawPanels(panels, machine, step, numbers);
      const shown = numbers.shown ?? [];
      const answer = shown.map((k) => ({ words: model.get("classes")[k], share: numbers.scores[k] }));
      drawAnswer(bars, view.colours, "What the network takes it for", answer);
      const sentence = machine.photo ? inWords(model, machine, step, numbers) : "Choose, drop or draw a picture first.";
      panels.sheet.describe(`The picture, its spikes, and spike activation maps of three layers. ${sentence}`);
      bars.describe(sentence);
      view.say(sentence);
      return { ...numbers, done: result.done };
    });
  },
};

/** @param {import("./view.js").Model} model */
function ownPrompts(model) {
  const [steps, classes] = [model.get("steps"), model.get("classes")];
  const best = (/** @type {any} */ { scores, shown }, /** @type {string} */ when) => {
    if (!scores) return "Load the network first: it runs in this page.";
    const k = scores.indexOf(Math.max(...scores));
    return `${when} it says ${classes[k]}, ${show(100 * scores[k], 3)} %; in the end ${classes[shown[0]]}.`;
  };
  return [
    {
      set: { step: 0 },
      ask: "*Last time-step t* at 0: what does the network say after a single step?",
      answer: (/** @type {any} */ numbers) => best(numbers, "After one step"),
    },
    {
      set: { step: Math.floor((steps - 1) / 2), seed: 1 },
      ask: "*Seed of the random spikes* at 1, half of the steps: does another draw of the spikes decide otherwise?",
      answer: (/** @type {any} */ numbers) => best(numbers, "With these spikes"),
    },
    {
      set: { starter: 1, step: 1 },
      ask: "Another *Picture* and two steps by *Last time-step t*: does the first guess stay?",
      answer: (/** @type {any} */ numbers) => best(numbers, "After two steps"),
    },
  ];
}

/** @typedef {import("./picture.js").Grid} Grid */

/** Runs the network whenever the picture or the seed is another one, and keeps what came out. */
class Machine {
  /**
   * @param {import("./view.js").Model} model
   * @param {View} view
   */
  constructor(model, view) {
    this.model = model;
    this.view = view;
    /** @type {import("./network.js").Network | null} */
    this.network = null;
    this.starters = arrays(model.get("starters"))[0];
    this.side = this.starters.width; // of every picture, since the network was trained on squares of this size
    /** @type {Grid | null} the reader's picture */
    this.own = null;
    /** @type {Result} */
    this.result = nothing();
    this.asked = "";
    this.version = 0; // of the reader's picture
  }

  /** @returns {Grid | null} [3][side][side], bytes */
  get photo() {
    const starter = this.model.get("starter");
    return starter === OWN ? this.own : this.starters.part(starter);
  }

  /** @param {Uint8Array} values of the reader's picture, [3][side][side] */
  take(values) {
    this.own = { values, height: this.side, width: this.side };
    this.version += 1;
    if (this.model.get("starter") === OWN) this.view.refresh();
    else this.view.set({ starter: OWN });
  }

  /** @param {import("./network.js").Network} network */
  use(network) {
    this.network = network;
    this.view.refresh();
  }

  /** Start a run if what is asked for has changed. */
  follow() {
    const wanted = [this.model.get("starter"), this.version, this.model.get("seed"), Boolean(this.network)].join();
    if (wanted === this.asked) return;
    this.asked = wanted;
    this.result = nothing();
    if (this.network && this.photo) {
      this.#run(wanted, this.network, this.photo).catch((error) => this.view.fail(error));
    }
  }

  async #run(wanted, network, { values, height, width }) {
    const x = normalise(Float32Array.from(values, (byte) => byte / 255));
    const spikes = poisson(x, network.steps, new Mersenne(this.model.get("seed")));
    const run = await record(network, spikes, height, width, LAYERS, () => this.asked === wanted);
    if (!run) return; // something else is asked for by now
    this.result = { ...run, spikes, done: true };
    this.view.refresh();
  }
}

/**
 * @typedef {object} Result of a run
 * @property {Float64Array[]} logits after each step
 * @property {Int8Array} spikes of the encoder
 * @property {import("./recorded.js").Recorded[]} layers
 * @property {boolean} done
 */

/** @returns {Result} of a run that has not begun */
function nothing() {
  return { logits: [], spikes: new Int8Array(0), layers: [], done: false };
}

/**
 * @param {View} view
 * @param {import("./view.js").Model} model
 * @param {Machine} machine
 */
function addControls(view, model, machine) {
  const message = make("p", { className: "snn-error", role: "alert" });
  const say = (/** @type {string} */ text) => (message.textContent = text);
  const { button, load } = networkButton(model, (network) => machine.use(network), say);
  const take = (/** @type {Uint8Array} */ pixels) => {
    say("");
    machine.take(pixels);
    return load();
  };
  view.figure.before(make("p", { className: "snn-note" }, note(machine.side)), button, message);
  const starters = model.get("labels").map((/** @type {string} */ words, /** @type {number} */ i) => [i, words]);
  select(view, "starter", { label: "Picture", options: [...starters, [OWN, "your own"]] });
  view.controls.append(pictureInput(view, machine.side, take, say));
  slider(view, "step", { label: "Last time-step t", min: 0, max: model.get("steps") - 1, step: 1 });
  play(view, "step", { steps: () => model.get("steps") });
  slider(view, "gamma", { label: "Decay γ", min: 0, max: 3, step: 0.05 });
  slider(view, "seed", { label: "Seed of the random spikes", min: 0, max: 99, step: 1 });
  view.controls.append(drawingBoard(machine.side, take));
}

/**
 * @param {Result} result
 * @param {number} step
 * @param {number} gamma
 */
function work({ logits, spikes, layers }, step, gamma) {
  const scores = softmax(logits[step]);
  const final = logits[logits.length - 1];
  const order = Array.from(final.keys()).sort((a, b) => final[b] - final[a]);
  const sofar = (maps, places) => sumOverSteps(maps.subarray(0, (step + 1) * places), step + 1);
  const whole = layers.map((layer) => layer.equation(gamma));
  return {
    logits: logits[step],
    scores,
    shown: order.slice(0, BARS),
    input: atStep(spikes, logits.length, step),
    maps: whole.map((maps, i) => sofar(maps, layers[i].places)),
    tops: whole.map((maps, i) => largest(sumOverSteps(maps, layers[i].steps))),
    grids: layers.map(({ height, width }) => ({ height, width })),
  };
}

function drawPanels(panels, { photo, side }, step, { input, maps, tops, grids }) {
  const grey = picture(side, side, (_, colour) => colour.fill(128, 0, 3));
  const seen = photo ? photograph(photo) : grey;
  // of the three colours: 1 is bright, -1 dark, 0 grey
  const signed = (values) => photograph({ values, height: side, width: side }, (spike) => 128 + 127 * spike);
  const empty = (title) => ({ title, image: grey });
  panels.draw([
    { title: "The network sees", image: seen },
    input ? { title: `Spikes, step ${step}`, image: signed(input) } : empty("Spikes"),
    ...LAYERS.map((name, i) =>
      maps
        ? {
            title: `SAM, ${name}`,
            image: overlay(photo, { ...grids[i], values: maps[i] }, tops[i]),
            top: tops[i],
            smooth: true,
          }
        : empty(`SAM, ${name}`),
    ),
  ]);
}

function inWords(model, machine, step, { scores }) {
  if (!machine.network) return "The network is not loaded yet.";
  if (!scores) return "The network runs …";
  const classes = model.get("classes");
  const [first, second] = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]);
  const named = (k) => `${classes[k]} ${show(100 * scores[k], 3)} %`;
  const steps = step === 0 ? "1 step" : `${step + 1} steps`;
  return (
    `After ${steps}: ${named(first)}, then ${named(second)}. Maps are summed up to here, γ ${show(model.get("gamma"))}. ` +
    `It knows ${classes.length} classes and must choose one of them.`
  );
}
