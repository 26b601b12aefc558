// What of the widgets' front end needs no page.  The numbers are held to the library's in Python's tests.

import assert from "node:assert/strict";
import test from "node:test";

import { MAP, mapColour } from "../../snnlab/widgets/front/colours.js";
import { run } from "../../snnlab/widgets/front/neuron.js";
import { Plot, ticks } from "../../snnlab/widgets/front/plot.js";
import { drawInterval } from "../../snnlab/widgets/front/verdicts.js";
import { show } from "../../snnlab/widgets/front/view.js";

test("numbers have four figures and a true minus sign", () => {
  assert.equal(show(1.23456), "1.235");
  assert.equal(show(-0.5), "−0.5");
  assert.equal(show(65.32, 2), "65");
  assert.equal(show(0), "0");
  assert.equal(show(Infinity), "∞");
  assert.equal(show(-Infinity), "−∞");
  assert.equal(show(NaN), "undefined");
});

test("ticks are round, inside the ends, and about as many as asked for", () => {
  assert.deepEqual(ticks(0, 1, 4), [0, 0.5, 1]);
  assert.deepEqual(ticks(-0.5, 19.5), [0, 5, 10, 15]);
  assert.deepEqual(ticks(-0.31, 0.31, 6), [-0.2, 0, 0.2]);
  for (const high of [0.004, 0.7, 1.1, 3, 47, 1234]) {
    const found = ticks(0, high, 4);
    assert.ok(found.length >= 2 && found.length <= 6, `${high}: ${found}`);
    assert.ok(found.every((value) => value >= 0 && value <= high));
  }
});

test("the name of an axis that is wider than the axis stays on the canvas", () => {
  const written = [];
  const pen = new Proxy({}, {
    get: (_, name) =>
      ({
        canvas: { clientWidth: 270 },
        measureText: (words) => ({ width: 7 * words.length }),
        fillText: (...call) => written.push(call),
      })[name] ?? (() => {}),
    set: () => true,
  });
  const plot = new Plot(pen, {}, { left: 130, top: 0, right: 254, bottom: 99 }, [0, 1], [0, 1]);
  for (const words of ["short", "energy in the box, mean of 113", "words ".repeat(20)]) {
    plot.axes({ x: words, xTicks: [], yTicks: [] });
    const [, middle, , widest] = written.find(([text]) => text === words);
    const half = Math.min(7 * words.length, widest) / 2;
    assert.ok(middle - half >= 0 && middle + half <= 270, words);
  }
  assert.equal(written.find(([text]) => text === "short")[1], 192);
});

test("an interval over classes is a thin bar from end to end, and none where none was asked", () => {
  const bars = [];
  const pen = new Proxy({}, {
    get: (_, name) => (name === "fillRect" ? (...bar) => bars.push(bar) : () => {}),
    set: () => true,
  });
  const plot = new Plot(pen, {}, { left: 0, top: 0, right: 100, bottom: 99 }, [0, 1], [0, 1]);
  const figure = { value: 0.5, low: 0.4, high: 0.6, seeds: [], classes: [0.1, 0.9] };
  drawInterval(plot, figure, 50, "green");
  const [[, , , thick], [left, , wide, thin]] = bars.splice(0);
  assert.equal(left, plot.x(0.1));
  assert.ok(Math.abs(left + wide - plot.x(0.9)) < 1e-9 && thin < thick);
  drawInterval(plot, { ...figure, classes: [] }, 50, "green");
  assert.equal(bars.length, 1);
});

test("colours run through the whole map and stop at its ends", () => {
  assert.equal(MAP.length, 3 * 256);
  assert.deepEqual(mapColour(0), MAP.subarray(0, 3));
  assert.deepEqual(mapColour(-1), mapColour(0));
  assert.deepEqual(mapColour(1), MAP.subarray(765));
  assert.deepEqual(mapColour(2), mapColour(1));
  assert.deepEqual(mapColour(0.5), MAP.subarray(3 * 128, 3 * 128 + 3));
});

test("the gradient of the spike count is a sum over later slopes, cut by a hard reset", () => {
  const currents = Float32Array.from([0.5, 0.9, 0.2, 1.3, 0.1]);
  const setting = { currents, leak: 0.5, threshold: 1, surrogate: "triangle", scale: 0.3, width: 1 };
  for (const reset of ["soft", "hard"]) {
    const { spikes, slopes, gradient } = run({ ...setting, source: "spikes", reset });
    assert.deepEqual([...spikes], [0, 1, 0, 1, 0]);
    for (let t = 0; t < 5; t++) {
      let [sum, passes] = [0, 1];
      for (let later = t; later < 5; later++) {
        sum += passes * slopes[later];
        passes *= reset === "hard" && spikes[later] ? 0 : 0.5;
      }
      assert.ok(Math.abs(gradient[t] - sum) < 1e-12, `${reset}, ${t}: ${gradient[t]}, not ${sum}`);
    }
  }
});
