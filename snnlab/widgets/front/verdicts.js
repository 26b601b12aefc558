/** Which verdicts turn when every margin is larger, or smaller (verdicts.py). */

import { slider } from "./controls.js";
import { Plot, RIGHT, ticks } from "./plot.js";
import { prompts } from "./prompts.js";
import { show, View } from "./view.js";

/**
 * @typedef {object} DecidingFigure
 * @property {string} name
 * @property {number} value
 * @property {number} low
 * @property {number} high
 * @property {number} margin
 * @property {number} allowance what was added to it, where it may lose so much
 * @property {number} p
 * @property {number[]} seeds
 * @property {number[]} classes its other interval, or empty
 */
/** @typedef {{claim: string, title: string, valid: boolean, figures: DecidingFigure[]}} Claim */

const [HOLDS, IN_PART, FAILS, UNDECIDED] = [0, 1, 2, 3]; // in the order of snnlab.results.VERDICTS
const [PASSES, SOME_SEEDS, FAILING, OPEN] = [0, 1, 2, 3];

const CLAIM = 44; // pixels of a line
const AXIS = 44;

export default {
  /** @param {{model: import("./view.js").Model, el: HTMLElement}} page */
  render({ model, el }) {
    const view = new View(model, el, "Verdicts and their margins");
    const claims = /** @type {Claim[]} */ (model.get("claims"));
    const sheet = view.sheet({ height: claims.length * CLAIM + AXIS });
    slider(view, "factor", { label: "Each margin, times", min: 0, max: 2, step: 0.5 });
    prompts(view, verdictPrompts());

    return view.start(() => {
      const [rule, rows] = [1, model.get("factor")].map((factor) => boardAt(claims, factor, model.get("asked"), model.get("level")));
      drawBoard(sheet, view.colours, model, rule, rows);
      const sentence = verdictsInWords(model, rule, rows);
      const lines = rows.map((row, i) => `${claims[i].claim}: ${model.get("words")[row.verdict]}`);
      sheet.describe(`Each claim, its intervals and its margins. ${lines.join(", ")}.`);
      view.say(sentence);
      return {
        verdicts: rows.map((row) => row.verdict),
        states: rows.flatMap((row) => row.figures.map((figure) => figure.state)),
        holm: rows.map((row) => row.holm ?? -1),
        margins: rows.flatMap((row) => row.figures.map((figure) => figure.margin)),
        values: rows.flatMap((row) => row.figures.map((figure) => figure.value)),
        turned: rows.filter((row, i) => row.verdict !== rule[i].verdict).length,
      };
    });
  },
};

function verdictPrompts() {
  const held = ({ verdicts }) => verdicts.filter((verdict) => verdict === HOLDS).length;
  return [
    {
      set: { factor: 0 },
      ask: "*Each margin, times* 0: any difference counts. How many claims hold now?",
      answer: (numbers) => `${held(numbers)}; and ${numbers.turned} verdicts are others than by the rules.`,
    },
    {
      set: { factor: 0.5 },
      ask: "*Each margin, times* a half: do the verdicts hang on where the margins were set?",
      answer: (numbers) => `${numbers.turned} of ${numbers.verdicts.length} turn.`,
    },
    {
      set: { factor: 2 },
      ask: "*Each margin, times* 2: a sterner judge. What is left?",
      answer: (numbers) => `${held(numbers)} of ${numbers.verdicts.length} claims hold; ${numbers.turned} verdicts turn.`,
    },
  ];
}

/**
 * The verdicts, had every margin been so many times as large: snnlab.results.at_margins.
 * @param {Claim[]} claims
 * @param {number} factor
 * @param {number} asked how many claims there are, also those that were not looked at yet
 * @param {number} level from which a corrected p value decides nothing
 */
export function boardAt(claims, factor, asked, level) {
  const rows = claims.map(({ figures, valid }) => {
    const moved = figures.map((figure) => atMargin(figure, factor));
    const verdict = valid ? ofStates(moved) : UNDECIDED;
    return { figures: moved, verdict, p: together(moved, verdict), holm: /** @type {number | null} */ (null) };
  });
  const speaking = rows.filter((row) => row.p < 1).sort((a, b) => a.p - b.p);
  let least = 0;
  for (const [k, row] of speaking.entries()) {
    row.holm = least = Math.max(least, Math.min(1, row.p * (asked - k)));
    if (row.holm >= level) row.verdict = UNDECIDED;
  }
  return rows;
}

/** The p value of a claim's figures that pass, for each choice among them; 1 where it does not pass. */
function together(figures, verdict) {
  if (verdict !== HOLDS && verdict !== IN_PART) return 1;
  const passing = figures.filter(({ state }) => state === PASSES);
  const chosen = passing.length === figures.length ? 1 : figures.length;
  return Math.min(1, chosen * Math.max(...passing.map(({ p }) => p)));
}

/** @typedef {ReturnType<typeof boardAt>} Rows */

/** A figure and its state; what it may lose grows with the margin. */
function atMargin(figure, factor) {
  const shift = (factor - 1) * figure.allowance;
  const [value, low, high] = [figure.value + shift, figure.low + shift, figure.high + shift];
  const [seeds, classes] = [figure.seeds, figure.classes].map((all) => all.map((one) => one + shift));
  const margin = factor * figure.margin;
  const [lowest, highest] = [Math.min(low, ...classes), Math.max(high, ...classes)];
  let state = highest < Math.max(margin, 1e-12) ? FAILING : OPEN;
  if (lowest > 0 && value >= margin) state = seeds.every((one) => one > 0) ? PASSES : SOME_SEEDS;
  return { value, low, high, seeds, classes, margin, state, p: figure.p };
}

function ofStates(figures) {
  if (figures.every(({ state }) => state === PASSES)) return HOLDS;
  if (figures.some(({ state }) => state === PASSES)) return IN_PART;
  return figures.every(({ state }) => state === FAILING) ? FAILS : UNDECIDED;
}

/**
 * @param {import("./view.js").Sheet} sheet
 * @param {import("./view.js").View["colours"]} colours
 * @param {import("./view.js").Model} model
 * @param {Rows} rule
 * @param {Rows} rows
 */
function drawBoard(sheet, colours, model, rule, rows) {
  const pen = sheet.begin();
  const bottom = sheet.height - AXIS;
  const margins = rule.flatMap((row) => row.figures.map((figure) => figure.margin));
  const unit = Math.max(...margins) || 1;
  const left = Math.min(190, 0.44 * sheet.width);
  const box = { left, top: 4, right: sheet.width - RIGHT, bottom };
  const plot = new Plot(pen, colours, box, [-3 * unit, 5 * unit], [0, 1]);
  for (const [i, row] of rows.entries()) {
    if (row.verdict === rule[i].verdict) continue;
    pen.fillStyle = colours.rule;
    pen.fillRect(0, 4 + i * CLAIM, sheet.width, CLAIM - 4);
  }
  plot.axes({ x: "the figure, its interval, its margin", xTicks: ticks(...plot.xs, 4), yTicks: [] });
  plot.upright(0, { colour: colours.soft });
  for (const [i, row] of rows.entries()) {
    const top = 4 + i * CLAIM;
    const colour = verdictColours(colours)[row.verdict];
    drawWords(pen, colours, model, i, top, row.verdict, rule[i].verdict, left - 8);
    for (const [k, figure] of row.figures.entries()) {
      const line = (CLAIM - 4) / row.figures.length;
      const y = top + (k + 0.5) * line;
      const ends = /** @type {[number, number]} */ ([y - line / 2 + 2, y + line / 2 - 2]);
      plot.upright(rule[i].figures[k].margin, { ends, colour: colours.soft, dash: [2, 3] });
      plot.upright(figure.margin, { ends, colour: colours.ink });
      drawInterval(plot, figure, y, colour);
    }
  }
}

/** The claim, its verdict, and what the verdict was by the rule. */
function drawWords(pen, colours, model, i, top, verdict, before, width) {
  const words = model.get("words");
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.fillStyle = verdictColours(colours)[verdict];
  pen.fillRect(0, top, 5, CLAIM - 4);
  pen.fillStyle = colours.ink;
  const plain = pen.font;
  pen.font = `600 ${plain}`;
  pen.fillText(model.get("claims")[i].claim, 12, top + 8, width - 12);
  pen.font = plain;
  pen.fillText(words[verdict], 12, top + 22, width - 12);
  if (verdict === before) return;
  pen.font = plain.replace("13px", "11.5px");
  pen.fillText(`was: ${words[before]}`, 12, top + 35, width - 12);
  pen.font = plain;
}

function verdictColours({ green, amber, orange, soft }) {
  return [green, amber, orange, soft];
}

/** A dot and its interval, that over classes as a thin line; where they lie outside, an arrow and the value. */
export function drawInterval(plot, { value, low, high, seeds, classes }, y, colour) {
  const { pen, colours, box, xs } = plot;
  const inside = (/** @type {number} */ x) => Math.min(xs[1], Math.max(xs[0], x));
  pen.fillStyle = colour;
  for (const [from, to, thick] of [[low, high, 4], ...(classes.length ? [[...classes, 1.5]] : [])]) {
    const [start, end] = [from, to].map((x) => plot.x(inside(x)));
    pen.fillRect(start, y - thick / 2, Math.max(1, end - start), thick);
  }
  pen.beginPath();
  if (value === inside(value)) {
    pen.arc(plot.x(value), y, 5, 0, 2 * Math.PI);
    pen.fill();
    pen.fillStyle = colours.ink;
    for (const seed of seeds.filter((one) => one === inside(one))) pen.fillRect(plot.x(seed) - 1, y + 4, 2, 5);
    return;
  }
  const [x, towards] = value > xs[1] ? [box.right, -1] : [box.left, 1];
  pen.moveTo(x, y);
  pen.lineTo(x + 9 * towards, y - 6);
  pen.lineTo(x + 9 * towards, y + 6);
  pen.fill();
  pen.fillStyle = colours.ink;
  pen.textAlign = towards > 0 ? "left" : "right";
  pen.textBaseline = "middle";
  pen.fillText(show(value, 2), x + 14 * towards, y);
}

function verdictsInWords(model, rule, rows) {
  const [words, claims] = [model.get("words"), model.get("claims")];
  const turned = rows.flatMap(({ verdict }, i) =>
    verdict === rule[i].verdict ? [] : [`${claims[i].claim} (${words[rule[i].verdict]} → ${words[verdict]})`],
  );
  const counted = words.map((word, k) => [rows.filter(({ verdict }) => verdict === k).length, word]);
  const sums = counted.flatMap(([count, word]) => (count ? [`${count} × ${word}`] : [])).join(", ");
  const at = `With ${show(model.get("factor"))} times each margin: ${sums}.`;
  if (model.get("factor") === 1) return `${at} These are the verdicts by the rules.`;
  if (!turned.length) return `${at} No verdict turns.`;
  return `${at} ${turned.length} of ${rows.length} turn: ${turned.join(", ")}.`;
}
