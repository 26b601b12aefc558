/** Pictures of the reader's: from a file, dropped, or drawn. */

import { draggable } from "./dragging.js";
import { make } from "./elements.js";

const MEGABYTES = 20;
const MEGAPIXELS = 50;
const BOARD = 256;

/**
 * A field for a file; the whole widget also takes a picture that is dropped on it.
 * @param {import("./view.js").View} view
 * @param {number} side of the square that is wanted
 * @param {(pixels: Uint8Array) => Promise<void>} take called with [3][side][side]
 * @param {(problem: string) => void} say
 */
export function pictureInput(view, side, take, say) {
  let asked = 0; // what is given last is taken, also if an earlier picture is read for longer
  const read = async (/** @type {File[]} */ files) => {
    const mine = ++asked;
    try {
      if (!files.length) throw new Error("What was dropped is no file; save the picture, and drop its file here.");
      const { pixels, clear } = await readPicture(files[0], side);
      if (mine !== asked) return;
      await take(pixels);
      const text = told(files, clear);
      if (mine === asked && text) say(text);
    } catch (error) {
      if (mine === asked) say(/** @type {Error} */ (error).message);
    }
  };
  const field = make("input", { type: "file", accept: "image/*" });
  field.addEventListener("change", () => {
    if (field.files.length) read([...field.files]);
    field.value = ""; // so that the same file can be chosen again
  });
  view.root.addEventListener("dragover", (/** @type {DragEvent} */ event) => event.preventDefault());
  view.root.addEventListener("drop", (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    read([...(event.dataTransfer?.files ?? [])]);
  });
  return make("label", { className: "snn-select" }, make("span", {}, "Your picture, from a file"), field);
}

/** What a reader may not expect of the picture that was taken, in words; most often none. */
function told(/** @type {File[]} */ [{ name }, ...others], /** @type {boolean} */ clear) {
  const first = others.length ? [`Of ${others.length + 1} files the first is taken, ${name}.`] : [];
  const white = clear ? [`Where ${name} is transparent or cut short, the network sees white.`] : [];
  return [...first, ...white].join(" ");
}

/**
 * The middle square of a picture, scaled.
 * @param {File} file
 * @param {number} side
 * @returns {Promise<Square>}
 */
async function readPicture(file, side) {
  if (file.size > MEGABYTES * 1e6) {
    const size = Math.round(file.size / 1e6);
    throw new Error(`${file.name} has ${size} MB, more than the ${MEGABYTES} MB that this page takes; save it smaller.`);
  }
  const address = URL.createObjectURL(file);
  try {
    const image = await loadImage(address, file.name);
    const megapixels = (image.naturalWidth * image.naturalHeight) / 1e6;
    if (megapixels > MEGAPIXELS) {
      throw new Error(
        `${file.name} has ${Math.round(megapixels)} megapixels, more than the ${MEGAPIXELS} that this page takes; ` +
          "save it smaller.",
      );
    }
    return square(image, image.naturalWidth, image.naturalHeight, side);
  } catch (error) {
    // a drawing that holds a page is drawn, and never given away
    throw error instanceof DOMException ? new Error(unreadable(file.name)) : error;
  } finally {
    URL.revokeObjectURL(address);
  }
}

const unreadable = (/** @type {string} */ name) =>
  `${name} cannot be read as a picture; choose an intact JPEG, PNG, WebP or GIF.`;

/** @returns {Promise<HTMLImageElement>} its size is known, its pixels are decoded when they are drawn */
function loadImage(address, name) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.addEventListener("load", () => resolve(image));
    image.addEventListener("error", () => reject(new Error(unreadable(name))));
    image.src = address;
  });
}

/**
 * @typedef {object} Square of a picture
 * @property {Uint8Array} pixels [3][side][side]
 * @property {boolean} clear whether some of it was see-through, as what a file lacks that was cut short; it is white
 */

/**
 * @param {CanvasImageSource} image
 * @param {number} width
 * @param {number} height
 * @param {number} side
 * @returns {Square}
 */
function square(image, width, height, side) {
  if (!width || !height) throw new Error("This picture has no size of its own; save it as PNG or JPEG.");
  const canvas = make("canvas", { width: side, height: side });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  const scale = side / Math.min(width, height);
  // all of it, whose middle falls on the canvas: of a drawing without a size no part can be asked for
  pen.drawImage(image, (side - scale * width) / 2, (side - scale * height) / 2, scale * width, scale * height);
  const drawn = pen.getImageData(0, 0, side, side).data;
  const clear = drawn.some((value, i) => i % 4 === 3 && value < 128);
  pen.globalCompositeOperation = "destination-over";
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, side, side);
  const { data } = pen.getImageData(0, 0, side, side);
  const places = side * side;
  const pixels = Uint8Array.from({ length: 3 * places }, (_, i) => data[4 * (i % places) + Math.floor(i / places)]);
  return { pixels, clear };
}

/**
 * A small board to draw on.
 * @param {number} side
 * @param {(pixels: Uint8Array) => void} take called with [3][side][side] after every stroke
 */
export function drawingBoard(side, take) {
  const board = make("canvas", { width: BOARD, height: BOARD, className: "snn-board", role: "img" });
  board.setAttribute("aria-label", "A board to draw on with the mouse, a pen or a finger");
  const pen = board.getContext("2d");
  const colour = make("input", { type: "color", value: "#2f6f3e" });
  const width = make("input", { type: "range", min: "4", max: "60", value: "22" });
  const clear = make("button", { type: "button", className: "snn-button" }, "Clear");
  const wipe = () => {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, BOARD, BOARD);
  };
  wipe();
  Object.assign(pen, { lineCap: "round", lineJoin: "round" });
  const stroke = (/** @type {number} */ x, /** @type {number} */ y) => {
    const scale = BOARD / board.clientWidth;
    pen.lineTo(x * scale, y * scale);
    pen.stroke();
  };
  const begin = () => {
    pen.strokeStyle = colour.value;
    pen.lineWidth = Number(width.value);
    pen.beginPath();
    return stroke;
  };
  draggable(board, { take: begin, drop: () => take(square(board, BOARD, BOARD, side).pixels) });
  clear.addEventListener("click", () => {
    wipe();
    take(square(board, BOARD, BOARD, side).pixels);
  });
  return make(
    "details",
    { className: "snn-draw" },
    make("summary", {}, "Draw one"),
    board,
    make("label", { className: "snn-check" }, colour, make("span", {}, "Colour")),
    make("label", { className: "snn-check" }, width, make("span", {}, "Width")),
    clear,
  );
}
