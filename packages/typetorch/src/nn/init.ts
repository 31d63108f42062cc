/**
 * Initialisers: they fill a tensor in place, without recording, and return it. From the same seed they draw the same numbers as PyTorch's.
 */
import { checkArguments } from "../ops/arguments.ts";
import { float64 } from "../core/dtype.ts";
import { ShapeError, ValueError } from "../core/errors.ts";
import { erf } from "../core/special.ts";
import { empty, eye, tensor as fromNumbers, noGrad, randperm } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Trailing, trailing } from "../core/trailing.ts";

/** What comes after a layer, for {@link calculateGain}. */
export type Nonlinearity =
  | "linear"
  | "conv1d"
  | "conv2d"
  | "conv3d"
  | "conv_transpose1d"
  | "conv_transpose2d"
  | "conv_transpose3d"
  | "sigmoid"
  | "tanh"
  | "relu"
  | "leaky_relu"
  | "selu";

/**
 * The recommended gain for a nonlinearity: 1 for linear ones and sigmoid, 5/3 for tanh, sqrt(2) for relu, sqrt(2 / (1 + slope^2)) for leaky_relu, 3/4 for selu.
 * @see torch.nn.init.calculate_gain
 * @example
 * nn.init.calculateGain("relu") // 1.4142135623730951
 */
export function calculateGain(nonlinearity: Nonlinearity, param?: number): number {
  checkArguments("calculate_gain(str nonlinearity, float? param)", nonlinearity, param);
  switch (nonlinearity) {
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.sqrt(2);
    case "leaky_relu": {
      const slope = param ?? 0.01;
      if (typeof slope !== "number") throw new ValueError(`negative_slope ${String(slope)} not a valid number`);
      return Math.sqrt(2 / (1 + slope ** 2));
    }
    case "selu":
      return 3 / 4;
    case "linear":
    case "conv1d":
    case "conv2d":
    case "conv3d":
    case "conv_transpose1d":
    case "conv_transpose2d":
    case "conv_transpose3d":
    case "sigmoid":
      return 1;
    default:
      throw new ValueError(`Unsupported nonlinearity ${String(nonlinearity)}`);
  }
}

/**
 * Inputs and outputs that a weight connects: (fan in, fan out), receptive field included.
 * @example
 * nn.init.calculateFanInAndFanOut(torch.empty(6, 4, 3, 3)) // [36, 54]
 */
export function calculateFanInAndFanOut(tensor: Tensor): [fanIn: number, fanOut: number] {
  checkArguments("calculate_fan_in_and_fan_out(Tensor tensor)", tensor);
  const { shape } = tensor;
  if (shape.length < 2) {
    throw new ShapeError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions");
  }
  let field = 1;
  for (let i = 2; i < shape.length; i++) field *= shape[i]!;
  return [shape[1]! * field, shape[0]! * field];
}

/**
 * Uniform between `a` and `b`.
 * @see torch.nn.init.uniform_
 * @example
 * nn.init.uniform_(torch.empty(2, 2)).shape // [2, 2]
 */
export function uniform_<T extends Tensor>(tensor: T, ...rest: Trailing<[a: number, b: number], { a?: number; b?: number }>): T {
  checkArguments("uniform_(Tensor tensor, ~a, ~b, {float a, float b})", tensor, ...rest);
  const { a = 0, b = 1 } = trailing<{ a?: number; b?: number }>(rest, ["a", "b"]);
  return noGrad(() => tensor.uniform_(a, b));
}

/**
 * Normal with `mean` and standard deviation `std`.
 * @see torch.nn.init.normal_
 * @example
 * nn.init.normal_(torch.empty(2, 2)).shape // [2, 2]
 */
export function normal_<T extends Tensor>(
  tensor: T,
  ...rest: Trailing<[mean: number, std: number], { mean?: number; std?: number }>
): T {
  checkArguments("normal_(Tensor tensor, ~mean, ~std, {float mean, float std})", tensor, ...rest);
  const { mean = 0, std = 1 } = trailing<{ mean?: number; std?: number }>(rest, ["mean", "std"]);
  return noGrad(() => tensor.normal_(mean, std));
}

/**
 * Normal, cut off outside `a` and `b` by the inverse of its distribution function.
 * @see torch.nn.init.trunc_normal_
 * @example
 * nn.init.truncNormal_(torch.empty(2, 2)).shape // [2, 2]
 */
export function truncNormal_<T extends Tensor>(
  tensor: T,
  ...rest: Trailing<[mean: number, std: number, a: number, b: number], { mean?: number; std?: number; a?: number; b?: number }>
): T {
  checkArguments("trunc_normal_(Tensor tensor, ~mean, ~std, ~a, ~b, {float mean, float std, float a, float b})", tensor, ...rest);
  const options = trailing<{ mean?: number; std?: number; a?: number; b?: number }>(rest, ["mean", "std", "a", "b"]);
  const { mean = 0, std = 1, a = -2, b = 2 } = options;
  const below = normalDistribution((a - mean) / std);
  const above = normalDistribution((b - mean) / std);
  return noGrad(() => {
    tensor.uniform_(2 * below - 1, 2 * above - 1);
    tensor.erfinv_();
    tensor.mul_(std * Math.SQRT2);
    tensor.add_(mean);
    return tensor.clamp_(a, b);
  });
}

/**
 * All elements `value`.
 * @see torch.nn.init.constant_
 * @example
 * nn.init.constant_(torch.empty(2), 3) // tensor([3., 3.])
 */
export function constant_<T extends Tensor>(tensor: T, value: number): T {
  checkArguments("constant_(Tensor tensor, float value)", tensor, value);
  return noGrad(() => tensor.fill_(value));
}

/**
 * All elements 1.
 * @see torch.nn.init.ones_
 * @example
 * nn.init.ones_(torch.empty(2)) // tensor([1., 1.])
 */
export function ones_<T extends Tensor>(tensor: T): T {
  checkArguments("ones_(Tensor tensor)", tensor);
  return noGrad(() => tensor.fill_(1));
}

/**
 * All elements 0.
 * @see torch.nn.init.zeros_
 * @example
 * nn.init.zeros_(torch.empty(2)) // tensor([0., 0.])
 */
export function zeros_<T extends Tensor>(tensor: T): T {
  checkArguments("zeros_(Tensor tensor)", tensor);
  return noGrad(() => tensor.zero_());
}

/**
 * The identity matrix, as far as the shape reaches. Throws {@link ShapeError} unless 2-d.
 * @see torch.nn.init.eye_
 * @example
 * nn.init.eye_(torch.empty(2, 2)) // tensor([[1., 0.], [0., 1.]])
 */
export function eye_<T extends Tensor>(tensor: T): T {
  checkArguments("eye_(Tensor tensor)", tensor);
  if (tensor.shape.length !== 2) throw new ShapeError("Only tensors with 2 dimensions are supported");
  return noGrad(() => {
    tensor.copy_(eye(tensor.shape[0]!, tensor.shape[1]!, { dtype: tensor.dtype, device: tensor.device }));
    return tensor;
  });
}

/**
 * The delta function of a convolution's weight: as many channels as possible pass unchanged. Throws unless 3-, 4- or 5-d.
 * @see torch.nn.init.dirac_
 * @example
 * nn.init.dirac_(torch.empty(1, 1, 3)) // tensor([[[0., 1., 0.]]])
 */
export function dirac_<T extends Tensor>(tensor: T, ...rest: Trailing<[groups: number], { groups?: number }>): T {
  checkArguments("dirac_(Tensor tensor, ~groups, {int groups})", tensor, ...rest);
  const { groups = 1 } = trailing<{ groups?: number }>(rest, ["groups"]);
  const { shape } = tensor;
  if (shape.length < 3 || shape.length > 5) throw new ShapeError("Only tensors with 3, 4, or 5 dimensions are supported");
  if (shape[0]! % groups !== 0) throw new ValueError("dim 0 must be divisible by groups");
  const outPerGroup = shape[0]! / groups;
  const passed = Math.min(outPerGroup, shape[1]!);
  const middle = shape.slice(2).map((size) => Math.floor(size / 2));
  return noGrad(() => {
    tensor.zero_();
    for (let g = 0; g < groups; g++) {
      for (let d = 0; d < passed; d++)
        [g * outPerGroup + d, d, ...middle].reduce<Tensor>((part, i) => part.select(0, i), tensor).fill_(1);
    }
    return tensor;
  });
}

interface GainOptions {
  gain?: number;
}

/**
 * Uniform in ±gain * sqrt(6 / (fan in + fan out)).
 * @source Glorot and Bengio 2010   @see torch.nn.init.xavier_uniform_
 * @example
 * nn.init.xavierUniform_(torch.empty(2, 2)).shape // [2, 2]
 */
export function xavierUniform_<T extends Tensor>(tensor: T, ...rest: Trailing<[gain: number], GainOptions>): T {
  checkArguments("xavier_uniform_(Tensor tensor, ~gain, {float gain})", tensor, ...rest);
  const { gain = 1 } = trailing<GainOptions>(rest, ["gain"]);
  const [fanIn, fanOut] = calculateFanInAndFanOut(tensor);
  const bound = Math.sqrt(3) * (gain * Math.sqrt(2 / (fanIn + fanOut)));
  return noGrad(() => tensor.uniform_(-bound, bound));
}

/**
 * Normal with standard deviation gain * sqrt(2 / (fan in + fan out)).
 * @source Glorot and Bengio 2010   @see torch.nn.init.xavier_normal_
 * @example
 * nn.init.xavierNormal_(torch.empty(2, 2)).shape // [2, 2]
 */
export function xavierNormal_<T extends Tensor>(tensor: T, ...rest: Trailing<[gain: number], GainOptions>): T {
  checkArguments("xavier_normal_(Tensor tensor, ~gain, {float gain})", tensor, ...rest);
  const { gain = 1 } = trailing<GainOptions>(rest, ["gain"]);
  const [fanIn, fanOut] = calculateFanInAndFanOut(tensor);
  return noGrad(() => tensor.normal_(0, gain * Math.sqrt(2 / (fanIn + fanOut))));
}

export interface KaimingOptions {
  /** Negative slope of the leaky_relu that follows. */
  a?: number;
  mode?: "fan_in" | "fan_out";
  nonlinearity?: Nonlinearity;
}
type KaimingRest = Trailing<[a: number, mode: "fan_in" | "fan_out", nonlinearity: Nonlinearity], KaimingOptions>;

/**
 * Uniform in ±gain * sqrt(3 / fan).
 * @source He et al. 2015   @see torch.nn.init.kaiming_uniform_
 * @example
 * nn.init.kaimingUniform_(torch.empty(2, 2)).shape // [2, 2]
 */
export function kaimingUniform_<T extends Tensor>(tensor: T, ...rest: KaimingRest): T {
  checkArguments(
    "kaiming_uniform_(Tensor tensor, ~a, ~mode, ~nonlinearity, {float a, str mode, str nonlinearity})",
    tensor,
    ...rest,
  );
  const { a = 0, mode = "fan_in", nonlinearity = "leaky_relu" } = trailing<KaimingOptions>(rest, ["a", "mode", "nonlinearity"]);
  if (tensor.shape.includes(0)) return tensor;
  const std = calculateGain(nonlinearity, a) / Math.sqrt(correctFan(tensor, mode));
  const bound = Math.sqrt(3) * std;
  return noGrad(() => tensor.uniform_(-bound, bound));
}

/**
 * Normal with standard deviation gain / sqrt(fan).
 * @source He et al. 2015   @see torch.nn.init.kaiming_normal_
 * @example
 * nn.init.kaimingNormal_(torch.empty(2, 2)).shape // [2, 2]
 */
export function kaimingNormal_<T extends Tensor>(tensor: T, ...rest: KaimingRest): T {
  checkArguments(
    "kaiming_normal_(Tensor tensor, ~a, ~mode, ~nonlinearity, {float a, str mode, str nonlinearity})",
    tensor,
    ...rest,
  );
  const { a = 0, mode = "fan_in", nonlinearity = "leaky_relu" } = trailing<KaimingOptions>(rest, ["a", "mode", "nonlinearity"]);
  if (tensor.shape.includes(0)) return tensor;
  const std = calculateGain(nonlinearity, a) / Math.sqrt(correctFan(tensor, mode));
  return noGrad(() => tensor.normal_(0, std));
}

/**
 * Normal with standard deviation `std`, where in each column the fraction `sparsity` of the rows is 0. Throws {@link ShapeError} unless 2-d.
 * @source Martens 2010   @see torch.nn.init.sparse_
 * @example
 * nn.init.sparse_(torch.empty(4, 2), 0.5).eq(0).sum(0) // tensor([2, 2])
 */
export function sparse_<T extends Tensor>(tensor: T, sparsity: number, ...rest: Trailing<[std: number], { std?: number }>): T {
  checkArguments("sparse_(Tensor tensor, float sparsity, ~std, {float std})", tensor, sparsity, ...rest);
  const { std = 0.01 } = trailing<{ std?: number }>(rest, ["std"]);
  if (tensor.shape.length !== 2) throw new ShapeError("Only tensors with 2 dimensions are supported");
  const [rows, columns] = tensor.shape as [number, number];
  const zeros = Math.ceil(sparsity * rows);
  return noGrad(() => {
    tensor.normal_(0, std);
    for (let column = 0; column < columns; column++) {
      for (const row of (randperm(rows, { device: "cpu" }).toArray() as number[]).slice(0, zeros))
        tensor.select(1, column).select(0, row).fill_(0);
    }
    return tensor;
  });
}

/**
 * A matrix with orthonormal rows or columns (whichever are fewer), times `gain`; further dimensions count as columns. Throws {@link ShapeError} unless at least
 * 2-d.
 * @source Saxe et al. 2013, arXiv:1312.6120   @see torch.nn.init.orthogonal_
 * @example
 * const w = nn.init.orthogonal_(torch.empty(3, 3));
 * torch.allclose(w.matmul(w.t()), torch.eye(3), { atol: 1e-5 }) // true
 */
export function orthogonal_<T extends Tensor>(tensor: T, ...rest: Trailing<[gain: number], GainOptions>): T {
  checkArguments("orthogonal_(Tensor tensor, ~gain, {float gain})", tensor, ...rest);
  const { gain = 1 } = trailing<GainOptions>(rest, ["gain"]);
  if (tensor.shape.length < 2) throw new ShapeError("Only tensors with 2 or more dimensions are supported");
  if (tensor.numel() === 0) return tensor;
  const rows = tensor.shape[0]!;
  const columns = tensor.numel() / rows;
  return noGrad(() => {
    const drawn = empty([rows, columns], { dtype: tensor.dtype, device: "cpu" }).normal_(0, 1);
    const tall = Float64Array.from((rows < columns ? drawn.t() : drawn).contiguous().to(float64).data as Float64Array);
    const height = Math.max(rows, columns);
    const width = Math.min(rows, columns);
    orthonormalize(tall, height, width);
    const q = fromNumbers([...tall], { dtype: float64, device: "cpu" })
      .view(height, width)
      .to(tensor.dtype);
    tensor.copy_((rows < columns ? q.t() : q).reshape(tensor.shape)).mul_(gain);
    return tensor;
  });
}

/** Makes the columns of a row-major matrix orthonormal, each against those before: the Q of its QR decomposition with a positive diagonal of R. */
function orthonormalize(matrix: Float64Array, height: number, width: number): void {
  const dot = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < height; i++) sum += matrix[i * width + a]! * matrix[i * width + b]!;
    return sum;
  };
  for (let k = 0; k < width; k++) {
    // Twice: the second pass takes away what rounding left of the first.
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < k; j++) {
        const share = dot(j, k);
        for (let i = 0; i < height; i++) matrix[i * width + k]! -= share * matrix[i * width + j]!;
      }
    }
    const size = Math.sqrt(dot(k, k));
    for (let i = 0; i < height; i++) matrix[i * width + k]! /= size;
  }
}

/** Distribution function of the standard normal. */
function normalDistribution(x: number): number {
  return (1 + erf(x / Math.SQRT2)) / 2;
}

function correctFan(tensor: Tensor, mode: string): number {
  const lower = mode.toLowerCase();
  if (lower !== "fan_in" && lower !== "fan_out") {
    throw new ValueError(`Mode ${mode} not supported, please use one of ['fan_in', 'fan_out']`);
  }
  const [fanIn, fanOut] = calculateFanInAndFanOut(tensor);
  return lower === "fan_in" ? fanIn : fanOut;
}
