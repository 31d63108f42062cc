/**
 * Softmax and its logarithm, stable: the largest element of a row is taken off first.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, int64 } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import { wrapDim } from "../../core/shape.ts";
import { type Expr, accumulator, computeType, input } from "../../ir/expr.ts";
import type { RowSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { type Op, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link softmax}. */
    softmax(dim: number | { dim: number; dtype?: DType | null }, options?: { dtype?: DType | null }): Tensor;
    /** See {@link logSoftmax}. */
    logSoftmax(dim: number | { dim: number; dtype?: DType | null }, options?: { dtype?: DType | null }): Tensor;
  }
}

/** x -> f(x, max, sum of exp(x - max)) along a row. */
function forwardSpec(name: string, dtype: DType, finish: (x: Expr, max: Expr, sum: Expr) => Expr): RowSpec {
  const type = computeType(dtype);
  const x = input(0, type);
  const max = accumulator(0, type);
  return {
    kind: "row",
    name,
    inputs: [{ dtype, along: "element" }],
    passes: [[{ op: "max", value: x, type }], [{ op: "add", value: x.sub(max).exp(), type }]],
    outputs: [{ dtype, along: "element", value: finish(x, max, accumulator(1, type)) }],
    params: 0,
    compiled: null,
  };
}

/** (g, out) -> gradient along a row. */
function backwardSpec(
  name: string,
  dtype: DType,
  term: (g: Expr, out: Expr) => Expr,
  finish: (g: Expr, out: Expr, sum: Expr) => Expr,
): RowSpec {
  const type = computeType(dtype);
  const g = input(0, type);
  const out = input(1, type);
  return {
    kind: "row",
    name,
    inputs: [
      { dtype, along: "element" },
      { dtype, along: "element" },
    ],
    passes: [[{ op: "add", value: term(g, out), type }]],
    outputs: [{ dtype, along: "element", value: finish(g, out, accumulator(0, type)) }],
    params: 0,
    compiled: null,
  };
}

function perDtype(make: (dtype: DType) => RowSpec): (dtype: DType) => RowSpec {
  const specs: (RowSpec | undefined)[] = [];
  return (dtype) => {
    specs[dtype.index] ??= make(dtype);
    return specs[dtype.index]!;
  };
}

interface Attributes {
  readonly dim: number;
}

/** @__NO_SIDE_EFFECTS__ */
function normaliser(
  name: string,
  forward: (dtype: DType) => RowSpec,
  backward: (dtype: DType) => RowSpec,
  composite: (g: Tensor, out: Tensor, dim: number) => Tensor,
): Op<Attributes> {
  return defineOp<Attributes>({
    name,
    saves: { outputs: [0] },
    run([x], { dim }) {
      const out = runtime.empty(x!.shape, x!.dtype);
      if (x!.shape.length === 0) return out.fill_(name === "_softmax" ? 1 : 0);
      if (out.numel() > 0) runtime.backendOf(x!).row(forward(x!.dtype), x!.shape, [dim], [x!], [out], []);
      return out;
    },
    backward([g], saved) {
      const out = saved.output(0);
      const { dim } = saved.attributes;
      if (runtime.recording([g!, out]) || out.shape.length === 0) return [composite(g!, out, dim)];
      const gx = runtime.empty(out.shape, out.dtype);
      if (out.numel() > 0) runtime.backendOf(gx).row(backward(out.dtype), out.shape, [dim], [g!, out], [gx], []);
      return [gx];
    },
  });
}

const softmaxOp = normaliser(
  "_softmax",
  perDtype((dtype) => forwardSpec("softmax", dtype, (x, max, sum) => x.sub(max).exp().div(sum))),
  perDtype((dtype) =>
    backwardSpec(
      "softmax_backward",
      dtype,
      (g, out) => g.mul(out),
      (g, out, sum) => g.sub(sum).mul(out),
    ),
  ),
  (g, out, dim) => g.sub(g.mul(out).sum(dim, { keepdim: true })).mul(out),
);
const logSoftmaxOp = normaliser(
  "_log_softmax",
  perDtype((dtype) => forwardSpec("log_softmax", dtype, (x, max, sum) => x.sub(max).sub(sum.log()))),
  perDtype((dtype) =>
    backwardSpec(
      "log_softmax_backward",
      dtype,
      (g) => g,
      (g, out, sum) => g.sub(out.exp().mul(sum)),
    ),
  ),
  (g, out, dim) => g.sub(out.exp().mul(g.sum(dim, { keepdim: true }))),
);

function apply(
  op: Op<Attributes>,
  name: string,
  x: Tensor,
  dim: number | { dim: number; dtype?: DType | null },
  options: { dtype?: DType | null } | undefined,
): Tensor {
  const axis = typeof dim === "number" ? dim : dim.dim;
  const dtype = (typeof dim === "number" ? options?.dtype : dim.dtype) ?? null;
  const from = dtype === null ? x : toDtype(x, dtype);
  const d = wrapDim(axis, x.shape.length);
  if (!from.dtype.isFloatingPoint) {
    const label = from.dtype === int64 ? "Long" : from.dtype.name;
    throw new DTypeError(`"${name}" not implemented for '${label}'`, "convert the tensor, or give { dtype: torch.float32 }");
  }
  return runtime.call(op, [from], { dim: d });
}

/**
 * `exp(x) / Σ exp(x)` along a dimension, as `torch.softmax`.
 * @example
 * torch.softmax(torch.tensor([0, 0]), 0) // tensor([0.5000, 0.5000])
 */
export function softmax(
  x: Tensor,
  dim: number | { dim: number; dtype?: DType | null },
  options?: { dtype?: DType | null },
): Tensor {
  checkArguments("softmax(Tensor x, int|options dim, options? options, {int dim, dtype|None dtype})", x, dim, options);
  return apply(softmaxOp, "softmax_lastdim_kernel_impl", x, dim, options);
}
/** `x - log Σ exp(x)` along a dimension, as `torch.log_softmax`. */
export function logSoftmax(
  x: Tensor,
  dim: number | { dim: number; dtype?: DType | null },
  options?: { dtype?: DType | null },
): Tensor {
  checkArguments("log_softmax(Tensor x, int|options dim, options? options, {int dim, dtype|None dtype})", x, dim, options);
  return apply(logSoftmaxOp, "log_softmax_lastdim_kernel_impl", x, dim, options);
}

method("softmax", softmax);
method("logSoftmax", logSoftmax);
