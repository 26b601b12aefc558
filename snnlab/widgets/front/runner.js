/** Running a shipped network in the page: its weights when the reader asks for them, then step by step. */

import { make } from "./elements.js";
import { makeRecording, readNetwork, runNetwork } from "./network.js";
import { Shaped } from "./packed.js";
import { Recorded } from "./recorded.js";
import { loadWeights } from "./weights.js";

/**
 * @typedef {object} Run
 * @property {Float64Array[]} logits after each step
 * @property {Recorded[]} layers
 */

/**
 * Run a network, one step at a time, so that the page stays alive between them.
 * @param {import("./network.js").Network} network
 * @param {ArrayLike<number>} spikes [T][channels][height][width]
 * @param {number} height
 * @param {number} width
 * @param {string[]} names of the blocks that are recorded
 * @param {() => boolean} wanted false as soon as something else is asked for
 * @returns {Promise<Run | null>} null if it was given up
 */
export async function record(network, spikes, height, width, names, wanted) {
  const { recorded, sizes } = makeRecording(network, height, width, names);
  const logits = [];
  for (const now of runNetwork(network, spikes, height, width, recorded)) {
    logits.push(now.logits);
    await new Promise((resume) => setTimeout(resume));
    if (!wanted()) return null;
  }
  const layers = names.map((name) => {
    const { channels, height: h, width: w } = sizes[name];
    return new Recorded(new Shaped([network.steps, channels, h, w], () => recorded[name]));
  });
  return { logits, layers };
}

/**
 * A button that loads the network once; so may other controls, through `load`.
 * @param {import("./view.js").Model & {send?: Function}} model
 * @param {(network: import("./network.js").Network) => void} take called when it is there
 * @param {(problem: string) => void} say
 */
export function networkButton(model, take, say) {
  const megabytes = ((model.get("size") / 1e6) * (model.send ? 1 : 4 / 3)).toFixed(1);
  const words = `Load the network (${megabytes} MB)`;
  const button = make("button", { type: "button", className: "snn-button" }, words);
  let there = false;
  const load = async () => {
    if (there || button.disabled) return;
    button.disabled = true;
    button.textContent = "Loading …";
    try {
      take(readNetwork(await loadWeights(model), model.get("leak")));
      there = true;
      button.remove();
      say("");
    } catch (error) {
      say(/** @type {Error} */ (error).message);
      button.disabled = false;
      button.textContent = words;
    }
  };
  button.addEventListener("click", load);
  return { button, load };
}
