// snnlab/widgets/front/numbers.js against the library: tests/test_widgets_numbers.py writes what
// snnlab gives into the file that the environment variable EXPECTED names, and runs this.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import * as numbers from "../../snnlab/widgets/front/numbers.js";
import { boardAt } from "../../snnlab/widgets/front/verdicts.js";

const expected = JSON.parse(readFileSync(process.env.EXPECTED, "utf8"));

function assertClose(actual, wanted, tolerance) {
  assert.equal(actual.length, wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const allowed = tolerance * Math.max(1, Math.abs(wanted[i]));
    assert.ok(Math.abs(actual[i] - wanted[i]) <= allowed, `${i}: ${actual[i]}, not ${wanted[i]}`);
  }
}

test("a seed gives torch's random numbers", () => {
  for (const { seed, size, last } of expected.uniform) {
    const generator = new numbers.Mersenne(seed);
    const drawn = Array.from({ length: size }, () => generator.uniform());
    assert.deepEqual(drawn.slice(-last.length), last, `seed ${seed}`);
  }
});

test("a seed gives the encoder's spikes, from pixels on", () => {
  const { pixels, x, steps, seed, spikes } = expected.poisson;
  const normalised = numbers.normalise(Float32Array.from(pixels));
  assert.deepEqual([...normalised], x);
  assert.deepEqual([...numbers.poisson(normalised, steps, new numbers.Mersenne(seed))], spikes);
});

test("the neuron fires as snnlab's, whatever leak, threshold and reset", () => {
  for (const { currents, steps, leak, threshold, reset, start, spikes, state } of expected.lif) {
    const begin = start && Float32Array.from(start);
    const given = Float32Array.from(currents);
    const found = numbers.lif(given, steps, leak, threshold, reset, begin);
    assert.deepEqual([...found.spikes], spikes);
    assertClose(found.after.slice(-state.length), state, 1e-5);
    found.before.forEach((u, i) => assert.equal(found.spikes[i], Number(u > Math.fround(threshold))));
  }
});

test("the stand-in slopes", () => {
  for (const { kind, u, threshold, scale, width, slope } of expected.slopes) {
    assertClose(u.map((u) => numbers.surrogateSlope(kind, u, threshold, scale, width)), slope, 1e-6);
  }
});

test("contribution scores and maps", () => {
  const { steps, channels, places, alpha, gammas, rate, gradCam, lags } = expected.maps;
  const spikes = Uint8Array.from(expected.maps.spikes);
  const shape = [steps, channels, places];
  const pairs = numbers.pairsMap(spikes, channels, places);
  const found = numbers.lagPairs(spikes, ...shape);
  assert.deepEqual([...found], lags);
  for (const { gamma, scores, paper, code, counts, total } of gammas) {
    assertClose(numbers.contributionScore(spikes, steps, channels * places, gamma), scores, 1e-5);
    const map = numbers.spikeActivationMap(spikes, ...shape, gamma);
    assertClose(map, paper, 1e-5);
    assertClose(numbers.mapFromPairs(found, steps, places, gamma), paper, 1e-5);
    assertClose(numbers.sumOverSteps(map, steps), total, 1e-5);
    assertClose(numbers.spikeActivationMap(spikes, ...shape, gamma, "authors-code"), code, 1e-5);
    assertClose(numbers.countsMap(pairs, steps, gamma), counts, 1e-5);
  }
  assertClose(numbers.rateMap(spikes, ...shape), rate, 1e-9);
  assertClose(numbers.gradCamMap(spikes, ...shape, alpha), gradCam, 1e-5);
});

test("the spikes so far, and how their mean comes to look like the image", () => {
  const { image, spikes, correlations, means, counts, rms } = expected.encoded;
  const [pixels, trains] = [Float32Array.from(image), Int8Array.from(spikes)];
  assertClose(numbers.correlate(trains, pixels, means.length), correlations, 1e-6);
  for (const [t, mean] of means.entries()) {
    const found = numbers.spikesSoFar(trains, pixels, t);
    assert.deepEqual([...found.spikes], spikes.slice(t * image.length, (t + 1) * image.length));
    assertClose(found.mean, mean, 1e-6);
    assertClose([found.count, found.rms], [counts[t], rms[t]], 1e-6);
  }
});

test("the gradient of the spike count", () => {
  for (const { slopes, spikes, leak, reset, gradient } of expected.count_gradients) {
    assertClose(numbers.countGradient(Float64Array.from(slopes), spikes, leak, reset), gradient, 1e-6);
  }
});

test("maps grow as torch's, to any size", () => {
  for (const { map, sizes, large } of expected.enlarged) {
    assertClose(numbers.enlarge(map, ...sizes), large, 1e-9);
  }
});

test("a line parts a map in two, also inside a column", () => {
  for (const { maps, line, left, right } of expected.halves) {
    const found = numbers.halfSums(Float64Array.from(maps), 3, 5, line);
    assertClose(found[0], left, 1e-9);
    assertClose(found[1], right, 1e-9);
  }
});

test("one step of maps", () => {
  assert.deepEqual([...numbers.atStep(Float64Array.from([0, 1, 2, 3, 4, 5]), 3, 1)], [2, 3]);
});

test("pixels after an attack", () => {
  const { clean, change, attacked } = expected.attacked;
  const found = numbers.changed(Uint8Array.from(clean), Int8Array.from(change), 8);
  found.forEach((byte, i) => assert.ok(Math.abs(byte - attacked[i]) < 0.54, `${byte}, not ${attacked[i]}`));
});

test("how alike two maps are, and how compact one is", () => {
  for (const { first, second, correlation, area } of expected.measures) {
    assertClose([numbers.pearson(first, second)], [correlation], 1e-9);
    assertClose([numbers.halfMassArea(first)], [area], 1e-9);
  }
});

test("the map of a large layer takes less than a plain loop over its spikes", () => {
  const spikes = Uint8Array.from({ length: 30 * 128 * 256 }, (_, i) => Number((i * 7919) % 31 < 5));
  const trace = new Float32Array(spikes.length);
  const timed = (/** @type {() => void} */ work) => {
    const begin = performance.now();
    work();
    return performance.now() - begin;
  };
  const bare = () => spikes.forEach((spike, i) => (trace[i] = 0.5 * trace[i] + spike));
  const map = () => numbers.spikeActivationMap(spikes, 30, 128, 256, 0.5);
  const ratios = Array.from({ length: 15 }, () => timed(map) / timed(bare)).sort((a, b) => a - b);
  console.log(`median ${ratios[7].toFixed(2)} passes`);
  assert.ok(ratios[7] < 1, `median ${ratios[7]} passes`);
});

test("the share of a map in a box, of an empty map its area", () => {
  for (const { map, box, energy } of expected.boxes) {
    assertClose([numbers.energyInBox(map, 7, box)], [energy], 1e-12);
  }
});

test("verdicts at other margins are those of snnlab.results", () => {
  for (const { claims, factor, asked, verdicts, holm } of expected.boards) {
    const rows = boardAt(claims, factor, asked, 0.05);
    assert.deepEqual(rows.map((row) => row.verdict), verdicts, `factor ${factor}`);
    assertClose(rows.map((row) => row.holm ?? -1), holm.map((p) => p ?? -1), 1e-12);
  }
});
