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
  unpackBits,
} from "./numbers.js";

/** @typedef {{name: string, channels: number, height: number, width: number}} Shape of a layer */

/** A layer's spikes of one picture, and every map that can be made of them. */
export class Recorded {
  /**
   * @param {Uint8Array} spikes [T][C][P]
   * @param {number} steps
   * @param {Shape} shape
   */
  constructor(spikes, steps, shape) {
    this.spikes = spikes;
    this.steps = steps;
    this.shape = shape;
    this.places = shape.height * shape.width;
    this.cache = new Map();
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
    const { spikes, steps, shape, places } = this;
    const pairs = this.once("lags", () => lagPairs(spikes, steps, shape.channels, places));
    return this.lately("equation", gamma, () => mapFromPairs(pairs, steps, places, gamma));
  }

  /** @param {number} gamma */
  authorsCode(gamma) {
    const { spikes, steps, shape, places } = this;
    const silence = this.once("silence", () => silenceMap(spikes, steps, shape.channels, places));
    return this.lately("code", gamma, () => authorsCode(this.equation(gamma), this.rate(), silence, steps, gamma));
  }

  /** @param {number} gamma */
  counts(gamma) {
    const pairs = this.once("pairs", () => pairsMap(this.spikes, this.shape.channels, this.places));
    return this.lately("counts", gamma, () => countsMap(pairs, this.steps, gamma));
  }

  rate() {
    return this.once("rate", () => rateMap(this.spikes, this.steps, this.shape.channels, this.places));
  }

  /**
   * @param {ArrayLike<number>} alpha [C]
   * @param {string} [name] of these weights
   */
  gradCam(alpha, name = "gradCam") {
    return this.once(name, () => gradCamMap(this.spikes, this.steps, this.shape.channels, this.places, alpha));
  }

  /**
   * The spikes of all channels at one place.
   * @param {number} place
   * @returns {Uint8Array} [T][C]
   */
  at(place) {
    const count = this.steps * this.shape.channels;
    return Uint8Array.from({ length: count }, (_, i) => this.spikes[i * this.places + place]);
  }
}

/**
 * The layers that recorded.py has packed, each from a new byte on.
 * @param {DataView} packed
 * @param {number} steps
 * @param {Shape[]} shapes
 * @param {number} [picture] of how many times all layers stand one after another
 * @returns {Record<string, Recorded>}
 */
export function unpackLayers(packed, steps, shapes, picture = 0) {
  const sizes = shapes.map(({ channels, height, width }) => steps * channels * height * width);
  const whole = sizes.reduce((sum, size) => sum + Math.ceil(size / 8), 0);
  let from = picture * whole;
  const layers = /** @type {Record<string, Recorded>} */ ({});
  for (const [i, shape] of shapes.entries()) {
    const bytes = bytesOf(packed).subarray(from, from + Math.ceil(sizes[i] / 8));
    layers[shape.name] = new Recorded(unpackBits(bytes, sizes[i]), steps, shape);
    from += bytes.length;
  }
  return layers;
}

/**
 * @param {DataView} view a binary trait
 * @returns {Uint8Array}
 */
export function bytesOf(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/**
 * @param {DataView} view a binary trait of float32
 * @returns {Float32Array}
 */
export function floatsOf(view) {
  return new Float32Array(bytesOf(view).slice().buffer);
}

/**
 * The part of a list that belongs to one item, when items lie one after another.
 * @template {Uint8Array | Float32Array | Float64Array} T
 * @param {T} values
 * @param {number} item
 * @param {number} size
 * @returns {T}
 */
export function partOf(values, item, size) {
  return /** @type {T} */ (values.subarray(item * size, (item + 1) * size));
}

/**
 * @param {ArrayLike<number>} values
 * @returns {number} the largest, at least 0
 */
export function largest(values) {
  let top = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > top) top = values[i];
  return top;
}
