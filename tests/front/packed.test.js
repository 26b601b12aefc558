// snnlab/widgets/front/packed.js reads what packed.py writes: tests/test_widgets_packed.py puts both
// into the file that the environment variable EXPECTED names, and runs this.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { arrays, Shaped } from "../../snnlab/widgets/front/packed.js";

const expected = JSON.parse(readFileSync(process.env.EXPECTED, "utf8"));
const bytes = Uint8Array.from(Buffer.from(expected.packed, "base64"));

/** The same bytes, somewhere in a larger buffer, as a kernel sends them. */
function inside(before) {
  const buffer = new Uint8Array(before + bytes.length + 5).fill(77);
  buffer.set(bytes, before);
  return new DataView(buffer.buffer, before, bytes.length);
}

for (const before of [0, 1, 3]) {
  test(`every array comes with its shape and values, ${before} bytes into a buffer`, () => {
    const found = arrays(inside(before));
    assert.equal(found.length, expected.arrays.length);
    for (const [i, { shape, values }] of expected.arrays.entries()) {
      assert.deepEqual(found[i].shape, shape);
      assert.deepEqual([...found[i].values], values);
    }
  });
}

test("bytes are read once, and values when they are asked for", () => {
  const trait = inside(0);
  assert.equal(arrays(trait), arrays(trait));
  let reads = 0;
  const lazy = new Shaped([2], () => [reads++, 0]);
  assert.equal(reads, 0);
  assert.equal(lazy.values, lazy.values);
  assert.equal(reads, 1);
});

test("a part stands where the first axes say", () => {
  const whole = new Shaped([2, 3, 4, 5], () => Float32Array.from({ length: 120 }, (_, i) => i));
  assert.deepEqual([whole.height, whole.width], [4, 5]);
  const part = whole.part(1, 2);
  assert.deepEqual(part.shape, [4, 5]);
  assert.deepEqual([...part.values], Array.from({ length: 20 }, (_, i) => 100 + i));
  assert.deepEqual([...whole.part(1).part(0).values], [...whole.part(1, 0).values]);
});

test("bytes that are cut off are not misread", () => {
  const three = new DataView(Uint8Array.from([3, 1, 3, 0, 0, 0, ...Array(11).fill(1)]).buffer);
  assert.throws(() => arrays(three), /expected 12 bytes for \[3\], got 11/);
});
