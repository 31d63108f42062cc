/**
 * Sliding windows as columns, and columns back into an image.
 */
import { checkArguments } from "../arguments.ts";
import { ShapeError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type Op, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { perDimension } from "./conv.ts";

type Pair = readonly [number, number];
interface Windows {
  /** (H, W) of the image. */
  readonly image: Pair;
  readonly kernel: Pair;
  readonly dilation: Pair;
  readonly padding: Pair;
  readonly stride: Pair;
  /** How many windows fit, down and across. */
  readonly count: Pair;
}

/** The elements that stand at one place (i, j) of all windows, as a view of the padded image (N, C, H, W). */
function placeOf(padded: Tensor, i: number, j: number, { dilation, stride, count }: Windows): Tensor {
  const [n, c] = padded.shape as [number, number];
  const [sn, sc, sh, sw] = padded.strides as [number, number, number, number];
  const offset = padded.storageOffset + i * dilation[0] * sh + j * dilation[1] * sw;
  return runtime.alias(padded, [n, c, count[0], count[1]], [sn, sc, stride[0] * sh, stride[1] * sw], offset);
}

const unfoldOp: Op<Windows> = defineOp<Windows>({
  name: "im2col",
  run: ([x], windows) =>
    runtime.withoutGrad(() => {
      const { kernel, padding, image, count } = windows;
      const [n, c] = x!.shape as [number, number];
      const padded = runtime.full([n, c, image[0] + 2 * padding[0], image[1] + 2 * padding[1]], 0, x!.dtype);
      padded.narrow(2, padding[0], image[0]).narrow(3, padding[1], image[1]).copy_(x!);
      const out = runtime.empty([n, c, kernel[0] * kernel[1], count[0], count[1]], x!.dtype);
      for (let i = 0; i < kernel[0]; i++) {
        for (let j = 0; j < kernel[1]; j++) out.select(2, i * kernel[1] + j).copy_(placeOf(padded, i, j, windows));
      }
      return runtime.alias(
        out,
        [n, c * kernel[0] * kernel[1], count[0] * count[1]],
        out.view([n, c * kernel[0] * kernel[1], count[0] * count[1]]).strides,
        0,
      );
    }),
  backward: ([g], { attributes }) => [runtime.call(foldOp, [g!], attributes)],
});

const foldOp: Op<Windows> = defineOp<Windows>({
  name: "col2im",
  run: ([columns], windows) =>
    runtime.withoutGrad(() => {
      const { kernel, padding, image, count } = windows;
      const n = columns!.shape[0]!;
      const places = kernel[0] * kernel[1];
      const c = columns!.shape[1]! / places;
      const parts = columns!.reshape([n, c, places, count[0], count[1]]);
      const padded = runtime.full([n, c, image[0] + 2 * padding[0], image[1] + 2 * padding[1]], 0, columns!.dtype);
      for (let i = 0; i < kernel[0]; i++) {
        for (let j = 0; j < kernel[1]; j++) placeOf(padded, i, j, windows).add_(parts.select(2, i * kernel[1] + j));
      }
      return padded.narrow(2, padding[0], image[0]).narrow(3, padding[1], image[1]).clone({ memoryFormat: "contiguous" });
    }),
  backward: ([g], { attributes }) => [runtime.call(unfoldOp, [g!], attributes)],
});

type Size = number | readonly number[];

export interface UnfoldOptions {
  /** Spacing of the window's elements. Default: 1. */
  dilation?: Size;
  /** Zeros around the image. Default: 0. */
  padding?: Size;
  /** Default: 1. */
  stride?: Size;
}
type Rest = Trailing<[dilation: Size, padding: Size, stride: Size], UnfoldOptions>;

function windowsOf(image: Pair, kernelSize: Size, rest: Rest): Windows {
  const { dilation = 1, padding = 0, stride = 1 } = trailing<UnfoldOptions>(rest, ["dilation", "padding", "stride"]);
  const pair = (name: string, size: Size) => perDimension(name, size, 2) as Pair;
  const kernel = pair("kernel_size", kernelSize);
  const [d, p, s] = [pair("dilation", dilation), pair("padding", padding), pair("stride", stride)];
  const fit = (k: 0 | 1) => Math.floor((image[k] + 2 * p[k] - d[k] * (kernel[k] - 1) - 1) / s[k]) + 1;
  return { image, kernel, dilation: d, padding: p, stride: s, count: [fit(0), fit(1)] };
}

/**
 * The windows of an image as columns: (N, C, H, W) -> (N, C * kernel elements, windows), or without N. As `torch.nn.functional.unfold`.
 * @example
 * F.unfold(torch.ones(1, 3, 4, 4), 2, { stride: 2 }).shape // [1, 12, 4]
 */
export function unfold(input: Tensor, kernelSize: Size, ...rest: Rest): Tensor {
  checkArguments(
    "unfold(Tensor input, int|int[] kernelSize, ~dilation, ~padding, ~stride, {int|int[] dilation, int|int[] padding, int|int[] stride})",
    input,
    kernelSize,
    ...rest,
  );
  const rank = input.shape.length;
  if (rank !== 3 && rank !== 4) {
    throw new ShapeError(
      `Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: ${formatShape(input.shape)}`,
    );
  }
  const x = rank === 4 ? input : input.unsqueeze(0);
  const windows = windowsOf([x.shape[2]!, x.shape[3]!], kernelSize, rest);
  if (windows.count[0] < 1 || windows.count[1] < 1) {
    throw new ShapeError(
      `Given input with spatial size (${windows.image.join(", ")}), kernel_size=(${windows.kernel.join(", ")}), dilation=(${windows.dilation.join(", ")}), padding=(${windows.padding.join(", ")}), calculated shape of the array of sliding blocks as (${windows.count.join(", ")}), but its components must be at least one.`,
    );
  }
  const out = runtime.call(unfoldOp, [x], windows);
  return rank === 4 ? out : out.squeeze(0);
}

/**
 * The image whose windows are given, overlaps added up: (N, C * kernel elements, windows) -> (N, C, ...outputSize), or without N. As `torch.nn.functional.fold`.
 * @example
 * F.fold(torch.ones(1, 12, 4), [4, 4], 2, { stride: 2 }).shape // [1, 3, 4, 4]
 */
export function fold(input: Tensor, outputSize: Size, kernelSize: Size, ...rest: Rest): Tensor {
  checkArguments(
    "fold(Tensor input, int|int[] outputSize, int|int[] kernelSize, ~dilation, ~padding, ~stride, {int|int[] dilation, int|int[] padding, int|int[] stride})",
    input,
    outputSize,
    kernelSize,
    ...rest,
  );
  const rank = input.shape.length;
  if (rank !== 2 && rank !== 3) {
    throw new ShapeError(
      `Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: ${formatShape(input.shape)}`,
    );
  }
  const x = rank === 3 ? input : input.unsqueeze(0);
  const windows = windowsOf(perDimension("output_size", outputSize, 2) as Pair, kernelSize, rest);
  const places = windows.kernel[0] * windows.kernel[1];
  const [, rows, columns] = x.shape as [number, number, number];
  if (rows % places !== 0) {
    throw new ShapeError(
      `Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)=${rows} and kernel_size=(${windows.kernel.join(", ")}).`,
    );
  }
  if (columns !== windows.count[0] * windows.count[1]) {
    throw new ShapeError(
      `Given output_size=(${windows.image.join(", ")}), kernel_size=(${windows.kernel.join(", ")}), dilation=(${windows.dilation.join(", ")}), padding=(${windows.padding.join(", ")}), stride=(${windows.stride.join(", ")}), expected size of input's dimension 2 to match the calculated number of sliding blocks ${windows.count[0]} * ${windows.count[1]} = ${windows.count[0] * windows.count[1]}, but got input.size(2)=${columns}.`,
    );
  }
  const out = runtime.call(foldOp, [x], windows);
  return rank === 3 ? out : out.squeeze(0);
}
