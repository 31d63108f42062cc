/**
 * Indexing with tensors, exactly as NumPy and PyTorch: index tensors are broadcast together; when they stand side by side their shape takes their place,
 * otherwise it comes first.
 */
import { kernelName } from "../../core/dtype.ts";
import { describeKind, checkArguments } from "../arguments.ts";
import { ArgumentTypeError, DTypeError, IndexError, ShapeError } from "../../core/errors.ts";
import { broadcastShapes, formatShape, numelOf, sameShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { type Op, defineOp } from "../op.ts";
import { sumToShape } from "../pointwise.ts";
import { runtime } from "../runtime.ts";
import { checkedIndices, integers, wordsOf } from "./integers.ts";
import { type Layout, onRowMajor, put, take } from "./kernels.ts";
import { nonzeroColumns, nonzeroPositions } from "./nonzero.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link indexPut}. */
    indexPut(indices: readonly (Tensor | null)[], values: Tensor, options?: { accumulate?: boolean } | boolean): Tensor;
    indexPut_(indices: readonly (Tensor | null)[], values: Tensor, options?: { accumulate?: boolean } | boolean): this;
  }
}

/** What indexing with tensors comes to: rows of the tensor, its dimensions put in order, at computed positions. */
interface Plan {
  /** Order of dimensions in which the indexed ones stand together; null when they do. */
  readonly order: readonly number[] | null;
  readonly layout: Layout;
  readonly resultShape: readonly number[];
}

/** A plan, and the checked positions among the indexed dimensions, taken as one: perhaps the caller's own tensor, so ops take them as an input. */
interface Places {
  readonly plan: Plan;
  readonly positions: Tensor;
}

const isMask = (index: Tensor): boolean => index.dtype.key === "bool" || index.dtype.key === "u8";

function checkMaskShape(x: Tensor, mask: Tensor, first: number): void {
  mask.shape.forEach((n, k) => {
    if (n !== x.shape[first + k])
      throw new IndexError(
        `The shape of the mask ${formatShape(mask.shape)} at index ${k} does not match the shape of the indexed tensor ${formatShape(x.shape)} at index ${first + k}`,
      );
  });
}

/** Masks become positions: one index tensor for each of their dimensions. */
function withoutMasks(x: Tensor, indices: readonly (Tensor | null)[]): (Tensor | null)[] {
  const out: (Tensor | null)[] = [];
  for (const index of indices) {
    if (index === null) {
      out.push(null);
      continue;
    }
    if (!isMask(index)) {
      if (index.dtype.key !== "i64" && index.dtype.key !== "i32" && index.dtype.key !== "i16" && index.dtype.key !== "i8")
        throw new DTypeError(
          "tensors used as indices must be long, byte or bool tensors",
          `this one is ${index.dtype}; make it with bigints, torch.tensor([0n, 2n]), or convert it: index.long()`,
        );
      out.push(index);
      continue;
    }
    checkMaskShape(x, index, out.length);
    out.push(...nonzeroColumns(index));
  }
  return out;
}

/** A mask alone: its dimensions taken as one, at the positions where it holds. */
function planOfMask(x: Tensor, mask: Tensor, first: number): Places {
  checkMaskShape(x, mask, first);
  const rank = mask.shape.length;
  const positions = nonzeroPositions(runtime.withoutGrad(() => mask.contiguous()));
  const before = x.shape.slice(0, first);
  const after = x.shape.slice(first + rank);
  const layout = { outer: numelOf(before), size: mask.numel(), inner: numelOf(after) };
  return { plan: { order: null, layout, resultShape: [...before, positions.numel(), ...after] }, positions };
}

function planOf(x: Tensor, given: readonly (Tensor | null)[]): Places {
  if (given.length > x.shape.length)
    throw new IndexError(`too many indices for tensor of dimension ${x.shape.length} (got ${given.length})`);
  const present = given.filter((index) => index !== null);
  const only = present.length === 1 ? present[0]! : null;
  if (only !== null && isMask(only) && only.shape.length > 0) {
    const first = given.indexOf(only);
    if (first + only.shape.length <= x.shape.length) return planOfMask(x, only, first);
  }
  const indices = withoutMasks(x, given);
  if (indices.length > x.shape.length)
    throw new IndexError(`too many indices for tensor of dimension ${x.shape.length} (got ${indices.length})`);
  const dims: number[] = [];
  indices.forEach((index, d) => {
    if (index !== null) dims.push(d);
  });
  const shapes = dims.map((d) => indices[d]!.shape);
  let shape: readonly number[] = shapes[0] ?? [];
  for (const other of shapes) {
    try {
      shape = broadcastShapes(shape, other);
    } catch {
      throw new IndexError(
        `shape mismatch: indexing tensors could not be broadcast together with shapes ${shapes.map(formatShape).join(", ")}`,
      );
    }
  }
  const first = dims[0] ?? 0;
  const together = dims.every((d, i) => d === first + i);
  const rest = x.shape.map((_, d) => d).filter((d) => !dims.includes(d));
  const order = together ? null : [...dims, ...rest];
  const start = together ? first : 0;
  const sizes = order === null ? x.shape : order.map((d) => x.shape[d]!);
  const layout: Layout = {
    outer: numelOf(sizes.slice(0, start)),
    size: numelOf(dims.map((d) => x.shape[d]!)),
    inner: numelOf(sizes.slice(start + dims.length)),
  };
  const resultShape = [...sizes.slice(0, start), ...shape, ...sizes.slice(start + dims.length)];
  return { plan: { order, layout, resultShape }, positions: combinedPositions(x, dims, indices, shape) };
}

/** Index tensors as one: positions in the row-major order of the indexed dimensions. */
function combinedPositions(
  x: Tensor,
  dims: readonly number[],
  indices: readonly (Tensor | null)[],
  shape: readonly number[],
): Tensor {
  const columns = dims.map((d) => {
    const size = x.shape[d]!;
    const index = runtime.moveTo(indices[d]!, x.device);
    const wide = sameShape(index.shape, shape) ? index : index.expand(shape);
    return checkedIndices(wide, size, true, (value) => {
      if (size === 0) throw new IndexError("index is out of bounds for dimension with size 0");
      throw new IndexError(`index ${value} is out of bounds for dimension ${d} with size ${size}`);
    });
  });
  if (columns.length === 1) return columns[0]!;
  const sizes = dims.map((d) => x.shape[d]!);
  if (columns.some((c) => c.storage.remote !== null))
    return runtime.withoutGrad(() => columns.reduce((at, column, c) => at.mul(sizes[c]!).add(column)));
  const words = columns.map(wordsOf);
  return integers(x, shape, (k) => {
    let at = 0;
    for (let c = 0; c < words.length; c++) at = at * sizes[c]! + (words[c]![2 * k]! >>> 0) + words[c]![2 * k + 1]! * 4294967296;
    return at;
  });
}

const ordered = (x: Tensor, plan: Plan): Tensor => (plan.order === null ? x : x.permute(plan.order));

/** Inputs: tensor, positions. */
const indexOp: Op<Plan> = defineOp<Plan>({
  name: "index",
  saves: { inputs: [1] },
  run([x, positions], plan) {
    const out = runtime.empty(plan.resultShape, x!.dtype);
    const source = runtime.withoutGrad(() => ordered(x!, plan).contiguous());
    take(source, plan.layout, positions!, "rows", out, positions!.numel());
    return out;
  },
  backward([g], saved) {
    const zeros = runtime.full(saved.inputShape(0), 0, g!.dtype);
    return [runtime.call(putOp, [zeros, g!, saved.input(1)], { plan: saved.attributes, accumulate: true }), null];
  },
});

interface PutAttributes {
  readonly plan: Plan;
  readonly accumulate: boolean;
}

function putElements(out: Tensor, values: Tensor, positions: Tensor, { plan, accumulate }: PutAttributes): void {
  runtime.withoutGrad(() => {
    const source = values.expand(plan.resultShape).contiguous();
    onRowMajor(ordered(out, plan), (x) => {
      put(x, plan.layout, positions, "rows", source, positions.numel(), accumulate ? "add" : "set");
    });
  });
}

/** Inputs: tensor, values, positions. */
const putOp: Op<PutAttributes> = defineOp<PutAttributes>({
  name: "index_put",
  saves: { inputs: [2] },
  run([x, values, positions], attributes) {
    const out = runtime.withoutGrad(() => x!.clone());
    putElements(out, values!, positions!, attributes);
    return out;
  },
  into(out, [x, values, positions], attributes) {
    runtime.withoutGrad(() => {
      if (out !== x) out.copy_(x!);
      const apart = (t: Tensor): Tensor => (t.storage === out.storage ? t.clone() : t);
      putElements(out, apart(values!), apart(positions!), attributes);
    });
  },
  backward([g], saved) {
    const { plan, accumulate } = saved.attributes;
    const positions = saved.input(2);
    let gx: Tensor | null = null;
    if (saved.needs(0)) {
      const zero = runtime.full([], 0, g!.dtype);
      gx = accumulate ? g! : runtime.call(putOp, [g!, zero, positions], { plan, accumulate: false });
    }
    const gv = saved.needs(1) ? sumToShape(runtime.call(indexOp, [g!, positions], plan), saved.inputShape(1)) : null;
    return [gx, gv, null];
  },
});

/** `x[indices]`, one index tensor or null (all of it) per dimension. @internal */
export function indexWith(x: Tensor, indices: readonly (Tensor | null)[]): Tensor {
  const { plan, positions } = planOf(x, indices);
  return runtime.call(indexOp, [x, positions], plan);
}

function putArguments(
  x: Tensor,
  indices: readonly (Tensor | null)[],
  values: Tensor,
  options: { accumulate?: boolean } | boolean | undefined,
): { inputs: Tensor[]; attributes: PutAttributes } {
  if (values.dtype !== x.dtype)
    throw new DTypeError(
      `Index put requires the source and destination dtypes match, got ${kernelName(x.dtype)} for the destination and ${kernelName(values.dtype)} for the source.`,
      "convert the values: values.to(x.dtype)",
    );
  if (!Array.isArray(indices) || !indices.every((index) => index === null || runtime.isTensor(index))) {
    throw new ArgumentTypeError(
      `index_put_(): argument 'indices' (position 1) must be tuple of Tensors, not ${describeKind(indices)}`,
    );
  }
  const { plan, positions } = planOf(x, indices);
  const fits =
    values.shape.length <= plan.resultShape.length &&
    values.shape.every((n, k) => n === 1 || n === plan.resultShape[plan.resultShape.length - values.shape.length + k]);
  if (!fits)
    throw new ShapeError(
      `shape mismatch: value tensor of shape ${formatShape(values.shape)} cannot be broadcast to indexing result of shape ${formatShape(plan.resultShape)}`,
    );
  const accumulate = typeof options === "boolean" ? options : (options?.accumulate ?? false);
  return { inputs: [x, values, positions], attributes: { plan, accumulate } };
}

/**
 * `input` with `values` (broadcast) at the places that the index tensors give, one per dimension; with `accumulate` they are added, as often as a place occurs.
 * As `torch.index_put`.
 * @example
 * torch.indexPut(torch.zeros(3), [torch.tensor([0n, 2n])], torch.tensor([1, 5])) // tensor([1., 0., 5.])
 */
export function indexPut(
  input: Tensor,
  indices: readonly (Tensor | null)[],
  values: Tensor,
  options?: { accumulate?: boolean } | boolean,
): Tensor {
  checkArguments(
    "index_put(Tensor input, any indices, Tensor values, bool|options? options, {bool accumulate})",
    input,
    indices,
    values,
    options,
  );
  const { inputs, attributes } = putArguments(input, indices, values, options);
  return runtime.call(putOp, inputs, attributes);
}
/** {@link indexPut} in place. @internal */
export function indexPut_(
  input: Tensor,
  indices: readonly (Tensor | null)[],
  values: Tensor,
  options?: { accumulate?: boolean } | boolean,
): Tensor {
  checkArguments(
    "index_put_(Tensor input, any indices, Tensor values, bool|options? options, {bool accumulate})",
    input,
    indices,
    values,
    options,
  );
  const { inputs, attributes } = putArguments(input, indices, values, options);
  return runtime.callInPlace(putOp, inputs, attributes);
}

method("indexPut", indexPut);
method("indexPut_", indexPut_);
