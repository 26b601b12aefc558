/** Pictures of points: photographs, maps, and maps over photographs. */

import { MAP, mapColour } from "./colours.js";
import { enlarge } from "./numbers.js";
import { make } from "./view.js";

/**
 * A picture of `rows` times `columns` points.
 * @param {number} rows
 * @param {number} columns
 * @param {(place: number, colour: Uint8ClampedArray) => void} colourOf writes red, green and blue of
 *   a place into the first three entries of `colour`
 * @returns {HTMLCanvasElement} to be laid on a sheet with `lay`
 */
export function picture(rows, columns, colourOf) {
  const canvas = make("canvas", { width: columns, height: rows });
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(columns, rows);
  const colour = new Uint8ClampedArray([0, 0, 0, 255]); // one for all places, which is quicker
  for (let place = 0; place < rows * columns; place++) {
    colourOf(place, colour);
    image.data.set(colour, 4 * place);
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

/**
 * A map in the colours of snnlab.plotting.MAP.
 * @param {ArrayLike<number>} values [rows][columns]
 * @param {number} rows
 * @param {number} columns
 * @param {number} top the value of the brightest colour
 * @returns {HTMLCanvasElement} to be laid on a sheet with `lay`
 */
export function heatMap(values, rows, columns, top) {
  return picture(rows, columns, (place, colour) => colour.set(mapColour(top > 0 ? values[place] / top : 0)));
}

/**
 * Lay a picture on a sheet, its title above it.
 * @param {CanvasRenderingContext2D} pen
 * @param {import("./view.js").View["colours"]} colours
 * @param {HTMLCanvasElement} image
 * @param {{left: number, top: number, width: number, height: number}} box in pixels
 * @param {{title?: string, smooth?: boolean}} [options] smooth: blend neighbouring points
 */
export function lay(pen, colours, image, { left, top, width, height }, { title = "", smooth = false } = {}) {
  pen.imageSmoothingEnabled = smooth;
  pen.drawImage(image, left, top, width, height);
  pen.fillStyle = colours.ink;
  pen.textAlign = "left";
  pen.textBaseline = "bottom";
  pen.fillText(title, left, top - 5, width);
}

/**
 * A photograph in colour.
 * @param {Uint8Array} pixels [3][rows][columns], bytes
 * @param {number} rows
 * @param {number} columns
 */
export function photograph(pixels, rows, columns) {
  const places = rows * columns;
  return picture(rows, columns, (p, colour) => {
    for (let c = 0; c < 3; c++) colour[c] = pixels[c * places + p];
  });
}

/**
 * A map over its photograph in grey, as snnlab.plotting.overlay draws it.
 * @param {Uint8Array} pixels [3][rows][columns], bytes
 * @param {number} rows
 * @param {number} columns
 * @param {ArrayLike<number>} map [height][width]
 * @param {number} height
 * @param {number} width
 * @param {number} top the value of the brightest colour
 */
export function overlay(pixels, rows, columns, map, height, width, top) {
  const places = rows * columns;
  const heat = enlarge(map, height, width, rows, columns);
  return picture(rows, columns, (p, colour) => {
    const grey = (pixels[p] + pixels[places + p] + pixels[2 * places + p]) / 3;
    const strength = top > 0 ? Math.min(1, heat[p] / top) : 0;
    const opacity = 0.35 + 0.5 * strength;
    const at = 3 * Math.min(255, Math.floor(256 * strength));
    for (let c = 0; c < 3; c++) colour[c] = (1 - opacity) * grey + opacity * MAP[at + c];
  });
}

/**
 * A map over its photograph, or plain on its own grid.
 * @param {boolean} over
 * @param {Uint8Array} pixels [3][rows][columns], bytes
 * @param {number} rows
 * @param {number} columns
 * @param {ArrayLike<number>} map [height][width]
 * @param {{height: number, width: number}} grid
 * @param {number} top
 */
export function mapImage(over, pixels, rows, columns, map, { height, width }, top) {
  return over
    ? overlay(pixels, rows, columns, map, height, width, top)
    : heatMap(map, height, width, top);
}
