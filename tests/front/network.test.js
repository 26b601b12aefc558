// snnlab/widgets/front/network.js against PyTorch: tests/test_widgets_network.py writes what the
// networks give into the file that the environment variable EXPECTED names, and runs this.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { convolve, decodeFloat16, makeRecording, readNetwork, runNetwork } from "../../snnlab/widgets/front/network.js";
import { arrays } from "../../snnlab/widgets/front/packed.js";
import { vectors } from "../../snnlab/widgets/front/vectors.js";

const expected = JSON.parse(readFileSync(process.env.EXPECTED, "utf8"));
const bytes = (base64) => Uint8Array.from(Buffer.from(base64, "base64"));

for (const { name, weights, leak, runs } of expected.networks) {
  test(`${name} gives PyTorch's logits at every step, and its spikes`, () => {
    const network = readNetwork(new Uint8Array(readFileSync(weights)), leak);
    const differences = [];
    let [unlike, count] = [0, 0];
    for (const { spikes, height, width, logits, layers } of runs) {
      const { recorded, sizes } = makeRecording(network, height, width, Object.keys(layers));
      let largest = 0;
      for (const now of runNetwork(network, Int8Array.from(spikes), height, width, recorded)) {
        logits[now.step].forEach((wanted, k) => {
          largest = Math.max(largest, Math.abs(now.logits[k] - wanted));
        });
      }
      differences.push(largest);
      for (const [layer, { packed }] of Object.entries(layers)) {
        const { channels, height, width } = sizes[layer];
        const [{ shape, values: wanted }] = arrays(new DataView(bytes(packed).buffer));
        assert.deepEqual([network.steps, channels, height, width], shape);
        recorded[layer].forEach((spike, i) => (unlike += Number(spike !== wanted[i])));
        count += wanted.length;
      }
    }
    differences.sort((a, b) => a - b);
    console.log(`${name}: ${unlike} of ${count} spikes differ; logits: ${differences}`);
    // A sum in another order may push a membrane over the threshold, now and then, and then the
    // layers after it see another spike; where that does not happen, the logits are the same.
    assert.ok(differences[0] < 1e-5, `logits differ by ${differences[0]} at best`);
    assert.ok(differences.at(-1) < 0.1, `logits differ by up to ${differences.at(-1)}`);
    assert.ok(unlike <= count / 1000, `${unlike} of ${count} spikes differ`);
  });
}

/** A block of odd sizes and an input of it, whose numbers are drawn from some. */
function drawn(numbers, outputs, inputs = 3, height = 5, width = 7) {
  let seed = 1;
  const draw = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const weights = Float32Array.from({ length: inputs * 9 * outputs }, () => draw() - 0.5);
  const block = { name: "one", inputs, outputs, pooled: false, weights, scale: weights, shift: weights };
  const length = height * width * inputs;
  const input = Float32Array.from({ length }, () => numbers[Math.floor(draw() * numbers.length)]);
  return { state: { block, height, width }, input };
}

test("four numbers at a time add up to the same as one at a time", () => {
  for (const outputs of [4, 12]) {
    const { state, input } = drawn([0, 0, 0, -1, 1, 0.25, 0.5], outputs);
    const fast = vectors([drawn([1], 8).state.block, state.block]);
    for (let round = 0; round < 2; round++) {
      assert.deepEqual([...fast.convolve(state, input)], [...convolve(state, input)]);
    }
    const thirds = drawn([0, 0.75], outputs).input; // whose products are rounded
    const [got, wanted] = [fast.convolve(state, thirds), convolve(state, thirds)];
    wanted.forEach((current, i) => assert.ok(Math.abs(got[i] - current) < 1e-6));
  }
});

test("silence, nothing but spikes, one channel and one pixel add up, and memory does not grow run by run", () => {
  for (const [numbers, ...sizes] of [[[0], 4], [[1], 4], [[-1, 1], 4, 1], [[0.25], 8, 1, 1, 1], [[1], 64, 65, 1, 9]]) {
    const { state, input } = drawn(numbers, ...sizes);
    const fast = vectors([state.block]);
    const wanted = [...convolve(state, input)];
    assert.deepEqual([...fast.convolve(state, input)], wanted);
    const room = fast.memory.buffer.byteLength;
    for (let round = 0; round < 200; round++) fast.convolve(state, input);
    assert.equal(fast.memory.buffer.byteLength, room);
    assert.deepEqual([...fast.convolve(state, input)], wanted);
  }
});

test("where no memory is left it is one at a time", (t) => {
  const { weights, leak, runs } = expected.networks[0];
  const [{ spikes, height, width, logits }] = runs;
  const network = readNetwork(new Uint8Array(readFileSync(weights)), leak);
  const fast = vectors(network.blocks);
  t.mock.method(fast.memory, "grow", () => {
    throw new RangeError("no memory");
  });
  const large = { block: network.blocks[0], height: 512, width: 512 };
  assert.equal(fast.convolve(large, new Float32Array(512 * 512 * 3)), null);
  const last = [...runNetwork(network, Int8Array.from(spikes), height, width, {})].at(-1).logits;
  last.forEach((logit, k) => assert.ok(Math.abs(logit - logits.at(-1)[k]) < 0.1));
});

test("without WebAssembly, or with channels that do not come in fours, it is one at a time", (t) => {
  const { block } = drawn([1], 6).state;
  assert.equal(vectors([block]).convolve(drawn([1], 6).state, drawn([1], 6).input), null);
  t.mock.method(WebAssembly, "Module", () => {
    throw new Error("no");
  });
  assert.equal(vectors([block]), null);
  const { weights, leak, runs } = expected.networks[0];
  const [{ spikes, height, width }] = runs;
  const network = readNetwork(new Uint8Array(readFileSync(weights)), leak);
  const run = (one) => [...runNetwork(one, Int8Array.from(spikes), height, width, {})].at(-1).logits;
  const slow = run(network);
  t.mock.restoreAll();
  const fast = run(readNetwork(new Uint8Array(readFileSync(weights)), leak));
  fast.forEach((logit, k) => assert.ok(Math.abs(logit - slow[k]) < 0.1));
});

test("half-precision numbers are read as numpy writes them", () => {
  const { halves, values } = expected.float16;
  assert.deepEqual([...decodeFloat16(bytes(halves))].map(String), values);
});

test("a picture of another size than its spikes, or too small, is refused", () => {
  const { weights, leak } = expected.networks[0];
  const network = readNetwork(new Uint8Array(readFileSync(weights)), leak);
  const run = (count, height, width) => runNetwork(network, new Int8Array(count), height, width, {}).next();
  const [small, other] = [network.steps * 3 * 8 * 32, network.steps * 3 * 64 * 64];
  assert.throws(() => run(small, 8, 32), /at least 16 × 16 pixels, .* halves it 4 times, got 8 × 32; scale it up/);
  assert.throws(() => run(other, 48, 64), /spikes of 4 steps × 3 channels × 48 × 64, 36864 in all, got 49152; encode/);
  assert.ok(run(other, 64, 64).value.logits.length > 0);
});

/** A file of one number, in so many bytes. */
function fileOf(dtype, ...number) {
  const header = JSON.stringify({ w: { dtype, shape: [1], data_offsets: [0, number.length] } });
  return Uint8Array.from([header.length, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode(header), ...number]);
}

test("weights of another precision are not misread, and those that are not finite are no silence", () => {
  assert.throws(() => readNetwork(fileOf("F32", 0, 0, 0, 0), 1), /expected the weights as F16, got F32/);
  for (const high of [0x7c, 0x7e, 0xfc]) {
    assert.throws(() => readNetwork(fileOf("F16", 0, high), 1), /expected finite weights, got others in w/);
  }
});
