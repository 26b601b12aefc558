/** What a network takes its input for: a bar for each class. */

import { show } from "./view.js";

const BAR = 26;

/** @param {number} count of bars */
export const answerHeight = (count) => 30 + BAR * count;

/**
 * @param {import("./view.js").Sheet} sheet
 * @param {import("./view.js").View["colours"]} colours
 * @param {string} title
 * @param {{words: string, share: number}[]} bars; none: the network has not run
 */
export function drawAnswer(sheet, colours, title, bars) {
  const pen = sheet.begin();
  pen.textBaseline = "middle";
  pen.fillStyle = colours.ink;
  pen.textAlign = "left";
  pen.fillText(title, 0, 14);
  const [left, right] = [96, sheet.width - 58];
  for (const [row, { words, share }] of bars.entries()) {
    const y = 30 + BAR * row + BAR / 2;
    const length = (right - left) * share;
    pen.fillStyle = colours.ink;
    pen.textAlign = "right";
    pen.fillText(words, left - 8, y);
    pen.textAlign = "left";
    pen.fillText(`${show(100 * share, 3)} %`, left + length + 6, y);
    pen.fillStyle = colours.blue;
    pen.fillRect(left, y - 9, Math.max(1, length), 18);
  }
}
