/**
 * Products of all pairs and sums over chosen dimensions: `outer`, `inner`, `tensordot`, `kron`, `vdot`, `cross`.
 */
import { kernelName } from "../../core/dtype.ts";
import { toOut } from "../outputs.ts";
import { describeKind, checkArguments } from "../arguments.ts";
import { DTypeError, ArgumentTypeError, ShapeError } from "../../core/errors.ts";
import { formatShape, wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import type { OutOption } from "../unary.ts";
import { dot, mm } from "./matmul.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link outer}. */
    outer(vec2: Tensor, options?: OutOption): Tensor;
    ger(vec2: Tensor, options?: OutOption): Tensor;
    /** See {@link inner}. */
    inner(other: Tensor, options?: OutOption): Tensor;
    /** See {@link kron}. */
    kron(other: Tensor, options?: OutOption): Tensor;
    /** See {@link vdot}. */
    vdot(other: Tensor, options?: OutOption): Tensor;
    /** See {@link cross}. */
    cross(other: Tensor, dim?: number | null | CrossOptions): Tensor;
  }
}

function written(result: Tensor, options: OutOption | undefined): Tensor {
  return toOut("outer", result, options?.out);
}

/**
 * All products of elements of two vectors: (n), (m) -> (n, m). As `torch.outer`.
 * @example
 * torch.outer(torch.tensor([1, 2]), torch.tensor([3, 4])) // tensor([[3., 4.], [6., 8.]])
 */
export function outer(input: Tensor, vec2: Tensor, options?: OutOption): Tensor {
  checkArguments("ger(Tensor input, Tensor vec2, options? options, {Tensor out})", input, vec2, options);
  for (const [x, name] of [
    [input, "self"],
    [vec2, "vec2"],
  ] as const) {
    if (x.shape.length !== 1) throw new ShapeError(`outer: Expected 1-D argument ${name}, but got ${x.shape.length}-D`);
  }
  return input.unsqueeze(1).mul(vec2, options);
}
export { outer as ger };

/**
 * Sums of products over the last dimension of both: (…, n), (…, n) -> (…, …). As `torch.inner`.
 * @example
 * torch.inner(torch.tensor([1, 2]), torch.tensor([3, 4])) // tensor(11.)
 */
export function inner(input: Tensor, other: Tensor, options?: OutOption): Tensor {
  checkArguments("inner(Tensor input, Tensor other, options? options, {Tensor out})", input, other, options);
  if (input.shape.length === 0 || other.shape.length === 0) return input.mul(other, options);
  if (input.shape[input.shape.length - 1] !== other.shape[other.shape.length - 1])
    throw new ShapeError(
      `inner() the last dimension must match on both input tensors but got shapes ${formatShape(input.shape)} and ${formatShape(other.shape)}`,
    );
  return written(tensordot(input, other, { dims: [[-1], [-1]] }), options);
}

export interface TensordotOptions extends OutOption {
  /** How many dimensions are summed over (the last of a, the first of b; default 2), or which of each. */
  dims?: number | readonly [readonly number[], readonly number[]];
}

/**
 * Sums of products over dimensions of both tensors. As `torch.tensordot`.
 * @example
 * torch.tensordot(torch.ones(2, 3), torch.ones(3, 4), 1).shape // [2, 4]
 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  dims: TensordotOptions | number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  checkArguments("tensordot(Tensor a, Tensor b, any dims, {any dims, Tensor out})", a, b, dims);
  const isOptions = typeof dims === "object" && !Array.isArray(dims);
  const given = isOptions
    ? ((dims as TensordotOptions).dims ?? 2)
    : (dims as number | readonly [readonly number[], readonly number[]]);
  const lists = Array.isArray(given) && given.length === 2 && given.every((list) => Array.isArray(list));
  if (typeof given === "number" ? !Number.isInteger(given) : !lists) {
    throw new ArgumentTypeError(
      `tensordot(): argument 'dims' (position 3) must be int or two lists of ints, not ${describeKind(given)}`,
    );
  }
  if (typeof given === "number" && given > Math.min(a.shape.length, b.shape.length)) {
    throw new ShapeError(`tensordot: dims=${given} for tensors of ${a.shape.length} and ${b.shape.length} dimensions`);
  }
  if (typeof given === "number" && given < 0) throw new ShapeError(`tensordot expects dims >= 0, but got dims=${given}`);
  const [left, right] =
    typeof given === "number"
      ? [Array.from({ length: given }, (_, i) => i - given), Array.from({ length: given }, (_, i) => i)]
      : given;
  if (left.length !== right.length) throw new ShapeError("both dimension lists should have same length");
  if (a.dtype !== b.dtype)
    throw new DTypeError(
      `expected scalar type ${kernelName(a.dtype)} but found ${kernelName(b.dtype)}`,
      "convert one of them: x.to(dtype)",
    );
  const from = left.map((d) => wrapDim(d, a.shape.length));
  const to = right.map((d) => wrapDim(d, b.shape.length));
  let count = 1;
  let x = a;
  let y = b;
  from.forEach((d, i) => {
    const e = to[i]!;
    const m = a.shape[d] ?? 1;
    const n = b.shape[e] ?? 1;
    if (m === 1 && n !== 1) y = y.sum(e, { keepdim: true });
    else if (n === 1 && m !== 1) x = x.sum(d, { keepdim: true });
    else if (m !== n)
      throw new ShapeError(
        `contracted dimensions need to match, but first has size ${m} in dim ${left[i]} and second has size ${n} in dim ${right[i]}`,
      );
    else count *= m;
  });
  const restA = x.shape.map((_, d) => d).filter((d) => !from.includes(d));
  const restB = y.shape.map((_, d) => d).filter((d) => !to.includes(d));
  const shapeA = restA.map((d) => a.shape[d]!);
  const shapeB = restB.map((d) => b.shape[d]!);
  const size = (shape: readonly number[]): number => shape.reduce((p, n) => p * n, 1);
  const rows = x.permute([...restA, ...from]).reshape([size(shapeA), count]);
  const columns = y.permute([...to, ...restB]).reshape([count, size(shapeB)]);
  const result = mm(rows, columns).reshape([...shapeA, ...shapeB]);
  return written(result, isOptions ? (dims as TensordotOptions) : undefined);
}

/**
 * The Kronecker product: every element of `input` times the whole of `other`. As `torch.kron`.
 * @example
 * torch.kron(torch.eye(2), torch.ones(1, 2)) // tensor([[1., 1., 0., 0.], [0., 0., 1., 1.]])
 */
export function kron(input: Tensor, other: Tensor, options?: OutOption): Tensor {
  checkArguments("kron(Tensor input, Tensor other, options? options, {Tensor out})", input, other, options);
  const rank = Math.max(input.shape.length, other.shape.length);
  const padded = (shape: readonly number[]): number[] => [...new Array<number>(rank - shape.length).fill(1), ...shape];
  const a = padded(input.shape);
  const b = padded(other.shape);
  const left = input.reshape(a.flatMap((n) => [n, 1]));
  const right = other.reshape(b.flatMap((n) => [1, n]));
  return written(left.mul(right).reshape(a.map((n, d) => n * b[d]!)), options);
}

/**
 * The sum of the products of two vectors; of real ones the same as `dot`. As `torch.vdot`.
 * @example
 * torch.vdot(torch.tensor([1, 2]), torch.tensor([3, 4])) // tensor(11.)
 */
export function vdot(input: Tensor, other: Tensor, options?: OutOption): Tensor {
  checkArguments("vdot(Tensor input, Tensor other, options? options, {Tensor out})", input, other, options);
  return dot(input, other, options);
}

export interface CrossOptions extends OutOption {
  /** The dimension of size 3. */
  dim?: number | null;
}

function crossAlong(input: Tensor, other: Tensor, dim: number): Tensor {
  if (input.shape.length !== other.shape.length)
    throw new ShapeError("linalg.cross: inputs must have the same number of dimensions.");
  const d = wrapDim(dim, input.shape.length);
  if (input.shape[d] !== 3 || other.shape[d] !== 3)
    throw new ShapeError(`linalg.cross: inputs dimension ${dim} must have length 3. Got ${input.shape[d]} and ${other.shape[d]}`);
  const turn = (x: Tensor, by: number): Tensor => x.roll(by, d);
  return turn(input, -1)
    .mul(turn(other, -2))
    .sub(turn(input, -2).mul(turn(other, -1)));
}

/**
 * The cross product along the first dimension of size 3, or along `dim`. As `torch.cross`.
 * @example
 * torch.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]), { dim: 0 }) // tensor([0., 0., 1.])
 */
export function cross(input: Tensor, other: Tensor, dim?: number | null | CrossOptions): Tensor {
  checkArguments("cross(Tensor input, Tensor other, int|options|None? dim, {int|None dim, Tensor out})", input, other, dim);
  const o: CrossOptions = typeof dim === "object" && dim !== null ? dim : { dim };
  let d = o.dim ?? null;
  if (d === null) {
    d = input.shape.indexOf(3);
    if (d < 0) throw new ShapeError("no dimension of size 3 in input", `its shape is ${formatShape(input.shape)}`);
  }
  return written(crossAlong(input, other, d), o);
}

/** The cross product along `dim` (default the last), as `torch.linalg.cross`. */
export function linalgCross(input: Tensor, other: Tensor, options: { dim?: number; out?: Tensor } = {}): Tensor {
  checkArguments("linalg_cross(Tensor input, Tensor other, options? options, {int dim, Tensor out})", input, other, options);
  return written(crossAlong(input, other, options.dim ?? -1), options);
}

/**
 * The sum of products along `dim` (default the last), with broadcasting. As `torch.linalg.vecdot`.
 * @example
 * torch.linalg.vecdot(torch.tensor([1, 2]), torch.tensor([3, 4])) // tensor(11.)
 */
export function vecdot(x: Tensor, y: Tensor, options: { dim?: number; out?: Tensor } = {}): Tensor {
  checkArguments("linalg_vecdot(Tensor x, Tensor y, options? options, {int dim, Tensor out})", x, y, options);
  if (!x.dtype.isFloatingPoint) {
    throw new DTypeError(`linalg.vecdot: Expected a floating point or complex tensor as input. Got ${kernelName(x.dtype)}`);
  }
  return written(x.mul(y).sum(options.dim ?? -1), options);
}

method("outer", outer);
method("ger", outer);
method("inner", inner);
method("kron", kron);
method("vdot", vdot);
method("cross", cross);
