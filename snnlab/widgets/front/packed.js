/** Arrays as bytes: reads what snnlab/widgets/packed.py writes, and says how it lies there. */

/** Of each kind, how many bytes so many values take, and how they are read. */
const KINDS = [
  { size: (count) => Math.ceil(count / 8), read: unpackBits },
  { size: (count) => count, read: (bytes) => bytes },
  { size: (count) => count, read: (bytes) => new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length) },
  { size: (count) => 4 * count, read: (bytes) => new Float32Array(bytes.slice().buffer) },
];

/** Numbers with their shape; they are read when they are first asked for. */
export class Shaped {
  #read;
  #values = null;

  /**
   * @param {number[]} shape
   * @param {() => any} read gives the values, a typed array
   */
  constructor(shape, read) {
    this.shape = shape;
    this.#read = read;
  }

  get values() {
    this.#values ??= this.#read();
    return this.#values;
  }

  get height() {
    return this.shape[this.shape.length - 2];
  }

  get width() {
    return this.shape[this.shape.length - 1];
  }

  /**
   * @param {number[]} at places on the first axes
   * @returns {Shaped} what stands there
   */
  part(...at) {
    const shape = this.shape.slice(at.length);
    const size = sizeOf(shape);
    const from = at.reduce((before, k, axis) => before * this.shape[axis] + k, 0) * size;
    return new Shaped(shape, () => this.values.subarray(from, from + size));
  }
}

/**
 * Something that is worked out once for each binary trait, as long as that has the same bytes.
 * @template T
 * @param {(trait: DataView) => T} work
 * @returns {(trait: DataView) => T}
 */
export function oncePerTrait(work) {
  const known = new WeakMap();
  return (trait) => {
    if (!known.has(trait)) known.set(trait, work(trait));
    return known.get(trait);
  };
}

/** The arrays of a binary trait, in the order in which they were packed. */
export const arrays = oncePerTrait((trait) => {
  const found = /** @type {Shaped[]} */ ([]);
  for (let at = 0; at < trait.byteLength; ) {
    const { size, read } = KINDS[trait.getUint8(at)];
    const axes = trait.getUint8(at + 1);
    const shape = Array.from({ length: axes }, (_, axis) => trait.getUint32(at + 2 + 4 * axis, true));
    const count = sizeOf(shape);
    at += 2 + 4 * axes;
    const left = trait.byteLength - at;
    if (size(count) > left) throw new Error(`expected ${size(count)} bytes for [${shape}], got ${left}`);
    const bytes = new Uint8Array(trait.buffer, trait.byteOffset + at, size(count));
    found.push(new Shaped(shape, () => read(bytes, count)));
    at += bytes.length;
  }
  return found;
});

function sizeOf(/** @type {number[]} */ shape) {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * @param {Uint8Array} bytes eight bits in each, the first in the highest place
 * @param {number} count how many bits
 * @returns {Uint8Array} 0 or 1 each
 */
function unpackBits(bytes, count) {
  const bits = new Uint8Array(count);
  for (let i = 0; i < count; i++) bits[i] = (bytes[i >> 3] >> (7 - (i & 7))) & 1;
  return bits;
}
