/**
 * The digits in memory, and batches of them.
 */
import torch, { type Tensor } from "typetorch";
import { AREA, type Sample, SIDE } from "../protocol.ts";

// Mean and standard deviation of MNIST's pixels, as grey values from 0 to 255.
const MEAN = 0.1307 * 255;
const DEVIATION = 0.3081 * 255;
const BACKGROUND = -MEAN / DEVIATION;

const RECORD = AREA + 1;

/** A picture as the network wants it: (1, 1, 28, 28). */
export function pictureTensor(pixels: Uint8Array): Tensor {
  return torch.tensor(Float32Array.from(pixels, (grey) => (grey - MEAN) / DEVIATION)).view(1, 1, SIDE, SIDE);
}

/** Labelled pictures. `digits.bin` has one record a digit: its label, then its grey values. */
export class Digits {
  readonly #bytes: Uint8Array;
  /** Where each digit's record is. */
  #order: number[];

  constructor(bytes: Uint8Array, order: number[] = Array.from({ length: bytes.length / RECORD }, (_, k) => k)) {
    this.#bytes = bytes;
    this.#order = order;
  }

  get length(): number {
    return this.#order.length;
  }

  /** Puts the digits into a random order. */
  shuffle(generator?: torch.Generator): void {
    const order = torch.randperm(this.length, { generator }).toArray() as number[];
    this.#order = order.map((k) => this.#order[k]!);
  }

  /** The first `count` digits, and the others. */
  split(count: number): [Digits, Digits] {
    return [new Digits(this.#bytes, this.#order.slice(0, count)), new Digits(this.#bytes, this.#order.slice(count))];
  }

  sample(index: number): Sample {
    const start = this.#order[index]! * RECORD;
    return { label: this.#bytes[start]!, pixels: this.#bytes.slice(start + 1, start + RECORD) };
  }

  /** Digits `start` to `end`: pictures (n, 1, 28, 28), each moved at random by up to `shift` pixels, and labels (n). */
  batch(start: number, end: number, shift = 0): [images: Tensor, labels: Tensor] {
    const n = end - start;
    const pixels = new Float32Array(n * AREA).fill(BACKGROUND);
    const labels = new BigInt64Array(n);
    for (let k = 0; k < n; k++) {
      const from = this.#order[start + k]! * RECORD;
      labels[k] = BigInt(this.#bytes[from]!);
      const down = Math.round((Math.random() * 2 - 1) * shift);
      const right = Math.round((Math.random() * 2 - 1) * shift);
      for (let y = Math.max(0, down); y < Math.min(SIDE, SIDE + down); y++) {
        for (let x = Math.max(0, right); x < Math.min(SIDE, SIDE + right); x++) {
          pixels[k * AREA + y * SIDE + x] = (this.#bytes[from + 1 + (y - down) * SIDE + x - right]! - MEAN) / DEVIATION;
        }
      }
    }
    return [torch.tensor(pixels).view(n, 1, SIDE, SIDE), torch.tensor(labels)];
  }
}
