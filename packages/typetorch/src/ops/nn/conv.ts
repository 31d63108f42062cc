/**
 * Convolutions of one to three dimensions and their transposes. Three linear ops make a closed family: the convolution, its gradient for the input and its
 * gradient for the weight are each other's derivatives.
 */
import { kernelName } from "../../core/dtype.ts";
import { describeKind, checkArguments } from "../arguments.ts";
import type { ConvGeometry } from "../../backends/backend.ts";
import { ArgumentTypeError, DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { cat } from "../memory/cat.ts";
import { type Op, type Saved, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

type Attributes = ConvGeometry;
interface InputGradient extends ConvGeometry {
  /** Shape of the input. */
  readonly shape: readonly number[];
}

/** Spatial sizes of a convolution's result. */
function outputSizes(x: readonly number[], weight: readonly number[], g: ConvGeometry): number[] {
  return x
    .slice(2)
    .map((n, i) => Math.floor((n + 2 * g.padding[i]! - g.dilation[i]! * (weight[2 + i]! - 1) - 1) / g.stride[i]!) + 1);
}

const sumOverAllBut1 = (g: Tensor): Tensor => g.sum(g.shape.map((_, i) => i).filter((i) => i !== 1));

const convOp: Op<Attributes> = defineOp<Attributes>({
  name: "convolution",
  saves: { inputs: [0, 1] },
  run([x, weight, bias], geometry) {
    const out = runtime.empty([x!.shape[0]!, weight!.shape[0]!, ...outputSizes(x!.shape, weight!.shape, geometry)], x!.dtype);
    if (out.numel() > 0) runtime.backendOf(out).convForward(x!, weight!, bias ?? null, out, geometry, "none");
    return out;
  },
  backward([g], saved) {
    const geometry = saved.attributes;
    return [
      saved.needs(0) ? runtime.call(inputGradientOp, [g!, saved.input(1)], { ...geometry, shape: saved.inputShape(0) }) : null,
      saved.needs(1) ? runtime.call(weightGradientOp, [g!, saved.input(0)], { ...geometry, shape: saved.inputShape(1) }) : null,
      saved.needs(2) ? sumOverAllBut1(g!) : null,
    ];
  },
});

/** (g, weight) -> gradient of x: also the transposed convolution. A third operand is a bias of the result. */
const inputGradientOp: Op<InputGradient> = defineOp<InputGradient>({
  name: "convolution_transpose",
  gradName: "ConvolutionBackward0",
  saves: { inputs: [0, 1] },
  run([g, weight, bias], attributes) {
    const gx = runtime.empty(attributes.shape, g!.dtype);
    if (gx.numel() > 0) {
      if (g!.numel() === 0) gx.zero_();
      else runtime.backendOf(gx).convBackwardInput(g!, weight!, gx, attributes);
    }
    if (bias) runtime.withoutGrad(() => gx.add_(bias.view([-1, ...gx.shape.slice(2).map(() => 1)])));
    return gx;
  },
  backward([gg], saved) {
    const geometry = saved.attributes;
    return [
      // With an output padding of a stride or more the windows do not end with the last element of the input.
      saved.needs(0) ? cropped(runtime.call(convOp, [gg!, saved.input(1)], geometry), saved.inputShape(0)) : null,
      saved.needs(1) ? runtime.call(weightGradientOp, [saved.input(0), gg!], { ...geometry, shape: saved.inputShape(1) }) : null,
      saved.needs(2) ? sumOverAllBut1(gg!) : null,
    ];
  },
});

function cropped(x: Tensor, shape: readonly number[]): Tensor {
  return shape.reduce<Tensor>((y, n, d) => (y.shape[d] === n ? y : y.narrow(d, 0, n)), x);
}

/** (g, x) -> gradient of the weight, whose shape is in the attributes. */
const weightGradientOp: Op<InputGradient> = defineOp<InputGradient>({
  name: "convolution_weight",
  gradName: "ConvolutionBackwardBackward0",
  saves: { inputs: [0, 1] },
  run([g, x], attributes) {
    const gw = runtime.empty(attributes.shape, g!.dtype);
    if (gw.numel() > 0) {
      if (g!.numel() === 0 || x!.numel() === 0) gw.zero_();
      else runtime.backendOf(gw).convBackwardWeight(g!, x!, gw, attributes);
    }
    return gw;
  },
  backward([ggw], saved: Saved<InputGradient>) {
    const geometry = saved.attributes;
    return [
      saved.needs(0) ? runtime.call(convOp, [saved.input(1), ggw!], geometry) : null,
      saved.needs(1) ? runtime.call(inputGradientOp, [saved.input(0), ggw!], { ...geometry, shape: saved.inputShape(1) }) : null,
    ];
  },
});

export interface ConvOptions {
  bias?: Tensor | null;
  stride?: number | readonly number[];
  /** A size per dimension, 'valid' (none) or 'same' (the result has the input's size). */
  padding?: number | readonly number[] | "valid" | "same";
  dilation?: number | readonly number[];
  groups?: number;
}

export interface ConvTransposeOptions extends Omit<ConvOptions, "padding"> {
  padding?: number | readonly number[];
  /** Added to one side of the result's size, to choose among those that the stride allows. */
  outputPadding?: number | readonly number[];
}

/** One number per spatial dimension. */
export function perDimension(name: string, value: number | readonly number[], rank: number): readonly number[] {
  if (typeof value === "number") return new Array<number>(rank).fill(value);
  if (!Array.isArray(value)) {
    throw new ArgumentTypeError(`argument '${name}' must be tuple of ints, not ${describeKind(value)}`);
  }
  if (value.length === 1) return new Array<number>(rank).fill(value[0] as number);
  if (value.length !== rank) {
    throw new ShapeError(
      `expected ${name} to be a single integer value or a list of ${rank} values to match the convolution dimensions, but got ${name}=${formatShape(value)}`,
    );
  }
  return value;
}

function checkOperands(rank: number, x: Tensor, weight: Tensor, bias: Tensor | null, groups: number, transposed: boolean): void {
  const name = `conv${transposed ? "_transpose" : ""}${rank}d`;
  if (weight.shape.length !== rank + 2)
    throw new ShapeError(`weight should have ${rank + 2} dimensions, but got ${formatShape(weight.shape)}`);
  if (x.shape.length !== rank + 2 && x.shape.length !== rank + 1) {
    throw new ShapeError(
      `Expected ${rank + 1}D (unbatched) or ${rank + 2}D (batched) input to ${name}, but got input of size: ${formatShape(x.shape)}`,
    );
  }
  if (groups <= 0) throw new ValueError("non-positive groups is not supported");
  if (x.dtype !== weight.dtype || (bias !== null && bias.dtype !== x.dtype)) {
    const [a, b] = x.dtype !== weight.dtype ? [x, weight] : [x, bias!];
    throw new DTypeError(
      `Input type (${a.dtype}) and ${b === weight ? "weight" : "bias"} type (${b.dtype}) should be the same`,
      "convert the input or the layer with to(dtype)",
    );
  }
  if (!x.dtype.isFloatingPoint && x.dtype.key !== "i64")
    throw new DTypeError(
      `"slow_conv2d_cpu" not implemented for '${kernelName(x.dtype)}'`,
      "convert the input to a floating dtype",
    );
  const channels = x.shape[x.shape.length - rank - 1]!;
  const weightText = `weight of size ${formatShape(weight.shape)}`;
  if (weight.shape[0]! < groups)
    throw new ShapeError(
      `Given groups=${groups}, expected weight to be at least ${groups} at dimension 0, but got ${weightText} instead`,
    );
  if (weight.shape[0]! % groups !== 0) {
    throw new ShapeError(
      `Given groups=${groups}, expected weight to be divisible by ${groups} at dimension 0, but got ${weightText} instead`,
    );
  }
  const batched = x.shape.length === rank + 2 ? x.shape : [1, ...x.shape];
  if (!transposed && channels !== weight.shape[1]! * groups) {
    throw new ShapeError(
      `Given groups=${groups}, ${weightText}, expected input${formatShape(batched)} to have ${weight.shape[1]! * groups} channels, but got ${channels} channels instead`,
    );
  }
  if (transposed && channels !== weight.shape[0]) {
    throw new ShapeError(
      `Given transposed=1, ${weightText}, expected input${formatShape(batched)} to have ${weight.shape[0]} channels, but got ${channels} channels instead`,
    );
  }
  const outputs = transposed ? weight.shape[1]! * groups : weight.shape[0]!;
  if (bias !== null && (bias.shape.length !== 1 || bias.shape[0] !== outputs)) {
    throw new ShapeError(
      `Given ${transposed ? "transposed=1, " : ""}${weightText}, expected bias to be 1-dimensional with ${outputs} elements, but got bias of size ${formatShape(bias.shape)} instead`,
    );
  }
}

function checkGeometry(g: ConvGeometry): void {
  if (g.padding.some((p) => p < 0)) throw new ValueError("negative padding is not supported");
  if (g.stride.some((s) => s <= 0)) throw new ValueError("non-positive stride is not supported");
  if (g.dilation.some((d) => d <= 0)) throw new ValueError("dilation should be greater than zero");
}

const convSignatures = [0, 1, 2, 3].map(
  (rank) =>
    `conv${rank}d(Tensor input, Tensor weight, options options, {Tensor|None bias, int|int[] stride, int|int[]|str padding, int|int[] dilation, int groups})`,
);
const transposedSignatures = [0, 1, 2, 3].map(
  (rank) =>
    `conv_transpose${rank}d(Tensor input, Tensor weight, options options, {Tensor|None bias, int|int[] stride, int|int[] padding, int|int[] outputPadding, int groups, int|int[] dilation})`,
);

function convolve(rank: number, input: Tensor, weight: Tensor, options: ConvOptions): Tensor {
  checkArguments(convSignatures[rank]!, input, weight, options);
  const bias = options.bias ?? null;
  const groups = options.groups ?? 1;
  checkOperands(rank, input, weight, bias, groups, false);
  const stride = perDimension("stride", options.stride ?? 1, rank);
  const dilation = perDimension("dilation", options.dilation ?? 1, rank);
  let x = input.shape.length === rank + 1 ? input.unsqueeze(0) : input;
  let padding: readonly number[];
  if (options.padding === "same") {
    if (stride.some((s) => s !== 1)) throw new ValueError("padding='same' is not supported for strided convolutions");
    const total = weight.shape.slice(2).map((k, i) => dilation[i]! * (k - 1));
    padding = total.map((t) => Math.floor(t / 2));
    // An odd total needs one more element at the end.
    total.forEach((t, i) => {
      if (t % 2 === 0) return;
      const border = x.shape.map((n, d) => (d === 2 + i ? 1 : n));
      x = cat([x, runtime.newFull(x, border, 0, x.dtype)], 2 + i);
    });
  } else if (options.padding === "valid") padding = new Array<number>(rank).fill(0);
  else if (typeof options.padding === "string")
    throw new ValueError(`Invalid padding string: '${options.padding as string}'`, "use 'valid', 'same' or numbers");
  else padding = perDimension("padding", options.padding ?? 0, rank);
  const geometry: ConvGeometry = { stride, padding, dilation, groups };
  checkGeometry(geometry);
  weight.shape.slice(2).forEach((k, i) => {
    if (x.shape[2 + i]! + 2 * padding[i]! < dilation[i]! * (k - 1) + 1) {
      const padded = x.shape.slice(2).map((n, j) => n + 2 * padding[j]!);
      const kernel = weight.shape.slice(2).map((n, j) => dilation[j]! * (n - 1) + 1);
      throw new ShapeError(
        `Calculated padded input size per channel: (${padded.join(" x ")}). Kernel size: (${kernel.join(" x ")}). Kernel size can't be greater than actual input size`,
      );
    }
  });
  const y = runtime.call(convOp, bias === null ? [x, weight] : [x, weight, bias], geometry);
  return input.shape.length === rank + 1 ? y.squeeze(0) : y;
}

function convolveTransposed(rank: number, input: Tensor, weight: Tensor, options: ConvTransposeOptions): Tensor {
  checkArguments(transposedSignatures[rank]!, input, weight, options);
  const bias = options.bias ?? null;
  const groups = options.groups ?? 1;
  checkOperands(rank, input, weight, bias, groups, true);
  const geometry: ConvGeometry = {
    stride: perDimension("stride", options.stride ?? 1, rank),
    padding: perDimension("padding", options.padding ?? 0, rank),
    dilation: perDimension("dilation", options.dilation ?? 1, rank),
    groups,
  };
  const outputPadding = perDimension("output_padding", options.outputPadding ?? 0, rank);
  checkGeometry(geometry);
  outputPadding.forEach((p, i) => {
    if (p >= geometry.stride[i]! && p >= geometry.dilation[i]!) {
      throw new ValueError(
        `output padding must be smaller than either stride or dilation, but got output_padding: ${formatShape(outputPadding)} stride: ${formatShape(geometry.stride)} dilation: ${formatShape(geometry.dilation)}`,
      );
    }
  });
  const x = input.shape.length === rank + 1 ? input.unsqueeze(0) : input;
  const sizes = x.shape
    .slice(2)
    .map(
      (n, i) =>
        (n - 1) * geometry.stride[i]! -
        2 * geometry.padding[i]! +
        geometry.dilation[i]! * (weight.shape[2 + i]! - 1) +
        outputPadding[i]! +
        1,
    );
  if (sizes.some((n) => n < 1)) {
    throw new ShapeError(
      `Given input size per channel: (${x.shape.slice(2).join(" x ")}). Calculated output size per channel: (${sizes.join(" x ")}). Output size is too small`,
    );
  }
  const shape = [x.shape[0]!, weight.shape[1]! * groups, ...sizes];
  const y = runtime.call(inputGradientOp, bias === null ? [x, weight] : [x, weight, bias], { ...geometry, shape });
  return input.shape.length === rank + 1 ? y.squeeze(0) : y;
}

/** `conv(x, w, { stride })`, `conv(x, w, bias, { stride })` and `conv(x, w, bias, stride, padding, dilation, groups)`. */
type ConvArguments<O> = [
  biasOrOptions?: Tensor | null | O,
  strideOrOptions?: number | readonly number[] | O,
  ...rest: (number | string | readonly number[])[],
];

/**
 * The convolution over `rank` dimensions.
 * @__NO_SIDE_EFFECTS__
 */
export function conv(rank: number) {
  return (input: Tensor, weight: Tensor, ...args: ConvArguments<ConvOptions>): Tensor =>
    convolve(rank, input, weight, convArguments(args, ["padding", "dilation", "groups"]));
}
/**
 * The transposed convolution over `rank` dimensions.
 * @__NO_SIDE_EFFECTS__
 */
export function convTranspose(rank: number) {
  return (input: Tensor, weight: Tensor, ...args: ConvArguments<ConvTransposeOptions>): Tensor =>
    convolveTransposed(rank, input, weight, convArguments(args, ["padding", "outputPadding", "groups", "dilation"]));
}

function convArguments<O extends { bias?: Tensor | null }>(args: ConvArguments<O>, names: readonly string[]): O {
  const [first, second, ...rest] = args;
  if (first !== undefined && first !== null && !runtime.isTensor(first)) return first;
  const isOptions = typeof second === "object" && !Array.isArray(second);
  const options: Record<string, unknown> = {
    ...(isOptions ? (second as O) : {}),
    bias: first ?? (isOptions ? (second as O).bias : null),
  };
  if (!isOptions && second !== undefined) options.stride = second;
  rest.forEach((value, i) => {
    options[names[i]!] = value;
  });
  return options as O;
}
