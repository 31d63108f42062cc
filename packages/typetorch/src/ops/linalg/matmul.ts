/**
 * Matrix products: `matmul`, `mm`, `bmm`, `mv`, `dot`.
 */
import { toOut } from "../outputs.ts";
import { checkArguments } from "../arguments.ts";
import { DTypeError, ShapeError } from "../../core/errors.ts";
import { broadcastShapes, formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { type Op, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link matmul}. */
    matmul(other: Tensor, options?: OutOption): Tensor;
    /** See {@link mm}. */
    mm(mat2: Tensor, options?: OutOption): Tensor;
    /** See {@link bmm}. */
    bmm(mat2: Tensor, options?: OutOption): Tensor;
    /** See {@link mv}. */
    mv(vec: Tensor, options?: OutOption): Tensor;
    /** See {@link dot}. */
    dot(other: Tensor, options?: OutOption): Tensor;
  }
}

/** (…, m, k) x (…, k, n) with equal leading dimensions. */
function product(a: Tensor, b: Tensor): Tensor {
  const shape = [...a.shape.slice(0, -1), b.shape[b.shape.length - 1]!];
  const out = runtime.empty(shape, a.dtype);
  runtime.backendOf(out).gemm({ a, b, out, alpha: 1, beta: 0, bias: null, activation: "none" });
  return out;
}

function productOp(name: string) {
  return defineOp<null>({
    name,
    saves: { inputs: [0, 1] },
    run: ([a, b]) => product(a!, b!),
    into(out, [a, b]) {
      if (out.storage === a!.storage || out.storage === b!.storage) out.copy_(product(a!, b!));
      else runtime.backendOf(out).gemm({ a: a!, b: b!, out, alpha: 1, beta: 0, bias: null, activation: "none" });
    },
    backward([g], saved) {
      const again = name === "mm" ? mm : bmm;
      return [saved.needs(0) ? again(g!, saved.input(1).mT) : null, saved.needs(1) ? again(saved.input(0).mT, g!) : null];
    },
  });
}
const mmOp = productOp("mm");
const bmmOp = productOp("bmm");

export function checkSameDtype(name: string, a: Tensor, b: Tensor): void {
  if (a.dtype !== b.dtype) {
    throw new DTypeError(
      `expected scalar type ${typeLabel(a)} but found ${typeLabel(b)}`,
      `${name} takes two tensors of one dtype: convert one with x.to(…)`,
    );
  }
}
const labels = ["Byte", "Char", "Short", "Int", "Long", "Half", "Float", "Double", "Bool", "BFloat16"];
function typeLabel(x: Tensor): string {
  return labels[x.dtype.index]!;
}

function run(op: typeof mmOp, a: Tensor, b: Tensor, options: OutOption | undefined): Tensor {
  return options?.out ? runtime.callOut(op, [a, b], null, options.out) : runtime.call(op, [a, b], null);
}

/** Throws unless the two can be multiplied as matrices. */
export function checkMatrices(name: string, input: Tensor, mat2: Tensor): void {
  if (input.shape.length !== 2)
    throw new ShapeError(
      "self must be a matrix",
      `${name} got shapes ${formatShape(input.shape)} and ${formatShape(mat2.shape)}; use matmul for other ranks`,
    );
  if (mat2.shape.length !== 2)
    throw new ShapeError(
      "mat2 must be a matrix",
      `${name} got shapes ${formatShape(input.shape)} and ${formatShape(mat2.shape)}; use matmul for other ranks`,
    );
  checkInner(name, input, mat2);
  checkSameDtype(name, input, mat2);
}

/**
 * The product of two matrices (m x k) and (k x n), as `torch.mm`.
 * @example
 * torch.mm(torch.ones(2, 3), torch.ones(3, 1)) // tensor([[3.], [3.]])
 */
export function mm(input: Tensor, mat2: Tensor, options?: OutOption): Tensor {
  checkArguments("mm(Tensor input, Tensor mat2, options? options, {Tensor out})", input, mat2, options);
  checkMatrices("mm", input, mat2);
  return run(mmOp, input, mat2, options);
}

function checkInner(name: string, a: Tensor, b: Tensor): void {
  const [m, k] = a.shape.slice(-2) as [number, number];
  const [l, n] = b.shape.slice(-2) as [number, number];
  if (k !== l) {
    throw new ShapeError(
      `${name}: mat1 and mat2 shapes cannot be multiplied (${m}x${k} and ${l}x${n}): ${k} != ${l}`,
      "transpose one side (b.mT), or check inFeatures of the layer before",
    );
  }
}

/** Throws unless the two can be multiplied as batches of matrices. */
export function checkBatches(input: Tensor, mat2: Tensor): void {
  if (input.shape.length !== 3)
    throw new ShapeError(
      "batch1 must be a 3D tensor",
      `bmm got shapes ${formatShape(input.shape)} and ${formatShape(mat2.shape)}`,
    );
  if (mat2.shape.length !== 3)
    throw new ShapeError(
      "batch2 must be a 3D tensor",
      `bmm got shapes ${formatShape(input.shape)} and ${formatShape(mat2.shape)}`,
    );
  if (input.shape[0] !== mat2.shape[0] || input.shape[2] !== mat2.shape[1]) {
    throw new ShapeError(
      `Expected size for first two dimensions of batch2 tensor to be: [${input.shape[0]}, ${input.shape[2]}] but got: [${mat2.shape[0]}, ${mat2.shape[1]}].`,
    );
  }
  checkSameDtype("bmm", input, mat2);
}

/**
 * The products of two batches of matrices (b x m x k) and (b x k x n), as `torch.bmm`.
 * @example
 * torch.bmm(torch.ones(5, 2, 3), torch.ones(5, 3, 4)).shape // [5, 2, 4]
 */
export function bmm(input: Tensor, mat2: Tensor, options?: OutOption): Tensor {
  checkArguments("bmm(Tensor input, Tensor mat2, options? options, {Tensor out})", input, mat2, options);
  checkBatches(input, mat2);
  return run(bmmOp, input, mat2, options);
}

/**
 * A matrix times a vector, as `torch.mv`.
 * @example
 * torch.mv(torch.tensor([[1, 2], [3, 4]]), torch.tensor([1, 1])) // tensor([3., 7.])
 */
export function mv(input: Tensor, vec: Tensor, options?: OutOption): Tensor {
  checkArguments("mv(Tensor input, Tensor vec, options? options, {Tensor out})", input, vec, options);
  if (input.shape.length !== 2 || vec.shape.length !== 1) {
    throw new ShapeError(`vector + matrix @ vector expected, got 1, ${input.shape.length}, ${vec.shape.length}`);
  }
  if (input.shape[1] !== vec.shape[0])
    throw new ShapeError(
      `size mismatch, got input (${input.shape[0]}), mat (${input.shape[0]}x${input.shape[1]}), vec (${vec.shape[0]})`,
    );
  checkSameDtype("mv", input, vec);
  const result = run(mmOp, input, vec.unsqueeze(1), undefined).squeeze(1);
  return toOut("mv", result, options?.out);
}

/**
 * The sum of the products of two vectors, as `torch.dot`.
 * @example
 * torch.dot(torch.tensor([2, 3]), torch.tensor([2, 1])) // tensor(7.)
 */
export function dot(input: Tensor, other: Tensor, options?: OutOption): Tensor {
  checkArguments("dot(Tensor input, Tensor other, options? options, {Tensor out})", input, other, options);
  if (input.shape.length !== 1 || other.shape.length !== 1)
    throw new ShapeError(`1D tensors expected, but got ${input.shape.length}D and ${other.shape.length}D tensors`);
  if (input.dtype !== other.dtype) {
    throw new DTypeError(`dot : expected both vectors to have same dtype, but found ${typeLabel(input)} and ${typeLabel(other)}`);
  }
  if (input.shape[0] !== other.shape[0])
    throw new ShapeError(
      `inconsistent tensor size, expected tensor [${input.shape[0]}] and src [${other.shape[0]}] to have the same number of elements, but got ${input.shape[0]} and ${other.shape[0]} elements respectively`,
    );
  const result = run(mmOp, input.unsqueeze(0), other.unsqueeze(1), undefined).reshape([]);
  return toOut("dot", result, options?.out);
}

/**
 * The matrix product of tensors of any rank, as `torch.matmul`: vectors are rows on the left and columns on the right, leading dimensions are batches and
 * broadcast.
 * @example
 * torch.matmul(torch.ones(5, 2, 3), torch.ones(3, 4)).shape // [5, 2, 4]
 */
export function matmul(input: Tensor, other: Tensor, options?: OutOption): Tensor {
  checkArguments("matmul(Tensor input, Tensor other, options? options, {Tensor out})", input, other, options);
  const result = multiply(input, other);
  return toOut("matmul", result, options?.out);
}

function multiply(a: Tensor, b: Tensor): Tensor {
  const p = a.shape.length;
  const q = b.shape.length;
  if (p === 0 || q === 0) throw new ShapeError(`both arguments to matmul need to be at least 1D, but they are ${p}D and ${q}D`);
  checkSameDtype("matmul", a, b);
  if (p === 1 && q === 1) return dot(a, b);
  if (p === 2 && q === 2) return mm(a, b);
  if (p === 1) return multiply(a.unsqueeze(0), b).squeeze(-2);
  if (q === 1) return multiply(a, b.unsqueeze(1)).squeeze(-1);
  checkInner("matmul", a, b);
  if (q === 2) {
    // A batch of matrices times one matrix is one tall product.
    const rows = a.shape.slice(0, -1);
    return mm(a.reshape([rows.reduce((x, y) => x * y, 1), a.shape[p - 1]!]), b).view([...rows, b.shape[1]!]);
  }
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const left = a.expand([...batch, ...a.shape.slice(-2)]);
  const right = b.expand([...batch, ...b.shape.slice(-2)]);
  return runtime.call(batchedOp, [left, right], null);
}

/** As bmm, with any number of batch dimensions and strides. */
const batchedOp: Op<null> = defineOp<null>({
  name: "bmm",
  gradName: "BmmBackward0",
  saves: { inputs: [0, 1] },
  run: ([a, b]) => product(a!, b!),
  backward: ([g], saved) => [
    saved.needs(0) ? runtime.call(batchedOp, [g!, saved.input(1).mT], null) : null,
    saved.needs(1) ? runtime.call(batchedOp, [saved.input(0).mT, g!], null) : null,
  ],
});

method("matmul", matmul);
method("mm", mm);
method("bmm", bmm);
method("mv", mv);
method("dot", dot);
