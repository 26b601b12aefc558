/**
 * The library's arithmetic again, in JavaScript: encoder, neuron, contribution score, maps.
 *
 * Every function is pure and has its Python counterpart named; the tests hold each pair to the same
 * numbers.  Sequences are flat typed arrays in the library's order of axes: spikes [T][C][P] with
 * P = H W places, 0 or 1 (the encoder's -1, 0, 1); maps [T][P].
 */

/**
 * The Mersenne Twister (Matsumoto and Nishimura, 1998) as PyTorch's CPU generator runs it, so that
 * a seed gives the same spikes here and there: torch.Generator().manual_seed(seed), torch.rand.
 */
export class Mersenne {
  /** @param {number} seed an integer; its lower 32 bits count */
  constructor(seed) {
    this.state = new Uint32Array(624);
    this.next = 624;
    this.state[0] = seed >>> 0;
    for (let i = 1; i < 624; i++) {
      const before = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(before, 1812433253) + i;
    }
  }

  twist() {
    const state = this.state;
    for (let i = 0; i < 624; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
      state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }

  /** @returns {number} 32 random bits */
  random32() {
    if (this.next === 624) this.twist();
    let y = this.state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** @returns {number} in [0, 1): what torch.rand gives for float32, which has 24 bits */
  uniform() {
    return (this.random32() & 0xffffff) / 16777216;
  }
}

export const MEAN = [0.485, 0.456, 0.406];
export const DEVIATION = [0.229, 0.224, 0.225];

/**
 * Pixels as the models normalise them, in float32 as there.
 * @param {Float32Array} pixels [3][P] in [0, 1]
 * @returns {Float32Array} [3][P]
 */
export function normalise(pixels) {
  const places = pixels.length / 3;
  return pixels.map((pixel, i) => {
    const channel = Math.floor(i / places);
    return Math.fround(pixel - Math.fround(MEAN[channel])) / Math.fround(DEVIATION[channel]);
  });
}

/**
 * Signed Poisson spikes of one image: snnlab.encoding.poisson.
 * @param {Float32Array} x normalised pixels, in any shape
 * @param {number} steps
 * @param {{uniform: () => number}} generator a Mersenne, or draws kept from one
 * @returns {Int8Array} [T][x.length], -1, 0 or 1
 */
export function poisson(x, steps, generator) {
  const spikes = new Int8Array(steps * x.length);
  for (let t = 0, at = 0; t < steps; t++) {
    for (let i = 0; i < x.length; i++, at++) {
      if (2 * generator.uniform() <= Math.abs(x[i])) spikes[at] = Math.sign(x[i]);
    }
  }
  return spikes;
}

/**
 * The spikes of a step, and how far their mean so far, times 2, is from the image.
 * @param {Int8Array} spikes [T][n]
 * @param {Float32Array} image [n]
 * @param {number} t the step
 */
export function spikesSoFar(spikes, image, t) {
  const n = image.length;
  const mean = new Float64Array(n);
  let [count, squares] = [0, 0];
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = i; k < (t + 1) * n; k += n) sum += spikes[k];
    mean[i] = sum / (t + 1);
    count += Math.abs(spikes[t * n + i]);
    squares += (2 * mean[i] - image[i]) ** 2;
  }
  return { spikes: spikes.subarray(t * n, (t + 1) * n), mean, count, rms: Math.sqrt(squares / n) };
}

/**
 * The correlation of the mean of the spikes so far with the image, at each step; 0 while all is silent.
 * @param {Int8Array} spikes [T][n]
 * @param {Float32Array} image [n]
 * @param {number} steps T
 */
export function correlate(spikes, image, steps) {
  const n = image.length;
  const offsets = centred(image);
  const spread = dot(offsets, offsets);
  const sums = new Int16Array(n);
  return Float64Array.from({ length: steps }, (_, t) => {
    let [sum, squares, product] = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      const value = (sums[i] += spikes[t * n + i]);
      sum += value;
      squares += value * value;
      product += value * offsets[i];
    }
    const length = Math.sqrt(spread * (squares - (sum * sum) / n));
    return length > 0 ? product / length : 0;
  });
}

/**
 * Leaky integrate-and-fire neurons: snnlab.neurons.lif, with its float32 roundings.
 * @param {Float32Array} currents [T][n]
 * @param {number} steps T
 * @param {number} leak lambda in [0, 1]
 * @param {number} [threshold]
 * @param {"soft" | "hard"} [reset]
 * @param {Float32Array} [state] the membrane before the first step, [n]; zeros if left out
 * @returns {{spikes: Uint8Array, before: Float32Array, after: Float32Array}} all [T][n]: the spikes,
 *   and the membrane before (u) and after (v) the reset
 */
export function lif(currents, steps, leak, threshold = 1, reset = "soft", state = undefined) {
  const n = currents.length / steps;
  const spikes = new Uint8Array(currents.length);
  const before = new Float32Array(currents.length);
  const after = new Float32Array(currents.length);
  const [lambda, theta] = [Math.fround(leak), Math.fround(threshold)];
  for (let i = 0; i < currents.length; i++) {
    const v = i >= n ? after[i - n] : state ? state[i] : 0;
    before[i] = currents[i] + lambda * v;
    spikes[i] = before[i] > theta ? 1 : 0;
    after[i] = spikes[i] ? (reset === "hard" ? 0 : before[i] - theta) : before[i];
  }
  return { spikes, before, after };
}

/**
 * A stand-in for the slope of the spike at membrane u: snnlab.surrogate.
 * @param {"triangle" | "fast_sigmoid" | "arctan"} kind
 * @param {number} u
 * @param {number} [threshold]
 * @param {number} [scale] height times threshold
 * @param {number} [width] in units of the threshold
 */
export function surrogateSlope(kind, u, threshold = 1, scale = 0.3, width = 1) {
  const z = Math.abs(u / threshold - 1) / width;
  const shapes = {
    triangle: Math.max(0, 1 - z),
    fast_sigmoid: 1 / (1 + z) ** 2,
    arctan: 1 / (1 + ((Math.PI / 2) * z) ** 2),
  };
  return (scale / threshold) * shapes[kind];
}

/**
 * The gradient of the spike count by the current of each step, with the reset detached: the backward
 * of snnlab.neurons.lif.
 * @param {Float64Array} slopes
 * @param {ArrayLike<number>} spikes
 * @param {number} leak
 * @param {"soft" | "hard"} reset
 */
export function countGradient(slopes, spikes, leak, reset) {
  const gradient = new Float64Array(slopes.length);
  let later = 0; // what the membrane after the reset still causes
  for (let t = slopes.length - 1; t >= 0; t--) {
    if (reset === "hard" && spikes[t]) later = 0;
    gradient[t] = slopes[t] + later;
    later = leak * gradient[t];
  }
  return gradient;
}

/**
 * N_t, each neuron's earlier spikes weighted with exp(-gamma age):
 * snnlab.explain.neuronal_contribution_score.
 * @param {ArrayLike<number>} spikes [T][n], 0 or 1
 * @param {number} steps T
 * @param {number} n
 * @param {number} gamma
 * @returns {Float64Array} [T][n]
 */
export function contributionScore(spikes, steps, n, gamma) {
  const decay = Math.exp(-gamma);
  const scores = new Float64Array(steps * n);
  for (let i = n; i < scores.length; i++) scores[i] = decay * (scores[i - n] + spikes[i - n]);
  return scores;
}

/**
 * M_t = sum over channels of N_t S_t: snnlab.explain.spike_activation_map of one image.
 * @param {Uint8Array} spikes [T][C][P]
 * @param {number} steps T
 * @param {number} channels C
 * @param {number} places P
 * @param {number} gamma
 * @param {"paper" | "authors-code"} [variant]
 * @returns {Float64Array} [T][P]
 */
export function spikeActivationMap(spikes, steps, channels, places, gamma, variant = "paper") {
  const decay = Math.exp(-gamma);
  const maps = new Float64Array(steps * places);
  const trace = new Float64Array(places); // N of one channel: one step is all that is kept
  for (let k = 0; k < channels; k++) {
    trace.fill(0);
    for (let t = 0; t < steps; t++) {
      const [from, to] = [(t * channels + k) * places, t * places];
      for (let p = 0; p < places; p++) {
        const s = spikes[from + p];
        maps[to + p] += s * trace[p];
        trace[p] = decay * (trace[p] + s);
      }
    }
  }
  if (variant === "paper") return maps;
  const rate = rateMap(spikes, steps, channels, places);
  return authorsCode(maps, rate, silenceMap(spikes, steps, channels, places), steps, gamma);
}

/**
 * What the authors' code adds to SAM: the spike itself, and exp(-gamma t) for every silent step.
 * Only the factor depends on gamma, so a slider of gamma need not sum over the channels again.
 * @param {Float64Array} sam [T][P]
 * @param {Float64Array} rate [T][P], of {@link rateMap}
 * @param {Float64Array} silence [T][P], of {@link silenceMap}
 * @param {number} steps T
 * @param {number} gamma
 * @returns {Float64Array} [T][P]
 */
export function authorsCode(sam, rate, silence, steps, gamma) {
  const places = sam.length / steps;
  const ages = Array.from({ length: steps }, (_, t) => Math.exp(-gamma * t));
  return sam.map((m, i) => m + rate[i] + silence[i] * ages[Math.floor(i / places)]);
}

/**
 * At each spike, how many steps its neuron has been silent so far; summed over the channels.
 * @param {Uint8Array} spikes [T][C][P]
 * @param {number} steps T
 * @param {number} channels C
 * @param {number} places P
 * @returns {Float64Array} [T][P]
 */
export function silenceMap(spikes, steps, channels, places) {
  const maps = new Float64Array(steps * places);
  const silent = new Float64Array(channels * places);
  for (let at = 0, t = 0; t < steps; t++) {
    for (let i = 0; i < silent.length; i++, at++) {
      if (spikes[at]) maps[t * places + (i % places)] += silent[i];
      else silent[i] += 1;
    }
  }
  return maps;
}

/**
 * The map that knows only the counts: SAM averaged over all shuffles of each neuron's steps,
 * sum_k n(n-1)/(T(T-1)) times the mean kernel at step t.
 * @param {Float64Array} pairs [P], of {@link pairsMap}
 * @param {number} steps T
 * @param {number} gamma
 * @returns {Float64Array} [T][P]
 */
export function countsMap(pairs, steps, gamma) {
  const places = pairs.length;
  const maps = new Float64Array(steps * places);
  for (let t = 1; t < steps; t++) {
    const kernel = gamma > 0 ? -Math.expm1(-gamma * t) / Math.expm1(gamma) : t;
    for (let p = 0; p < places; p++) {
      maps[t * places + p] = (pairs[p] * kernel) / (steps * (steps - 1));
    }
  }
  return maps;
}

/**
 * sum_k n(n-1), with n the spikes of a neuron over all steps.
 * @param {Uint8Array} spikes [T][C][P]
 * @param {number} channels C
 * @param {number} places P
 * @returns {Float64Array} [P]
 */
export function pairsMap(spikes, channels, places) {
  const counts = new Float64Array(channels * places);
  for (let at = 0; at < spikes.length; ) {
    for (let i = 0; i < counts.length; i++) counts[i] += spikes[at++];
  }
  const pairs = new Float64Array(places);
  for (let i = 0; i < counts.length; i++) pairs[i % places] += counts[i] * (counts[i] - 1);
  return pairs;
}

/**
 * How many channels fire both at t and at t - d, place by place: all that SAM needs, for any gamma.
 * @param {Uint8Array} spikes [T][C][P]
 * @param {number} steps T
 * @param {number} channels C
 * @param {number} places P
 * @returns {Uint16Array} [t][d][P] for t = 1 .. T-1 and d = 1 .. t
 */
export function lagPairs(spikes, steps, channels, places) {
  const pairs = new Uint16Array(((steps * (steps - 1)) / 2) * places);
  const fired = new Int32Array(steps);
  for (let i = 0; i < channels * places; i++) {
    for (let t = 0, count = 0; t < steps; t++) {
      if (!spikes[t * channels * places + i]) continue;
      const before = (t * (t - 1)) / 2 + t - 1; // the row of t and d is before - (t - d)
      for (let n = 0; n < count; n++) pairs[(before - fired[n]) * places + (i % places)] += 1;
      fired[count++] = t;
    }
  }
  return pairs;
}

/**
 * SAM from the pairs of {@link lagPairs}.
 * @param {ArrayLike<number>} pairs [t][d][P] for t = 1 .. T-1 and d = 1 .. t
 * @param {number} steps T
 * @param {number} places P
 * @param {number} gamma
 * @returns {Float64Array} [T][P]
 */
export function mapFromPairs(pairs, steps, places, gamma) {
  const maps = new Float64Array(steps * places);
  for (let t = 1, at = 0; t < steps; t++) {
    for (let d = 1; d <= t; d++) {
      const weight = Math.exp(-gamma * d);
      for (let p = 0; p < places; p++) maps[t * places + p] += weight * pairs[at++];
    }
  }
  return maps;
}

/**
 * The number of spikes at each place and step.
 * @param {Uint8Array} spikes [T][C][P]
 * @param {number} steps T
 * @param {number} channels C
 * @param {number} places P
 * @returns {Float64Array} [T][P]
 */
export function rateMap(spikes, steps, channels, places) {
  return weightedMap(spikes, steps, channels, places, new Float64Array(channels).fill(1));
}

/**
 * SNN Grad-CAM from its channel weights, max(0, sum_k alpha_k S_t): snnlab.explain.snn_grad_cam.
 * @param {Uint8Array} spikes [T][C][P]
 * @param {number} steps T
 * @param {number} channels C
 * @param {number} places P
 * @param {ArrayLike<number>} alpha [C]
 * @returns {Float64Array} [T][P]
 */
export function gradCamMap(spikes, steps, channels, places, alpha) {
  return weightedMap(spikes, steps, channels, places, alpha).map((sum) => Math.max(0, sum));
}

/**
 * The sum over the channels of alpha_k S_t.
 * @param {ArrayLike<number>} spikes [T][C][P], or the activity of a still network with T 1
 * @param {number} steps T
 * @param {number} channels C
 * @param {number} places P
 * @param {ArrayLike<number>} alpha [C]
 * @returns {Float64Array} [T][P]
 */
export function weightedMap(spikes, steps, channels, places, alpha) {
  const maps = new Float64Array(steps * places);
  for (let t = 0; t < steps; t++) {
    for (let k = 0; k < channels; k++) {
      const from = (t * channels + k) * places;
      for (let p = 0; p < places; p++) maps[t * places + p] += alpha[k] * spikes[from + p];
    }
  }
  return maps;
}

/**
 * The sum over the steps.
 * @param {ArrayLike<number>} maps [T][P]
 * @param {number} steps T
 * @returns {Float64Array} [P]
 */
export function sumOverSteps(maps, steps) {
  const total = new Float64Array(maps.length / steps);
  for (let i = 0; i < maps.length; i++) total[i % total.length] += maps[i];
  return total;
}

/**
 * One step of maps.
 * @template {Float64Array | Int8Array} T
 * @param {T} maps [T][P]
 * @param {number} steps T
 * @param {number} step
 * @returns {T} [P]
 */
export function atStep(maps, steps, step) {
  const places = maps.length / steps;
  return /** @type {T} */ (maps.subarray(step * places, (step + 1) * places));
}

/**
 * The sums of maps left and right of a line; a column that it cuts counts to both, by its shares.
 * @param {Float64Array} maps [T][height][width]
 * @param {number} steps T
 * @param {number} width
 * @param {number} line how many columns lie on its left
 * @returns {[left: Float64Array, right: Float64Array]} [T] each
 */
export function halfSums(maps, steps, width, line) {
  const places = maps.length / steps;
  const [left, right] = [new Float64Array(steps), new Float64Array(steps)];
  maps.forEach((value, i) => {
    const share = Math.min(1, Math.max(0, line - (i % width)));
    left[Math.floor(i / places)] += share * value;
    right[Math.floor(i / places)] += (1 - share) * value;
  });
  return [left, right];
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

/**
 * Pixels after an attack.
 * @param {Uint8Array} pixels bytes
 * @param {Int8Array} change of each, 127 stands for epsilon
 * @param {number} epsilon in bytes
 */
export function changed(pixels, change, epsilon) {
  return pixels.map((byte, i) => Math.min(255, Math.max(0, Math.round(byte + (epsilon * change[i]) / 127))));
}

/**
 * Bilinear, corners not aligned: torch.nn.functional.interpolate.
 * @param {ArrayLike<number>} map [height][width]
 * @param {number} height
 * @param {number} width
 * @param {number} rows
 * @param {number} columns
 * @returns {Float64Array} [rows][columns]
 */
export function enlarge(map, height, width, rows, columns) {
  const across = between(width, columns);
  const down = between(height, rows);
  const large = new Float64Array(rows * columns);
  for (let y = 0, at = 0; y < rows; y++) {
    const { low: up, high: below, share: v } = down[y];
    for (let x = 0; x < columns; x++) {
      const { low, high, share: u } = across[x];
      const above = (1 - u) * map[up * width + low] + u * map[up * width + high];
      const under = (1 - u) * map[below * width + low] + u * map[below * width + high];
      large[at++] = (1 - v) * above + v * under;
    }
  }
  return large;
}

/** For each of `to` points, its two neighbours among `from`, and how near it is to the second. */
function between(from, to) {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    const low = Math.min(from - 1, Math.floor(at));
    return { low, high: Math.min(from - 1, low + 1), share: at - low };
  });
}

/**
 * Logits as shares of one: torch.softmax.
 * @param {ArrayLike<number>} logits
 * @returns {Float64Array}
 */
export function softmax(logits) {
  const all = Float64Array.from(logits);
  const powers = all.map((logit) => Math.exp(logit - Math.max(...all)));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/**
 * The correlation of two maps; 0 where one is constant: snnlab.judge.pearson.
 * @param {ArrayLike<number>} first
 * @param {ArrayLike<number>} second
 */
export function pearson(first, second) {
  const [a, b] = [centred(first), centred(second)];
  const length = Math.sqrt(dot(a, a) * dot(b, b));
  return isConstant(first) || isConstant(second) ? 0 : dot(a, b) / length;
}

function centred(values) {
  const array = Float64Array.from(values);
  const mean = array.reduce((sum, value) => sum + value, 0) / array.length;
  return array.map((value) => value - mean);
}

function dot(a, b) {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

function isConstant(values) {
  return Array.prototype.every.call(values, (value) => value === values[0]);
}

/**
 * The smallest share of the area that holds half of the map's sum: snnlab.judge.half_mass_area.
 * A map that is 0 everywhere counts as a uniform one.
 * @param {ArrayLike<number>} map
 */
export function halfMassArea(map) {
  const ordered = Float64Array.from(map).sort().reverse();
  let missing = ordered.reduce((sum, value) => sum + value, 0) / 2;
  if (missing === 0) return 0.5;
  let places = 0;
  for (const value of ordered) {
    if (value >= missing) return (places + missing / value) / ordered.length;
    missing -= value;
    places += 1;
  }
  return places / ordered.length;
}

/**
 * The share of a map's sum that lies in a box: snnlab.judge.localisation.energy.
 * A map that is 0 everywhere counts as a uniform one.
 * @param {ArrayLike<number>} map [height][width]
 * @param {number} width
 * @param {{x: number, y: number, wide: number, high: number}} box of places
 */
export function energyInBox(map, width, { x, y, wide, high }) {
  let [inside, whole] = [0, 0];
  for (let place = 0; place < map.length; place++) {
    const [row, column] = [Math.floor(place / width), place % width];
    const within = row >= y && row < y + high && column >= x && column < x + wide;
    whole += map[place];
    inside += within ? map[place] : 0;
  }
  return whole > 0 ? inside / whole : (wide * high) / map.length;
}
