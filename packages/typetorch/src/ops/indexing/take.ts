/**
 * Indexing a tensor as if it were flat: `take`, `put`, `takeAlongDim`.
 */
import { kernelName } from "../../core/dtype.ts";
import { checkArguments } from "../arguments.ts";
import { DTypeError, IndexError, ShapeError } from "../../core/errors.ts";
import { broadcastShapes, wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { checkNoOverlap } from "../outputs.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import { gather } from "./gather.ts";
import { checkedIndices } from "./integers.ts";
import { onRowMajor, put as putElements, take as takeElements } from "./kernels.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link take}. */
    take(index: Tensor): Tensor;
    /** See {@link put}. */
    put(index: Tensor, source: Tensor, options?: { accumulate?: boolean } | boolean): Tensor;
    put_(index: Tensor, source: Tensor, options?: { accumulate?: boolean } | boolean): this;
    /** See {@link takeAlongDim}. */
    takeAlongDim(indices: Tensor, dim?: number | null | { dim?: number | null }): Tensor;
  }
}

/** Inputs: tensor, checked positions. */
const takeOp = defineOp<null>({
  name: "take",
  saves: { inputs: [1] },
  run([x, positions]) {
    const out = runtime.empty(positions!.shape, x!.dtype);
    const source = runtime.withoutGrad(() => x!.contiguous());
    const n = positions!.numel();
    takeElements(source, { outer: 1, size: source.numel(), inner: 1 }, positions!, "rows", out, n);
    return out;
  },
  backward: ([g], saved) => [put(runtime.full(saved.inputShape(0), 0, g!.dtype), saved.input(1), g!, true), null],
});

function positionsIn(x: Tensor, index: Tensor): Tensor {
  const n = x.numel();
  return checkedIndices(index, n, true, (value) => {
    throw new IndexError(`out of range: tried to access index ${value} on a tensor of ${n} elements.`);
  });
}

/**
 * The elements at positions of the flattened tensor, in the shape of the index. As `torch.take`.
 * @example
 * torch.take(torch.tensor([[4, 3], [2, 1]]), torch.tensor([0n, 3n])) // tensor([4., 1.])
 */
export function take(input: Tensor, index: Tensor, options?: OutOption): Tensor {
  checkArguments("take(Tensor input, Tensor index, options? options, {Tensor out})", input, index, options);
  if (index.dtype.key !== "i64")
    throw new DTypeError(
      `take(): Expected a long tensor for index, but got ${kernelName(index.dtype)}`,
      "convert it: index.long()",
    );
  if (input.numel() === 0 && index.numel() > 0) throw new IndexError("take(): tried to take from an empty tensor");
  if (options?.out) {
    checkNoOverlap([input, index], [options.out]);
    return runtime.callOut(takeOp, [input, positionsIn(input, index)], null, options.out);
  }
  return runtime.call(takeOp, [input, positionsIn(input, index)], null);
}

interface PutAttributes {
  readonly accumulate: boolean;
}

function writeFlat(out: Tensor, source: Tensor, positions: Tensor, { accumulate }: PutAttributes): void {
  onRowMajor(out, (x) => {
    const layout = { outer: 1, size: x.numel(), inner: 1 };
    putElements(x, layout, positions, "rows", source.contiguous(), positions.numel(), accumulate ? "add" : "set");
  });
}

/** Inputs: tensor, source, checked positions. */
const putOp = defineOp<PutAttributes>({
  name: "put",
  saves: { inputs: [2] },
  run([x, source, positions], attributes) {
    const out = runtime.withoutGrad(() => x!.clone());
    writeFlat(out, source!, positions!, attributes);
    return out;
  },
  into(out, [x, source, positions], attributes) {
    runtime.withoutGrad(() => {
      if (out !== x) out.copy_(x!);
      const apart = (t: Tensor): Tensor => (t.storage === out.storage ? t.clone() : t);
      writeFlat(out, apart(source!), apart(positions!), attributes);
    });
  },
  backward([g], saved) {
    const positions = saved.input(2);
    const gx = saved.attributes.accumulate ? g! : put(g!, positions, runtime.full(positions.shape, 0, g!.dtype), false);
    return [saved.needs(0) ? gx : null, saved.needs(1) ? take(g!, positions).reshape(saved.inputShape(1)) : null, null];
  },
});

function putArguments(
  x: Tensor,
  index: Tensor,
  source: Tensor,
  options: { accumulate?: boolean } | boolean | undefined,
): { inputs: Tensor[]; attributes: PutAttributes } {
  if (index.dtype.key !== "i64")
    throw new DTypeError(`put_(): Expected a long tensor for index, but got ${kernelName(index.dtype)}`);
  if (x.dtype !== source.dtype)
    throw new DTypeError(
      `put_(): self and source expected to have the same dtype, but got self.dtype = ${kernelName(x.dtype)} and source.dtype = ${kernelName(source.dtype)}`,
    );
  if (source.numel() !== index.numel())
    throw new IndexError(
      `put_(): Expected source and index to have the same number of elements, but got source.numel() = ${source.numel()}, index.numel() = ${index.numel()}`,
    );
  const accumulate = typeof options === "boolean" ? options : (options?.accumulate ?? false);
  return { inputs: [x, source, positionsIn(x, index)], attributes: { accumulate } };
}

/** `input` with the elements of `source` at positions of the flattened tensor; with `accumulate` they are added. As `torch.put`. */
export function put(input: Tensor, index: Tensor, source: Tensor, options?: { accumulate?: boolean } | boolean): Tensor {
  checkArguments(
    "put(Tensor input, Tensor index, Tensor source, bool|options? options, {bool accumulate})",
    input,
    index,
    source,
    options,
  );
  const { inputs, attributes } = putArguments(input, index, source, options);
  return runtime.call(putOp, inputs, attributes);
}

/**
 * The elements at `indices` along `dim`; index and tensor are broadcast in the other dimensions; without `dim` both are flattened. As `torch.take_along_dim`,
 * for the results of `argmax` and `argsort`.
 * @example
 * torch.takeAlongDim(torch.tensor([[10, 20], [30, 40]]), torch.tensor([[1n], [0n]]), 1) // tensor([[20.], [30.]])
 */
export function takeAlongDim(
  input: Tensor,
  indices: Tensor,
  dim?: number | null | ({ dim?: number | null } & OutOption),
): Tensor {
  checkArguments(
    "take_along_dim(Tensor input, Tensor indices, int|options|None? dim, {int|None dim, Tensor out})",
    input,
    indices,
    dim,
  );
  const d = typeof dim === "object" && dim !== null ? dim.dim : dim;
  const out = typeof dim === "object" && dim !== null ? dim.out : undefined;
  if (indices.dtype.key !== "i64")
    throw new DTypeError(
      `torch.take_along_dim(): dtype of indices should be Long but got ${kernelName(indices.dtype)}`,
      "convert it: indices.long()",
    );
  if (d === undefined || d === null) return gather(input.reshape([-1]), 0, indices.reshape([-1]), { out });
  if (input.shape.length !== indices.shape.length)
    throw new ShapeError(
      `torch.take_along_dim(): input and indices should have the same number of dimensions, but got ${input.shape.length} dimensions for input, and ${indices.shape.length} dimensions for indices`,
    );
  const axis = wrapDim(d, input.shape.length);
  const without = (shape: readonly number[]): number[] => shape.map((n, k) => (k === axis ? 1 : n));
  const common = broadcastShapes(without(input.shape), without(indices.shape));
  const withSize = (size: number): number[] => common.map((n, k) => (k === axis ? size : n));
  return gather(input.expand(withSize(input.shape[axis] ?? 1)), axis, indices.expand(withSize(indices.shape[axis] ?? 1)), {
    out,
  });
}

method("take", take);
method("put", put);
method("put_", (x: Tensor, index: Tensor, source: Tensor, options?: { accumulate?: boolean } | boolean) => {
  checkArguments(
    "put_(Tensor x, Tensor index, Tensor source, bool|options? options, {bool accumulate})",
    x,
    index,
    source,
    options,
  );
  const { inputs, attributes } = putArguments(x, index, source, options);
  return runtime.callInPlace(putOp, inputs, attributes);
});
method("takeAlongDim", takeAlongDim);
