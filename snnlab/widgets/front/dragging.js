/** What a pointer moves on a canvas: by mouse, pen or finger. */

/** @typedef {(x: number, y: number) => void} Follow where the pointer is, in pixels of the canvas */

/**
 * Let one pointer at a time move something; a mouse by its main button.  A finger that takes hold of
 * something does not scroll the page, unless the canvas has a touch-action of its own.
 * @param {HTMLCanvasElement} canvas
 * @param {object} drag
 * @param {(x: number, y: number, finger: boolean) => Follow | undefined} drag.take what a pointer moves
 *   that goes down there, if anything; it may be asked more than once
 * @param {boolean} [drag.atOnce] whether it also follows to where it went down, before it moves
 * @param {() => void} [drag.drop] called when it has let go
 */
export function draggable(canvas, { take, atOnce = true, drop = () => {} }) {
  let pointer = -1; // the one that has taken hold last
  /** @type {Follow | undefined} as long as something is held */
  let follow;
  canvas.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (follow || event.button !== 0) return;
    follow = take(event.offsetX, event.offsetY, event.pointerType === "touch");
    if (!follow) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    if (atOnce) follow(event.offsetX, event.offsetY);
  });
  canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (event.pointerId === pointer) follow?.(event.offsetX, event.offsetY);
  });
  canvas.addEventListener("lostpointercapture", (/** @type {PointerEvent} */ event) => {
    if (!follow || event.pointerId !== pointer) return;
    follow = undefined;
    drop();
  });
  canvas.addEventListener(
    "touchstart",
    (/** @type {TouchEvent} */ event) => {
      if (getComputedStyle(canvas).touchAction !== "auto" || event.touches.length > 1) return;
      const [{ clientX, clientY }] = event.touches;
      const { left, top } = canvas.getBoundingClientRect();
      if (take(clientX - left, clientY - top, true)) event.preventDefault();
    },
    { passive: false },
  );
}
