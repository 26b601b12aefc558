/**
 * The spiking VGG, run in the page: snnlab.models.SpikingVGG of one picture, step by step.
 *
 * Spikes are rare, so the convolutions are driven by them: an input that is 0 costs nothing, and
 * one that is not adds its 3x3 patch of weight rows to the currents around it; four at a time where
 * the browser can (vectors.js).
 */

import { vectors } from "./vectors.js";

const BLOCKS = ["conv1", "conv2", "conv3", "conv4", "conv5", "conv6", "conv7", "conv8"];
const POOLED = ["conv1", "conv2", "conv4", "conv6"];
const NORM_EPSILON = 1e-4;

/**
 * @typedef {object} Block
 * @property {string} name
 * @property {number} inputs channels that come in
 * @property {number} outputs channels that go out
 * @property {boolean} pooled whether 2x2 average pooling follows
 * @property {Float32Array} weights [inputs][3][3][outputs], the patch turned by half a turn
 * @property {Float32Array} scale [T][outputs]: batch norm through time, folded
 * @property {Float32Array} shift [T][outputs]
 *
 * @typedef {object} Network
 * @property {number} steps
 * @property {number} leak
 * @property {Block[]} blocks
 * @property {Float32Array} headWeight [classes][channels]
 * @property {Float32Array} headBias [classes]
 */

/**
 * The tensors of a safetensors file: a length, a JSON header, and the numbers one after another.
 * @param {Uint8Array} bytes
 * @returns {Record<string, {shape: number[], values: Float32Array}>}
 */
export function readSafetensors(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const start = 8 + length;
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  delete header.__metadata__;
  const tensors = /** @type {Record<string, {shape: number[], values: Float32Array}>} */ ({});
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
    if (dtype !== "F16") throw new Error(`expected the weights as F16, got ${dtype} for ${name}`);
    const values = decodeFloat16(bytes.subarray(start + from, start + to));
    // a comparison with NaN is no spike, so the network would look well
    if (!values.every(Number.isFinite)) throw new Error(`expected finite weights, got others in ${name}`);
    tensors[name] = { shape, values };
  }
  return tensors;
}

/**
 * IEEE half precision, little-endian, as numpy's float16.
 * @param {Uint8Array} bytes two for each number
 * @returns {Float32Array}
 */
export function decodeFloat16(bytes) {
  const numbers = new Float32Array(bytes.length >> 1);
  for (let i = 0; i < numbers.length; i++) {
    const half = bytes[2 * i] | (bytes[2 * i + 1] << 8);
    const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
    const size =
      exponent === 31
        ? fraction ? NaN : Infinity
        : exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    numbers[i] = half & 0x8000 ? -size : size;
  }
  return numbers;
}

/**
 * A network of the zoo from the bytes of its file.
 * @param {Uint8Array} bytes
 * @param {number} leak the card has it, the weights do not
 * @returns {Network}
 */
export function readNetwork(bytes, leak) {
  const tensors = readSafetensors(bytes);
  return {
    steps: tensors["conv1.norm.weight"].shape[0],
    leak,
    blocks: BLOCKS.map((name) => readBlock(tensors, name)),
    headWeight: tensors["head.linear.weight"].values,
    headBias: tensors["head.linear.bias"].values,
  };
}

/** @returns {Block} */
function readBlock(tensors, name) {
  const { shape, values } = tensors[`${name}.conv.weight`];
  const [outputs, inputs] = shape;
  const weights = new Float32Array(values.length);
  for (let o = 0; o < outputs; o++) {
    for (let row = 0; row < inputs * 9; row++) {
      const turned = row - (row % 9) + 8 - (row % 9);
      weights[turned * outputs + o] = values[o * inputs * 9 + row];
    }
  }
  const [gain, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(
    (part) => tensors[`${name}.norm.${part}`].values,
  );
  const scale = gain.map((g, i) => g / Math.sqrt(variance[i] + NORM_EPSILON));
  const shift = bias.map((b, i) => b - mean[i] * scale[i]);
  return { name, inputs, outputs, pooled: POOLED.includes(name), weights, scale, shift };
}

/**
 * Run a network on one encoded picture.  A generator, so that the page may breathe between steps;
 * after each it gives the logits so far (their mean over the steps).
 * @param {Network} network
 * @param {ArrayLike<number>} spikes [T][channels][height][width], of the encoder
 * @param {number} height
 * @param {number} width
 * @param {Record<string, Uint8Array>} recorded filled for the blocks that it names, [T][C][P] each
 * @returns {Generator<{step: number, logits: Float64Array}>}
 */
export function* runNetwork(network, spikes, height, width, recorded) {
  checkSize(network, spikes, height, width);
  const states = layOut(network, height, width);
  const fast = vectors(network.blocks);
  const sum = new Float64Array(network.headBias.length);
  for (let step = 0; step < network.steps; step++) {
    let input = channelsLast(spikes, step, network.blocks[0].inputs, height * width);
    for (const state of states) {
      const currents = fast?.convolve(state, input) ?? convolve(state, input);
      fire(state, currents, step, network.leak);
      if (recorded[state.block.name]) keep(state, step, recorded[state.block.name]);
      input = state.block.pooled ? pool(state) : state.spikes;
    }
    readOut(network, states[states.length - 1], sum);
    yield { step, logits: sum.map((total) => total / (step + 1)) };
  }
}

function checkSize({ steps, blocks }, spikes, height, width) {
  const least = 2 ** blocks.filter(({ pooled }) => pooled).length;
  if (height < least || width < least) {
    throw new Error(
      `expected a picture of at least ${least} × ${least} pixels, since the network halves it ` +
        `${Math.log2(least)} times, got ${height} × ${width}; scale it up`,
    );
  }
  const { inputs } = blocks[0];
  const expected = steps * inputs * height * width;
  if (spikes.length !== expected) {
    throw new Error(
      `expected spikes of ${steps} steps × ${inputs} channels × ${height} × ${width}, ${expected} in all, ` +
        `got ${spikes.length}; encode the picture at the size that is given`,
    );
  }
}

/**
 * An empty recording for {@link runNetwork}, and the size of each map in it.
 * @param {Network} network
 * @param {number} height
 * @param {number} width
 * @param {string[]} names of blocks
 */
export function makeRecording(network, height, width, names) {
  const recorded = /** @type {Record<string, Uint8Array>} */ ({});
  const sizes = /** @type {Record<string, {channels: number, height: number, width: number}>} */ ({});
  for (const { block, height: h, width: w } of layOut(network, height, width)) {
    if (!names.includes(block.name)) continue;
    recorded[block.name] = new Uint8Array(network.steps * block.outputs * h * w);
    sizes[block.name] = { channels: block.outputs, height: h, width: w };
  }
  return { recorded, sizes };
}

/** What each block keeps between steps: its membranes; and room for currents and spikes. */
function layOut(network, height, width) {
  return network.blocks.map((block) => {
    const size = height * width * block.outputs;
    const state = {
      block,
      height,
      width,
      membrane: new Float32Array(size),
      spikes: new Float32Array(size), // [height][width][outputs]
    };
    if (block.pooled) [height, width] = [height >> 1, width >> 1];
    return state;
  });
}

function channelsLast(spikes, step, channels, places) {
  const input = new Float32Array(channels * places);
  for (let c = 0; c < channels; c++) {
    const from = (step * channels + c) * places;
    for (let p = 0; p < places; p++) input[p * channels + c] = spikes[from + p];
  }
  return input;
}

/**
 * A turned patch makes every input add to three runs of three places, one after the other.
 * @param {{block: Block, height: number, width: number}} state
 * @param {Float32Array} input [height][width][inputs]
 * @returns {Float32Array} the currents, [height + 2][width + 2][outputs]: with a rim of one
 */
export function convolve({ block, height, width }, input) {
  const { inputs, outputs, weights } = block;
  const [run, line] = [3 * outputs, (width + 2) * outputs];
  const currents = new Float32Array((height + 2) * line);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < inputs; c++) {
        const value = input[at++];
        if (value === 0) continue;
        for (let row = 0; row < 3; row++) {
          const to = (y + row) * line + x * outputs;
          const from = (c * 3 + row) * run;
          for (let n = 0; n < run; n++) currents[to + n] += value * weights[from + n];
        }
      }
    }
  }
  return currents;
}

/** Batch norm of this step, then the neuron with soft reset at threshold 1. */
function fire({ block, height, width, membrane, spikes }, currents, step, leak) {
  const { outputs, scale, shift } = block;
  const lambda = Math.fround(leak);
  const first = step * outputs;
  for (let y = 0, at = 0; y < height; y++) {
    let from = ((y + 1) * (width + 2) + 1) * outputs;
    for (let x = 0; x < width; x++) {
      for (let o = 0; o < outputs; o++, at++, from++) {
        const current = Math.fround(currents[from] * scale[first + o] + shift[first + o]);
        const u = Math.fround(current + lambda * membrane[at]);
        spikes[at] = u > 1 ? 1 : 0;
        membrane[at] = u - spikes[at];
      }
    }
  }
}

function keep({ block, height, width, spikes }, step, into) {
  const [channels, places] = [block.outputs, height * width];
  for (let p = 0, at = 0; p < places; p++) {
    for (let c = 0; c < channels; c++) into[(step * channels + c) * places + p] = spikes[at++];
  }
}

/** The mean of each two by two places. */
function pool({ block, height, width, spikes }) {
  const [channels, h, w] = [block.outputs, height >> 1, width >> 1];
  const line = width * channels;
  const pooled = new Float32Array(h * w * channels);
  for (let y = 0, at = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      for (let c = 0; c < channels; c++) {
        const i = 2 * y * line + 2 * x * channels + c;
        const four = spikes[i] + spikes[i + channels] + spikes[i + line] + spikes[i + line + channels];
        pooled[at++] = four / 4;
      }
    }
  }
  return pooled;
}

/** Add this step's logits to the sum: spatial mean, then linear. */
function readOut({ headWeight, headBias }, { block, spikes }, sum) {
  const channels = block.outputs;
  const mean = new Float64Array(channels);
  for (let i = 0; i < spikes.length; i++) mean[i % channels] += (spikes[i] * channels) / spikes.length;
  for (let k = 0; k < sum.length; k++) {
    sum[k] += headBias[k];
    for (let c = 0; c < channels; c++) sum[k] += headWeight[k * channels + c] * mean[c];
  }
}
