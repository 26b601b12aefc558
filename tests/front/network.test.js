// snnlab/widgets/front/network.js against PyTorch: tests/test_widgets_network.py writes what the
// networks give into the file that the environment variable EXPECTED names, and runs this.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { makeRecording, readNetwork, runNetwork } from "../../snnlab/widgets/front/network.js";
import { unpackBits } from "../../snnlab/widgets/front/numbers.js";

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
      for (const [layer, { shape, packed }] of Object.entries(layers)) {
        const { channels, height, width } = sizes[layer];
        assert.deepEqual([network.steps, channels, height, width], shape);
        const wanted = unpackBits(bytes(packed), recorded[layer].length);
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

test("weights of another precision are not misread", () => {
  const header = JSON.stringify({ w: { dtype: "F32", shape: [1], data_offsets: [0, 4] } });
  const file = new Uint8Array(8 + header.length + 4);
  file[0] = header.length;
  file.set(new TextEncoder().encode(header), 8);
  assert.throws(() => readNetwork(file, 1), /expected the weights as F16, got F32/);
});
