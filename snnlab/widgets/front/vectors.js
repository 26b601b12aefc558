/**
 * The convolution of network.js in WebAssembly, four numbers at a time.
 *
 * It does what `convolve` there does, in the same order; a product is rounded before it is added, so
 * currents may differ in their last bits.  A browser that has no such instructions, may not compile
 * or has no memory left stays with that one; so do blocks whose channels do not come in fours.
 */

const PAGE = 65536; // bytes by which the memory of WebAssembly grows

/** @typedef {import("./network.js").Block} Block */

/** The weights of a network's blocks, and room for what goes into one of them and comes out. */
class Vectors {
  /**
   * @param {Block[]} blocks
   * @param {WebAssembly.Module} module
   */
  constructor(blocks, module) {
    const { memory, convolve } = /** @type {any} */ (new WebAssembly.Instance(module).exports);
    this.memory = memory;
    this.run = convolve;
    /** @type {Map<Block, number>} where each block's weights begin, in bytes */
    this.places = new Map();
    this.free = 0;
    for (const block of blocks.filter(({ outputs }) => outputs % 4 === 0)) {
      this.places.set(block, this.free);
      const { length } = block.weights;
      if (!this.#reach(this.free + 4 * length)) throw new Error("no memory for the weights");
      new Float32Array(this.memory.buffer, this.free, length).set(block.weights);
      this.free += 4 * length;
    }
  }

  /**
   * As `convolve` of network.js; what comes back is overwritten by the next call.
   * @returns {Float32Array | null} null where it cannot
   */
  convolve({ block, height, width }, input) {
    const weights = this.places.get(block);
    const to = this.free + 16 * Math.ceil(input.length / 4);
    const count = (height + 2) * (width + 2) * block.outputs;
    if (weights === undefined || !this.#reach(to + 4 * count)) return null;
    new Float32Array(this.memory.buffer, this.free, input.length).set(input);
    const currents = new Float32Array(this.memory.buffer, to, count).fill(0);
    this.run(this.free, weights, to, block.inputs, block.outputs, height, width);
    return currents;
  }

  /** @param {number} end in bytes; false where there is no memory left */
  #reach(end) {
    const missing = end - this.memory.buffer.byteLength;
    try {
      if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
      return true;
    } catch {
      return false;
    }
  }
}

/** @type {WeakMap<Block[], Vectors | null>} */
const ready = new WeakMap();

/**
 * @param {Block[]} blocks of a network
 * @returns {Vectors | null} null where the browser cannot
 */
export function vectors(blocks) {
  if (!ready.has(blocks)) {
    try {
      ready.set(blocks, new Vectors(blocks, new WebAssembly.Module(convolutionCode())));
    } catch {
      ready.set(blocks, null);
    }
  }
  return ready.get(blocks) ?? null;
}

/** @returns {Uint8Array<ArrayBuffer>} a module with a memory and the function that adds to it */
function convolutionCode() {
  const size = (/** @type {number} */ n) => (n < 128 ? [n] : [(n % 128) + 128, ...size(n >> 7)]);
  const counted = (/** @type {number[]} */ bytes) => [...size(bytes.length), ...bytes];
  const section = (/** @type {number} */ kind, .../** @type {number[]} */ bytes) => [kind, ...counted(bytes)];
  const name = (/** @type {string} */ text) => counted([...new TextEncoder().encode(text)]);
  const { code, parameters } = convolutionBody();
  return Uint8Array.from([
    ...[0x00, ...new TextEncoder().encode("asm"), 1, 0, 0, 0],
    ...section(1, 1, 0x60, ...counted(parameters), 0), // a type: a function that returns nothing
    ...section(3, 1, 0), // a function of that type
    ...section(5, 1, 0, 1), // a memory, of one page at first
    ...section(7, 2, ...name("memory"), 2, 0, ...name("convolve"), 0, 0),
    ...section(10, 1, ...counted(code)),
  ]);
}

/** The function: each input that is not 0 adds three runs of weights to the currents around it. */
function convolutionBody() {
  const [INT, FLOAT, FOUR] = [0x7f, 0x7d, 0x7b]; // i32, f32, v128
  const parameters = ["input", "weights", "currents", "inputs", "outputs", "height", "width"];
  const counters = ["x", "y", "c", "row", "to", "from", "end", "run", "line"];
  const names = [...parameters, ...counters, "value", "four"];
  /** @typedef {number[]} Code what it puts on the stack, if anything */
  const get = (/** @type {string} */ name) => [0x20, names.indexOf(name)];
  const set = (/** @type {string} */ name, /** @type {Code} */ value) => [...value, 0x21, names.indexOf(name)];
  const whole = (/** @type {number} */ n) => [0x41, n]; // up to 63
  const add = (/** @type {Code} */ a, /** @type {Code} */ b) => [...a, ...b, 0x6a];
  const times = (/** @type {Code} */ a, /** @type {Code} */ b) => [...a, ...b, 0x6c];
  const less = (/** @type {Code} */ a, /** @type {Code} */ b) => [...a, ...b, 0x49];
  const advance = (/** @type {string} */ name, /** @type {Code} */ by) => set(name, add(get(name), by));
  const again = (/** @type {Code} */ body, /** @type {Code} */ asLong) =>
    [0x03, 0x40, ...body, ...asLong, 0x0d, 0, 0x0b]; // loop, br_if
  const count = (/** @type {string} */ name, /** @type {Code} */ end, /** @type {Code[]} */ body) => [
    ...set(name, whole(0)),
    ...again([...body.flat(), ...advance(name, whole(1))], less(get(name), end)),
  ];
  const number = [...get("input"), 0x2a, 2, 0]; // f32.load
  const isThere = [...get("value"), 0x43, 0, 0, 0, 0, 0x5c]; // f32.ne 0
  const fourAt = (/** @type {string} */ place) => [...get(place), 0xfd, 0, 0, 0]; // v128.load
  const product = [...get("four"), ...fourAt("from"), 0xfd, 0xe6, 1]; // f32x4.mul
  const sum = [...fourAt("to"), ...product, 0xfd, 0xe4, 1]; // f32x4.add
  const addFour = [...get("to"), ...sum, 0xfd, 0x0b, 0, 0]; // v128.store
  const addRun = [
    ...set("end", add(get("from"), get("run"))),
    ...again(
      [...addFour, ...advance("to", whole(16)), ...advance("from", whole(16))],
      less(get("from"), get("end")),
    ),
    ...set("to", [...add(get("to"), get("line")), ...get("run"), 0x6b]), // i32.sub
  ];
  const corner = add(times(get("y"), get("line")), times(get("x"), times(get("outputs"), whole(4))));
  const patch = [
    ...set("four", [...get("value"), 0xfd, 0x13]), // f32x4.splat
    ...set("from", add(get("weights"), times(get("c"), times(get("run"), whole(3))))),
    ...set("to", add(get("currents"), corner)),
    ...count("row", whole(3), [addRun]),
  ];
  const take = [...set("value", number), ...advance("input", whole(4))];
  const places = [take, [...isThere, 0x04, 0x40, ...patch, 0x0b]]; // if
  const code = [
    ...[3, counters.length, INT, 1, FLOAT, 1, FOUR],
    ...set("run", times(get("outputs"), whole(12))), // bytes of three places
    ...set("line", times(times(get("outputs"), whole(4)), add(get("width"), whole(2)))),
    ...count("y", get("height"), [count("x", get("width"), [count("c", get("inputs"), places)])]),
    0x0b,
  ];
  return { code, parameters: parameters.map(() => INT) };
}
