/** Pictures of points: photographs, maps, and maps over photographs. */

import { MAP, mapColour, signedColour } from "./colours.js";
import { enlarge } from "./numbers.js";
import { make } from "./elements.js";

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
 * @typedef {object} Grid numbers with the size of their grid; of three colours one after the other
 * @property {ArrayLike<number>} values [height][width], or [3][height][width]
 * @property {number} height
 * @property {number} width
 */

/**
 * A picture in three colours.
 * @param {Grid} image [3][height][width]
 * @param {(value: number, channel: number) => number} [byte] of a value; left out: it is one
 */
export function photograph({ values, height, width }, byte = (value) => value) {
  const places = height * width;
  return picture(height, width, (p, colour) => {
    for (let c = 0; c < 3; c++) colour[c] = byte(values[c * places + p], c);
  });
}

/**
 * A map in the colours of snnlab.plotting.MAP.
 * @param {Grid} map
 * @param {number} top the value of the brightest colour
 */
export function heatMap({ values, height, width }, top) {
  return picture(height, width, (place, colour) => colour.set(mapColour(top > 0 ? values[place] / top : 0)));
}

/**
 * A map over its photograph in grey, as snnlab.plotting.overlay draws it.
 * @param {Grid} photo [3][rows][columns], bytes
 * @param {Grid} map
 * @param {number} top the value of the brightest colour
 */
export function overlay({ values: pixels, height: rows, width: columns }, { values, height, width }, top) {
  const places = rows * columns;
  const heat = enlarge(values, height, width, rows, columns);
  return picture(rows, columns, (p, colour) => {
    const grey = (pixels[p] + pixels[places + p] + pixels[2 * places + p]) / 3;
    const strength = top > 0 ? Math.min(1, heat[p] / top) : 0;
    const opacity = 0.35 + 0.5 * strength;
    const at = 3 * Math.min(255, Math.floor(256 * strength));
    for (let c = 0; c < 3; c++) colour[c] = (1 - opacity) * grey + opacity * MAP[at + c];
  });
}

/**
 * A map of differences: sky below 0, amber above, black at 0; over its photograph in grey, if given.
 * @param {Grid} map
 * @param {number} top the size of the brightest colours
 * @param {Grid | null} photo [3][rows][columns], bytes
 */
export function differenceMap(map, top, photo) {
  const { height: rows, width: columns } = photo ?? map;
  const values = photo ? enlarge(map.values, map.height, map.width, rows, columns) : map.values;
  const places = rows * columns;
  return picture(rows, columns, (p, colour) => {
    const share = top > 0 ? Math.max(-1, Math.min(1, values[p] / top)) : 0;
    const grey = photo ? (photo.values[p] + photo.values[places + p] + photo.values[2 * places + p]) / 3 : 0;
    const opacity = photo ? 0.35 + 0.5 * Math.abs(share) : 1;
    const towards = signedColour(share);
    for (let c = 0; c < 3; c++) colour[c] = (1 - opacity) * grey + opacity * towards[c];
  });
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
