/**
 * The canvas to draw on, and the drawing as a picture of 28 x 28 pixels like those that the network knows: 20 pixels large, its centre of mass in the middle.
 */
import { AREA, SIDE } from "../protocol.ts";

/** Side of a digit within its picture, as in MNIST. */
const DIGIT = 20;
/** Width of the pen, as a share of the canvas. */
const PEN = 0.075;

export class Drawing {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #changed: () => void;
  readonly #small = document.createElement("canvas");
  #last: { x: number; y: number } | null = null;
  #empty = true;
  /** The pixels of a digit that was put here, until it is drawn on. */
  #exact: Uint8Array | null = null;

  constructor(canvas: HTMLCanvasElement, changed: () => void) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { willReadFrequently: true })!;
    this.#changed = changed;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#last = null;
      this.#stroke(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.#last !== null) for (const part of event.getCoalescedEvents?.() ?? [event]) this.#stroke(part);
    });
    for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, () => (this.#last = null));
  }

  get empty(): boolean {
    return this.#empty;
  }

  clear(): void {
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#empty = true;
    this.#exact = null;
    this.#changed();
  }

  /** Puts a picture of 28 x 28 grey values here. */
  show(pixels: Uint8Array): void {
    const { width, height } = this.#canvas;
    this.#context.clearRect(0, 0, width, height);
    this.#context.drawImage(greyCanvas(pixels), 0, 0, width, height);
    this.#empty = false;
    this.#exact = pixels;
    this.#changed();
  }

  #stroke(event: PointerEvent): void {
    const box = this.#canvas.getBoundingClientRect();
    const scale = this.#canvas.width / box.width;
    const point = { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
    const from = this.#last ?? point;
    const context = this.#context;
    context.strokeStyle = "#fff";
    context.lineWidth = this.#canvas.width * PEN;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(point.x, point.y);
    context.stroke();
    this.#last = point;
    this.#empty = false;
    this.#exact = null;
    this.#changed();
  }

  /** The drawing as 28 x 28 grey values. */
  picture(): Uint8Array {
    if (this.#exact !== null) return this.#exact;
    const { width, height } = this.#canvas;
    const alpha = this.#context.getImageData(0, 0, width, height).data;
    let [left, right, top, bottom] = [width, -1, height, -1];
    let [mass, sumX, sumY] = [0, 0, 0];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const ink = alpha[4 * (y * width + x) + 3]!;
        if (ink === 0) continue;
        left = Math.min(left, x);
        right = Math.max(right, x);
        top = Math.min(top, y);
        bottom = Math.max(bottom, y);
        mass += ink;
        sumX += ink * x;
        sumY += ink * y;
      }
    }
    if (mass === 0) return new Uint8Array(AREA);
    const scale = DIGIT / Math.max(right - left + 1, bottom - top + 1);
    this.#small.width = this.#small.height = SIDE;
    const context = this.#small.getContext("2d", { willReadFrequently: true })!;
    context.imageSmoothingQuality = "high";
    context.drawImage(
      this.#canvas,
      SIDE / 2 - (sumX / mass + 0.5) * scale,
      SIDE / 2 - (sumY / mass + 0.5) * scale,
      width * scale,
      height * scale,
    );
    const small = context.getImageData(0, 0, SIDE, SIDE).data;
    return Uint8Array.from({ length: AREA }, (_, k) => small[4 * k + 3]!);
  }
}

/** A picture of 28 x 28 grey values, white on nothing. */
export function greyCanvas(pixels: Uint8Array): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  paintGrey(canvas, pixels);
  return canvas;
}

/** Paints 28 x 28 grey values as white of that strength. */
export function paintGrey(canvas: HTMLCanvasElement, pixels: Uint8Array): void {
  canvas.width = canvas.height = SIDE;
  const image = new ImageData(SIDE, SIDE);
  pixels.forEach((grey, k) => {
    image.data.fill(255, 4 * k, 4 * k + 3);
    image.data[4 * k + 3] = grey;
  });
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}
