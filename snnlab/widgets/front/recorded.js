/** The recorded spikes of a layer, and its maps; what a slider does not change is worked out once. */

import {
  authorsCode,
  countsMap,
  gradCamMap,
  lagPairs,
  mapFromPairs,
  pairsMap,
  rateMap,
  silenceMap,
} from "./numbers.js";
import { arrays, oncePerTrait } from "./packed.js";

/** A layer's spikes of one picture, and every map that can be made of them. */
export class Recorded {
  /** @param {import("./packed.js").Shaped} spikes [T][C][H][W], 0 or 1 */
  constructor(spikes) {
    this.packed = spikes;
    this.steps = spikes.shape[0];
    this.channels = spikes.shape[1];
    this.height = spikes.height;
    this.width = spikes.width;
    this.places = spikes.height * spikes.width;
    this.cache = new Map();
  }

  get spikes() {
    return this.packed.values;
  }

  /**
   * @template T
   * @param {string} name
   * @param {() => T} make
   * @returns {T} what was made for this name before, or is made now
   */
  once(name, make) {
    if (!this.cache.has(name)) this.cache.set(name, make());
    return this.cache.get(name);
  }

  /**
   * As {@link once}, but only the value for the last gamma is kept.
   * @template T
   * @param {string} name
   * @param {number} gamma
   * @param {() => T} make
   * @returns {T}
   */
  lately(name, gamma, make) {
    const last = this.cache.get(name);
    if (last?.gamma !== gamma) this.cache.set(name, { gamma, value: make() });
    return this.cache.get(name).value;
  }

  /** @param {number} gamma */
  equation(gamma) {
    const { spikes, steps, channels, places } = this;
    const pairs = this.once("lags", () => lagPairs(spikes, steps, channels, places));
    return this.lately("equation", gamma, () => mapFromPairs(pairs, steps, places, gamma));
  }

  /** @param {number} gamma */
  authorsCode(gamma) {
    const { spikes, steps, channels, places } = this;
    const silence = this.once("silence", () => silenceMap(spikes, steps, channels, places));
    return this.lately("code", gamma, () => authorsCode(this.equation(gamma), this.rate(), silence, steps, gamma));
  }

  /** @param {number} gamma */
  counts(gamma) {
    const pairs = this.once("pairs", () => pairsMap(this.spikes, this.channels, this.places));
    return this.lately("counts", gamma, () => countsMap(pairs, this.steps, gamma));
  }

  rate() {
    return this.once("rate", () => rateMap(this.spikes, this.steps, this.channels, this.places));
  }

  /**
   * @param {ArrayLike<number>} alpha [C]
   * @param {string} [name] of these weights
   */
  gradCam(alpha, name = "gradCam") {
    return this.once(name, () => gradCamMap(this.spikes, this.steps, this.channels, this.places, alpha));
  }

  /**
   * The spikes of all channels at one place.
   * @param {number} place
   * @returns {Uint8Array} [T][C]
   */
  at(place) {
    const count = this.steps * this.channels;
    return Uint8Array.from({ length: count }, (_, i) => this.spikes[i * this.places + place]);
  }
}

/** The layers of a binary trait of spikes, each [T][C][H][W], in the order in which they were packed. */
export const recordedOf = oncePerTrait((trait) => arrays(trait).map((spikes) => new Recorded(spikes)));
