/**
 * The geometry of convolutions as the generators of all targets see it: one or two spatial dimensions as two, taps as offsets.
 */
import type { ConvGeometry, Operand } from "../backend.ts";
import { addressOf } from "./product.ts";

/**
 * Output pixel (y, x) is the sum over channels and taps (i, j) of the weight times the input at row `y strideY + tapsY[i] - paddingY` and column likewise; what
 * lies outside of the input counts as zero. The pixel is stored at row `firstY + y stepY` of an image of `imageHeight` rows, and column likewise.
 */
export interface ConvShape {
  readonly images: number;
  readonly groups: number;
  /** Channels of a group. */
  readonly inputs: number;
  readonly outputs: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly tapsY: readonly number[];
  readonly tapsX: readonly number[];
  readonly strideY: number;
  readonly strideX: number;
  readonly paddingY: number;
  readonly paddingX: number;
  readonly firstY: number;
  readonly firstX: number;
  readonly stepY: number;
  readonly stepX: number;
  readonly imageHeight: number;
  readonly imageWidth: number;
}

/** A batch of images of channels: its address, and distances in elements. */
export interface Images {
  readonly address: number;
  readonly image: number;
  readonly channel: number;
  readonly row: number;
  readonly column: number;
}

/** Which taps of a filter take part: their numbers along rows and columns. */
export interface TapChoice {
  readonly y: readonly number[];
  readonly x: readonly number[];
}

const last = (list: readonly number[]): number => list[list.length - 1]!;
const last2 = (list: readonly number[], missing: number): number => (list.length > 1 ? list[list.length - 2]! : missing);
const multiples = (count: number, step: number): number[] => Array.from({ length: count }, (_, i) => i * step);

/** The forward convolution. */
export function forwardShape(x: Operand, weight: Operand, out: Operand, g: ConvGeometry): ConvShape {
  const [size, kernel, outSize] = [x, weight, out].map((operand) => operand.shape.slice(2)) as [number[], number[], number[]];
  const outHeight = last2(outSize, 1);
  const outWidth = last(outSize);
  return {
    images: x.shape[0]!,
    groups: g.groups,
    inputs: weight.shape[1]!,
    outputs: weight.shape[0]! / g.groups,
    height: last2(size, 1),
    width: last(size),
    outHeight,
    outWidth,
    tapsY: multiples(last2(kernel, 1), last2(g.dilation, 1)),
    tapsX: multiples(last(kernel), last(g.dilation)),
    strideY: last2(g.stride, 1),
    strideX: last(g.stride),
    paddingY: last2(g.padding, 0),
    paddingX: last(g.padding),
    firstY: 0,
    firstX: 0,
    stepY: 1,
    stepX: 1,
    imageHeight: outHeight,
    imageWidth: outWidth,
  };
}

/**
 * Input rows `first`, `first + stride` … receive from the same taps i: those for which `first + padding - taps[i]` is a multiple of the stride; the multiple says
 * from which output row. As a convolution of the output's gradient: offsets of the taps from the smallest one, which is minus the padding.
 */
function phase(
  first: number,
  stride: number,
  padding: number,
  taps: readonly number[],
): { numbers: number[]; offsets: number[]; padding: number } {
  const numbers: number[] = [];
  const rows: number[] = [];
  for (let i = taps.length - 1; i >= 0; i--) {
    const distance = first + padding - taps[i]!;
    if (distance % stride !== 0) continue;
    numbers.push(i);
    rows.push(distance / stride);
  }
  const least = rows.length === 0 ? 0 : rows[0]!;
  return { numbers, offsets: rows.map((r) => r - least), padding: -least };
}

/** The gradient of the input as forward convolutions of the gradient of the output: one for each remainder of rows and columns by the stride. */
export function backwardShapes(f: ConvShape): { shape: ConvShape; taps: TapChoice }[] {
  const result: { shape: ConvShape; taps: TapChoice }[] = [];
  for (let firstY = 0; firstY < Math.min(f.strideY, f.height); firstY++) {
    for (let firstX = 0; firstX < Math.min(f.strideX, f.width); firstX++) {
      const y = phase(firstY, f.strideY, f.paddingY, f.tapsY);
      const x = phase(firstX, f.strideX, f.paddingX, f.tapsX);
      const shape: ConvShape = {
        images: f.images,
        groups: f.groups,
        inputs: f.outputs,
        outputs: f.inputs,
        height: f.outHeight,
        width: f.outWidth,
        outHeight: Math.ceil((f.height - firstY) / f.strideY),
        outWidth: Math.ceil((f.width - firstX) / f.strideX),
        tapsY: y.offsets,
        tapsX: x.offsets,
        strideY: 1,
        strideX: 1,
        paddingY: y.padding,
        paddingX: x.padding,
        firstY,
        firstX,
        stepY: f.strideY,
        stepX: f.strideX,
        imageHeight: f.height,
        imageWidth: f.width,
      };
      result.push({ shape, taps: { y: y.numbers, x: x.numbers } });
    }
  }
  return result;
}

export function elementsOf(x: Operand): number {
  return x.shape.reduce((a, b) => a * b, 1);
}

export function isContiguous(x: Operand): boolean {
  let step = 1;
  for (let d = x.shape.length - 1; d >= 0; d--) {
    if (x.shape[d] !== 1 && x.strides[d] !== step) return false;
    step *= x.shape[d]!;
  }
  return true;
}

/** An operand of rank 3 or 4 as images. */
export function imagesOf(x: Operand): Images {
  const rank = x.shape.length;
  return {
    address: addressOf(x),
    image: x.strides[0]!,
    channel: x.strides[1]!,
    row: rank === 4 ? x.strides[2]! : 0,
    column: x.shape[rank - 1] === 1 ? 1 : x.strides[rank - 1]!,
  };
}
