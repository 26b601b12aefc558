/** A guess before the answer: drawn by the reader, then beside what was measured (prediction.py). */

import { numberSlider } from "./controls.js";
import { draggable } from "./dragging.js";
import { make } from "./elements.js";
import { Plot, ticks } from "./plot.js";
import { show, View } from "./view.js";

/**
 * @typedef {object} Question
 * @property {string} words
 * @property {boolean} curve points of a curve, else bars
 * @property {(string | number)[]} keys the names of the bars, or the places along the axis
 * @property {number[]} truth
 * @property {number[][]} intervals low and high of each truth, or empty
 * @property {string} axis of the values
 * @property {[number, number]} limits
 * @property {string} along the other axis of a curve
 * @property {string[]} log
 * @property {{name: string, points: [string | number, number][]}[]} known
 * @property {{name: string, value: number}[]} levels
 * @property {number} step
 */
/** @typedef {{x: number, y: number}} Knob where a guess is taken hold of, on the canvas */
/** @typedef {import("./view.js").Model} Model */

const LINE = 18; // of the legend
const ROW = 40; // of a bar
const CURVE = 240;
const UNDER = 44; // the axis below
const REACH = 24; // how near a finger takes hold of a knob
const MARKS = 26; // pixels between two numbers under the axis

export default {
  /** @param {{model: Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "Your prediction");
    const question = /** @type {Question} */ (model.get("question"));
    const hint = "Drag the blue dots or move the sliders, then commit: what was measured appears beside your guess.";
    view.figure.append(
      make("div", { className: "snn-question" }, make("p", {}, question.words), make("p", { className: "snn-row" }, hint)),
    );
    const sheet = view.sheet({ height: (width) => heightOf(question, width) });
    const drawn = { plot: /** @type {Plot | undefined} */ (undefined), knobs: /** @type {Knob[]} */ ([]) };
    addDragging(view, sheet, question, drawn);
    addFields(view, question);
    addButtons(view);
    const behind = answers(view.root);
    view.cleanups.push(() => open(behind, true));
    leadHere(view, behind);

    const drawAll = () => {
      const [guess, stage] = [model.get("guess"), model.get("stage")];
      checkState(question, guess, stage);
      const pen = sheet.begin();
      const entries = legendOf(question, view.colours, stage);
      drawEntries(pen, view.colours, legendLines(question, sheet.width), entries);
      const draw = question.curve ? drawCurve : drawBars;
      Object.assign(drawn, draw(sheet, pen, view.colours, question, guess, stage));
      const sentence = predictionInWords(question, guess, stage);
      sheet.describe([question.words, givenInWords(question), sentence].filter(Boolean).join(" "));
      view.say(sentence);
      const off = guess.map((value, i) => Math.abs(value - question.truth[i]));
      const knobs = drawn.knobs.map(({ x, y }) => [x, y]);
      open(behind, stage !== "guess");
      return { guess, off, mean: mean(off), told: Number(stage !== "guess"), knobs };
    };
    return view.start(() => {
      try {
        return drawAll();
      } catch (error) {
        open(behind, true); // what cannot be drawn holds nothing back
        throw error;
      }
    });
  },
};

const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** What an address says may be anything. */
function checkState({ limits, keys }, guess, stage) {
  const fits = guess.length === keys.length && guess.every((value) => value >= limits[0] && value <= limits[1]);
  if (!fits || !["guess", "compared", "shown"].includes(stage)) throw new Error("no state of this question");
}

// What the page holds back

/**
 * The parts of the page behind the widget's cell that give the answer away, up to the next question;
 * in a notebook there are none.
 * @param {HTMLElement} root
 */
function answers(root) {
  const found = [];
  let part = root.closest(".tag_prediction")?.nextElementSibling;
  for (; part && !part.matches(".tag_prediction"); part = part.nextElementSibling) {
    if (part.matches(".tag_after-guess, .after-guess")) found.push(part);
  }
  return found;
}

/** @param {Element[]} parts */
function open(parts, yes) {
  for (const part of parts) part.classList.toggle("snn-waiting", !yes);
}

/**
 * An address inside of what is held back leads to the question.
 * @param {View} view
 * @param {Element[]} behind
 */
function leadHere(view, behind) {
  const lead = () => {
    const named = document.getElementById(location.hash.slice(1));
    if (isGuessing(view) && behind.some((part) => part.contains(named))) view.root.scrollIntoView();
  };
  requestAnimationFrame(lead);
  addEventListener("hashchange", lead);
  view.cleanups.push(() => removeEventListener("hashchange", lead));
}

// What the reader moves

/** A multiple of the step, inside the limits. */
function fitting({ step, limits }, value) {
  const whole = Number((Math.round(value / step) * step).toPrecision(12));
  return Math.min(limits[1], Math.max(limits[0], whole));
}

function setGuess(view, i, value) {
  view.set({ guess: view.model.get("guess").map((one, k) => (k === i ? value : one)) });
}

const isGuessing = (view) => view.model.get("stage") === "guess";

/** Now and whenever the stage changes. */
function whileGuessing(view, act) {
  const follow = () => act(isGuessing(view));
  follow();
  view.listen("change:stage", follow);
}

/** A slider and a field for each value; they stand still once the guess is made. */
function addFields(view, question) {
  const { curve, along, keys, limits, step } = question;
  const [min, max] = limits;
  const fields = keys.map((key, i) =>
    numberSlider({ label: nameOf(key), min, max, step }, (value) => setGuess(view, i, value)),
  );
  const box = make(
    "fieldset",
    { className: "snn-guess" },
    make("legend", {}, curve ? `Your guess, by ${along}` : "Your guess"),
    ...fields.map(({ element }) => element),
  );
  view.controls.append(box);
  view.follow("guess", (guess) => {
    for (const [i, field] of fields.entries()) field.write(guess[i]);
  });
  whileGuessing(view, (guessing) => (box.disabled = !guessing));
}

/** One button commits the guess and, after that, takes it back; the other goes without a guess. */
function addButtons(view) {
  const commit = make("button", { type: "button", className: "snn-button snn-commit" });
  const reveal = make("button", { type: "button", className: "snn-button" }, "Show me");
  commit.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    if (event.detail > 1) return; // of a double click, the second would take back what the first did
    view.set({ stage: isGuessing(view) ? "compared" : "guess" });
  });
  commit.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.repeat) event.preventDefault(); // and so would a key that is held down
  });
  reveal.addEventListener("click", () => {
    view.set({ stage: "shown" });
    commit.focus();
  });
  view.controls.append(make("div", { className: "snn-tools" }, commit, reveal));
  view.follow("stage", (stage) => {
    commit.textContent = stage === "guess" ? "Commit my guess" : "Guess again";
    reveal.hidden = stage !== "guess";
  });
}

/**
 * Values follow the pointer: a mouse from anywhere in the axes, a finger from their knobs; beside them it
 * scrolls the page.
 */
function addDragging(view, sheet, question, drawn) {
  const { curve } = question;
  const take = (/** @type {number} */ x, /** @type {number} */ y, /** @type {boolean} */ finger) => {
    const away = drawn.knobs.map((knob) => (curve ? Math.abs(knob.x - x) : Math.abs(knob.y - y)));
    const i = away.indexOf(Math.min(...away));
    const knob = drawn.knobs[i];
    const reach = finger ? REACH : Infinity;
    const near = knob && Math.abs(knob.x - x) <= reach && Math.abs(knob.y - y) <= reach;
    if (!near || !isGuessing(view)) return undefined;
    return (/** @type {number} */ across, /** @type {number} */ down) => {
      const value = curve ? drawn.plot.yAt(down) : drawn.plot.xAt(across);
      if (isGuessing(view)) setGuess(view, i, fitting(question, scaleOf(question, "axis").back(value)));
    };
  };
  draggable(sheet.canvas, { take });
  whileGuessing(view, (guessing) => (sheet.canvas.style.cursor = guessing ? "grab" : ""));
}

// What is drawn

/** How values lie on an axis: as they are, or by their logarithm. */
function scaleOf({ log }, axis) {
  if (!log.includes(axis)) return { to: (value) => value, back: (value) => value };
  return { to: (value) => Math.log10(value), back: (value) => 10 ** value };
}

/** Round values on an axis, where they lie on it. */
function marks(question, low, high) {
  const scale = scaleOf(question, "axis");
  if (!question.log.includes("axis")) return ticks(low, high, 4);
  const powers = ticks(Math.floor(low), Math.ceil(high), Math.ceil(high) - Math.floor(low)).filter(Number.isInteger);
  const values = powers.flatMap((power) => [1, 2, 5].map((factor) => scale.to(factor * 10 ** power)));
  return values.filter((value) => value >= low - 1e-9 && value <= high + 1e-9);
}

function heightOf(question, width) {
  const above = LINE * legendLines(question, width).length + 12;
  return above + (question.curve ? CURVE : ROW * barNames(question).length) + UNDER;
}

/** All bars, those that are known first. */
function barNames({ known, keys }) {
  return [...new Set([...known.flatMap(({ points }) => points.map(([name]) => name)), ...keys])];
}

/** The words of the legend by their lines, at every stage the same, as many as fit one beside the other. */
function legendLines({ known, levels }, width) {
  const words = [
    "your guess",
    ...known.map(({ name }) => name),
    ...levels.map(({ name, value }) => `${name}: ${show(value, 3)}`),
    "measured",
  ];
  const lines = [[]];
  let room = width;
  for (const word of words) {
    const needs = 32 + 7 * word.length;
    if (needs > room && room < width) {
      lines.push([]);
      room = width;
    }
    lines[lines.length - 1].push(word);
    room -= needs;
  }
  return lines;
}

/** The colour of each word of the legend; what is not drawn yet has none. */
function legendOf({ known, levels }, colours, stage) {
  const { blue, orange } = colours;
  const others = otherColours(colours);
  return [
    stage === "shown" ? "" : blue,
    ...known.map((_, i) => others[i]),
    ...levels.map((_, i) => others[known.length + i]),
    stage === "guess" ? "" : orange,
  ];
}

function otherColours({ green, purple, amber, soft }) {
  return [green, purple, amber, soft];
}

function drawEntries(pen, colours, lines, entries) {
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  let k = 0;
  for (const [row, line] of lines.entries()) {
    let left = 0;
    const y = 8 + LINE * row;
    for (const words of line) {
      pen.fillStyle = entries[k];
      if (entries[k]) pen.fillRect(left, y - 5, 10, 10);
      pen.fillStyle = colours.ink;
      if (entries[k++]) pen.fillText(words, left + 15, y);
      left += 32 + pen.measureText(words).width;
    }
  }
}

/** Where a guess can be taken hold of. */
function drawKnobs(pen, colours, knobs) {
  for (const { x, y } of knobs) {
    pen.beginPath();
    pen.arc(x, y, 8, 0, 2 * Math.PI);
    pen.fillStyle = colours.blue;
    pen.fill();
    pen.strokeStyle = colours.ground;
    pen.lineWidth = 2;
    pen.stroke();
  }
}

function drawCurve(sheet, pen, colours, question, guess, stage) {
  const { keys, truth, intervals, known, levels, limits, along, axis } = question;
  const [xs, ys] = [scaleOf(question, "along"), scaleOf(question, "axis")];
  const places = [...new Set([...keys, ...known.flatMap(({ points }) => points.map(([x]) => x))])];
  const at = places.map((x) => xs.to(x)).sort((a, b) => a - b);
  const margin = 0.06 * (at[at.length - 1] - at[0] || 1);
  const top = LINE * legendLines(question, sheet.width).length + 32;
  const box = { top, right: sheet.width - 12, bottom: sheet.height - UNDER };
  const plot = new Plot(pen, colours, box, [at[0] - margin, at[at.length - 1] + margin], limits.map(ys.to));
  const apart = (x, i, kept) => !kept.slice(0, i).some((other) => Math.abs(plot.x(other) - plot.x(x)) < MARKS);
  const back = (scale) => (value) => show(scale.back(value), 3);
  const yTicks = marks(question, ...plot.ys);
  plot.axes({ x: along, y: axis, xTicks: at.filter(apart), yTicks, xWords: back(xs), yWords: back(ys) });
  const line = (values) => values.map((value, i) => [xs.to(keys[i]), ys.to(value)]);
  const others = otherColours(colours);
  for (const [i, { value }] of levels.entries()) plot.level(ys.to(value), { colour: others[known.length + i] });
  for (const [i, { points }] of known.entries()) {
    plot.dots(points.map(([x, y]) => [xs.to(x), ys.to(y)]), { colour: others[i], radius: 6 });
  }
  if (stage !== "guess") {
    plot.line(line(truth), { colour: colours.orange });
    for (const [i, [low, high]] of intervals.entries()) {
      if (high === undefined) continue;
      plot.upright(xs.to(keys[i]), { colour: colours.orange, ends: [plot.y(ys.to(low)), plot.y(ys.to(high))] });
    }
    plot.dots(line(truth), { colour: colours.orange, radius: 5 });
  }
  const knobs = line(guess).map(([x, y]) => ({ x: plot.x(x), y: plot.y(y) }));
  if (stage !== "shown") {
    plot.line(line(guess), { colour: colours.blue, dash: [6, 4] });
    drawKnobs(pen, colours, knobs);
  }
  return { plot, knobs };
}

function drawBars(sheet, pen, colours, question, guess, stage) {
  const { keys, truth, intervals, known, levels, limits, axis } = question;
  const names = barNames(question);
  const scale = scaleOf(question, "axis");
  const widest = Math.max(...names.map((name) => pen.measureText(name).width));
  const left = Math.min(0.4 * sheet.width, widest + 12);
  const top = LINE * legendLines(question, sheet.width).length + 8;
  const box = { left, top, right: sheet.width - 16, bottom: sheet.height - UNDER };
  const plot = new Plot(pen, colours, box, limits.map(scale.to), [names.length, 0]);
  const xTicks = marks(question, ...plot.xs);
  plot.axes({ x: axis, xTicks, yTicks: [], xWords: (value) => show(scale.back(value), 3) });
  for (const value of xTicks) plot.upright(value, { colour: colours.rule });
  const others = otherColours(colours);
  for (const [i, { value }] of levels.entries()) {
    plot.upright(scale.to(value), { colour: others[known.length + i], dash: [5, 4] });
  }
  const row = (name) => plot.y(names.indexOf(name) + 0.5);
  for (const [i, { points }] of known.entries()) {
    pen.fillStyle = others[i];
    for (const [name, value] of points) pen.fillRect(plot.x(scale.to(value)) - 3, row(name) - 15, 6, 30);
  }
  const zero = plot.x(scale.to(Math.max(limits[0], Math.min(limits[1], 0))));
  const bar = (value, upper, colour) => {
    const end = plot.x(scale.to(value));
    pen.fillStyle = colour;
    pen.fillRect(Math.min(zero, end), upper, Math.max(1, Math.abs(end - zero)), 10);
  };
  const knobs = keys.map((name, i) => ({ x: plot.x(scale.to(guess[i])), y: row(name) - 6 }));
  for (const [i, name] of keys.entries()) {
    if (stage !== "shown") bar(guess[i], row(name) - 11, colours.blue);
    if (stage !== "guess") bar(truth[i], row(name) + 2, colours.orange);
    const [low, high] = stage === "guess" ? [] : intervals[i].map((value) => plot.x(scale.to(value)));
    pen.fillStyle = colours.ink;
    if (high !== undefined) pen.fillRect(low, row(name) + 6, high - low, 2);
  }
  if (stage !== "shown") drawKnobs(pen, colours, knobs);
  pen.fillStyle = colours.ink;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const name of names) pen.fillText(name, left - 8, row(name), left - 8);
  return { plot, knobs };
}

// What is said

const nameOf = (/** @type {string | number} */ key) => (typeof key === "string" ? key : show(key, 4));

/** A value as it is said: three figures, and whole where it is large. */
const figure = (/** @type {number} */ value) => (Math.abs(value) < 1000 ? show(value, 3) : show(Math.round(value), 9));

/** Each value with its name: "conv4 0.5, conv6 0.7", or "0.5 at 2, 0.7 at 5". */
function givenInWords({ known, levels, curve }) {
  const measured = known.map(({ name, points }) => {
    const [keys, values] = [points.map(([key]) => key), points.map(([, value]) => value)];
    return `${name}: ${valuesInWords({ keys, curve }, values)}`;
  });
  const given = [...measured, ...levels.map(({ name, value }) => `${name}: ${figure(value)}`)];
  return given.length ? `Given: ${given.join("; ")}.` : "";
}

function valuesInWords({ keys, curve }, values) {
  return keys.map((key, i) => (curve ? `${figure(values[i])} at ${nameOf(key)}` : `${key} ${figure(values[i])}`)).join(", ");
}

function predictionInWords(question, guess, stage) {
  if (stage === "guess") return `Your guess: ${valuesInWords(question, guess)}.`;
  if (stage === "shown") return `Measured: ${valuesInWords(question, question.truth)}.`;
  return guess.length === 1 ? comparedOne(question, guess[0]) : comparedAll(question, guess);
}

function comparedOne({ truth: [value], intervals: [interval], limits: [low, high] }, guess) {
  const gap = guess - value;
  const off = Math.abs(gap) < 1e-9 * (high - low) ? "exactly right" : `${show(Math.abs(gap), 2)} too ${gap > 0 ? "high" : "low"}`;
  return `You guessed ${figure(guess)}, measured is ${figure(value)}: ${off}${withinOne(guess, interval)}.`;
}

function withinOne(guess, [low, high]) {
  if (high === undefined) return "";
  const where = guess >= low && guess <= high ? "inside" : "outside";
  return `, ${where} the 95 % interval, ${show(low, 2)} to ${show(high, 2)}`;
}

function comparedAll(question, guess) {
  const { keys, truth, intervals, curve } = question;
  const off = guess.map((value, i) => Math.abs(value - truth[i]));
  const worst = off.indexOf(Math.max(...off));
  const where = `${curve ? "at " : "for "}${nameOf(keys[worst])}`;
  const both = `you ${figure(guess[worst])}, measured ${figure(truth[worst])}`;
  const said = [`on average you are ${show(mean(off), 2)} off, most ${where} (${both})`];
  if (!curve && keys.length > 2) said.push(orderInWords(truth, guess));
  const certain = keys.map((_, i) => i).filter((i) => intervals[i].length);
  const inside = certain.filter((i) => guess[i] >= intervals[i][0] && guess[i] <= intervals[i][1]);
  if (certain.length) said.push(`${inside.length} of ${certain.length} lie inside the 95 % interval`);
  const text = said.join("; ");
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

/** How many pairs of bars stand in the order of what was measured. */
function orderInWords(truth, guess) {
  let [right, count] = [0, 0];
  for (let i = 0; i < truth.length; i++) {
    for (let k = 0; k < i; k++) {
      count += 1;
      right += Number(Math.sign(guess[i] - guess[k]) === Math.sign(truth[i] - truth[k]));
    }
  }
  return right === count ? "the order is right" : `${right} of ${count} pairs stand in the right order`;
}
