/**
 * The filters of the first layer, and where in the drawing they fire.
 */
import { FILTER_SIDE, FILTERS, MAP_SIDE } from "../protocol.ts";

type Color = readonly [red: number, green: number, blue: number];

const POSITIVE: Color = [232, 88, 46];
const NEGATIVE: Color = [46, 108, 206];
/** From nothing to most. */
const HEAT: readonly Color[] = [
  [22, 20, 30],
  [98, 30, 92],
  [217, 72, 56],
  [252, 166, 62],
  [254, 240, 190],
];

function mix(a: Color, b: Color, share: number): Color {
  return [0, 1, 2].map((k) => a[k]! + (b[k]! - a[k]!) * share) as unknown as Color;
}

function heat(value: number): Color {
  const at = Math.min(Math.max(value, 0), 1) * (HEAT.length - 1);
  const k = Math.min(Math.floor(at), HEAT.length - 2);
  return mix(HEAT[k]!, HEAT[k + 1]!, at - k);
}

function paint(canvas: HTMLCanvasElement, side: number, color: (k: number) => Color): void {
  const image = new ImageData(side, side);
  for (let k = 0; k < side * side; k++) image.data.set([...color(k), 255], 4 * k);
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}

function canvasOf(side: number, label: string): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  return canvas;
}

export class FilterView {
  readonly #filters: HTMLCanvasElement[];
  readonly #maps: HTMLCanvasElement[];

  constructor(parent: HTMLElement) {
    this.#filters = Array.from({ length: FILTERS }, (_, k) => canvasOf(FILTER_SIDE, `Weights of filter ${k + 1}`));
    this.#maps = Array.from({ length: FILTERS }, (_, k) => canvasOf(MAP_SIDE, `Where filter ${k + 1} fires in the drawing`));
    this.#filters.forEach((filter, k) => {
      const figure = document.createElement("figure");
      figure.append(filter, this.#maps[k]!);
      parent.append(figure);
    });
    this.clearMaps();
  }

  /** Weights (16, 1, 5, 5), each filter relative to its strongest weight; `paper` is the color of 0. */
  showFilters(weights: Float32Array, paper: Color): void {
    const area = FILTER_SIDE ** 2;
    this.#filters.forEach((canvas, filter) => {
      const own = weights.subarray(filter * area, (filter + 1) * area);
      const most = own.reduce((max, weight) => Math.max(max, Math.abs(weight)), 1e-12);
      paint(canvas, FILTER_SIDE, (k) => mix(paper, own[k]! > 0 ? POSITIVE : NEGATIVE, Math.abs(own[k]!) / most));
    });
  }

  /** Activations (16, 24, 24), all relative to the strongest. */
  showMaps(maps: Float32Array): void {
    const area = MAP_SIDE ** 2;
    const most = maps.reduce((max, value) => Math.max(max, value), 1e-12);
    this.#maps.forEach((canvas, filter) => {
      paint(canvas, MAP_SIDE, (k) => heat(maps[filter * area + k]! / most));
    });
  }

  clearMaps(): void {
    for (const canvas of this.#maps) paint(canvas, MAP_SIDE, () => HEAT[0]!);
  }
}
