/**
 * Reading and writing single elements by an index tensor along a dimension: `gather`, `scatter`, `scatterAdd`.
 */
import { DTypeError, IndexError, ShapeError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike } from "../../core/promotion.ts";
import { formatShape, numelOf, wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link gather}. */
    gather(dim: number, index: Tensor, options?: { sparseGrad?: boolean; out?: Tensor }): Tensor;
    /** See {@link scatter}. */
    scatter(dim: number, index: Tensor, src: Tensor | NumberLike, options?: { reduce?: "add" | "multiply" }): Tensor;
    scatter_(dim: number, index: Tensor, src: Tensor | NumberLike, options?: { reduce?: "add" | "multiply" }): this;
    /** See {@link scatterAdd}. */
    scatterAdd(dim: number, index: Tensor, src: Tensor): Tensor;
    scatterAdd_(dim: number, index: Tensor, src: Tensor): this;
  }
}

const atLeast1 = (list: readonly number[], fill: number): readonly number[] => (list.length === 0 ? [fill] : list);

/**
 * Visits the elements of `index` with, for each, its number k in row-major order, the position in `x` where its value points along `dim`, and the position of
 * the same coordinates in `other`. Index values were checked.
 */
function visit(
  x: Tensor,
  dim: number,
  index: Tensor,
  other: Tensor | null,
  body: (k: number, at: number, position: number) => void,
): void {
  const shape = atLeast1(index.shape, 1);
  const n = numelOf(shape);
  if (n === 0) return;
  const rank = shape.length;
  const data = index.data; // row-major
  const xStrides = atLeast1(x.strides, 1);
  const oStrides = other === null ? xStrides : atLeast1(other.strides, 1);
  const coordinates = new Array<number>(rank).fill(0);
  let base = x.storageOffset;
  let position = other === null ? 0 : other.storageOffset;
  const steps = xStrides.map((s, d) => (d === dim ? 0 : s));
  const along = xStrides[dim]!;
  for (let k = 0; ; k++) {
    body(k, base + Number(data[k]!) * along, position);
    if (k === n - 1) return;
    for (let d = rank - 1; ; d--) {
      base += steps[d]!;
      position += oStrides[d]!;
      if (++coordinates[d]! < shape[d]!) break;
      base -= steps[d]! * shape[d]!;
      position -= oStrides[d]! * shape[d]!;
      coordinates[d] = 0;
    }
  }
}

/** Throws unless index and operands fit. Sizes of the index may not be larger than those of `x` but along `dim`. */
function check(name: string, x: Tensor, dim: number, index: Tensor, source: Tensor | null): number {
  const d = wrapDim(dim, x.shape.length);
  if (index.dtype.key !== "i64")
    throw new DTypeError(`${name}(): Expected dtype int64 for index`, `index is ${index.dtype}; use index.long()`);
  if (source !== null && source.dtype !== x.dtype)
    throw new DTypeError(`${name}(): Expected self.dtype to be equal to src.dtype`, `they are ${x.dtype} and ${source.dtype}`);
  if (index.numel() === 0) return d;
  const rankOf = (t: Tensor): number => Math.max(t.shape.length, 1);
  if (rankOf(index) !== rankOf(x)) {
    throw new ShapeError(
      name === "gather"
        ? "Index tensor must have the same number of dimensions as input tensor"
        : "Index tensor must have the same number of dimensions as self tensor",
    );
  }
  if (source !== null && rankOf(source) !== rankOf(index))
    throw new ShapeError("Index tensor must have the same number of dimensions as src tensor");
  const shape = atLeast1(index.shape, 1);
  const have = atLeast1(x.shape, 1);
  for (let k = 0; k < shape.length; k++) {
    const tooLarge = k !== d && shape[k]! > have[k]!;
    if (tooLarge && name === "gather") {
      throw new ShapeError(
        `Size does not match at dimension ${k} expected index ${formatShape(index.shape)} to be smaller than self ${formatShape(x.shape)} apart from dimension ${d}`,
      );
    }
    if (tooLarge || (source !== null && shape[k]! > atLeast1(source.shape, 1)[k]!)) {
      throw new ShapeError(
        `Expected index ${formatShape(index.shape)} to be smaller than self ${formatShape(x.shape)} apart from dimension ${d}${source === null ? "" : ` and to be smaller size than src ${formatShape(source.shape)}`}`,
      );
    }
  }
  const size = have[d]!;
  const data = index.data as BigInt64Array;
  for (let k = 0; k < data.length; k++) {
    const v = data[k]!;
    if (v < 0n || v >= BigInt(size)) throw new IndexError(`index ${v} is out of bounds for dimension ${d} with size ${size}`);
  }
  return d;
}

interface Attributes {
  readonly dim: number;
}

const gatherOp = defineOp<Attributes>({
  name: "gather",
  saves: { inputs: [1] },
  run([x, index], { dim }) {
    const out = runtime.empty(index!.shape, x!.dtype);
    const from = runtime.storageArray(x!);
    const to = out.data;
    visit(x!, dim, index!, null, (k, at) => {
      to[k] = from[at]!;
    });
    return out;
  },
  backward: ([g], saved) => [
    runtime.full(saved.inputShape(0), 0, g!.dtype).scatterAdd(saved.attributes.dim, saved.input(1), g!),
    null,
  ],
});

/**
 * The elements of `input` at `index` along `dim`, with the shape of the index. As `torch.gather`.
 * @example
 * torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0n, 0n], [1n, 0n]])) // tensor([[1., 1.], [4., 3.]])
 */
export function gather(input: Tensor, dim: number, index: Tensor, options?: { sparseGrad?: boolean; out?: Tensor }): Tensor {
  const d = check("gather", input, dim, index, null);
  return options?.out
    ? runtime.callOut(gatherOp, [input, index], { dim: d }, options.out)
    : runtime.call(gatherOp, [input, index], { dim: d });
}

type Write = "set" | "add" | "multiply";

function writeElements(out: Tensor, dim: number, index: Tensor, source: Tensor, how: Write): void {
  const to = runtime.storageArray(out);
  const from = runtime.storageArray(source);
  if (how === "set" || out.dtype.key === "bool") {
    visit(out, dim, index, source, (_k, at, position) => {
      to[at] =
        how === "add"
          ? (to[at]! as number) | (from[position]! as number)
          : how === "multiply"
            ? (to[at]! as number) & (from[position]! as number)
            : from[position]!;
    });
    return;
  }
  if (out.dtype.key === "f16" || out.dtype.key === "bf16") {
    const wide = out.float();
    writeElements(wide, dim, index, source.float(), how);
    out.copy_(wide);
    return;
  }
  if (to instanceof BigInt64Array) {
    const source64 = from as BigInt64Array;
    visit(out, dim, index, source, (_k, at, position) => {
      to[at] = how === "add" ? to[at]! + source64[position]! : to[at]! * source64[position]!;
    });
    return;
  }
  const numbers = to as Float64Array;
  const values = from as Float64Array;
  visit(out, dim, index, source, (_k, at, position) => {
    numbers[at] = how === "add" ? numbers[at]! + values[position]! : numbers[at]! * values[position]!;
  });
}

function scatterOp(name: string, how: Write) {
  return defineOp<Attributes>({
    name,
    saves: { inputs: [1] },
    run([x, index, source], { dim }) {
      const out = runtime.withoutGrad(() => x!.clone());
      runtime.withoutGrad(() => writeElements(out, dim, index!, source!, how));
      return out;
    },
    into(out, [x, index, source], { dim }) {
      runtime.withoutGrad(() => {
        if (out !== x) out.copy_(x!);
        writeElements(out, dim, index!, source!, how);
      });
    },
    backward:
      how === "multiply"
        ? undefined
        : ([g], saved) => {
            const { dim } = saved.attributes;
            const index = saved.input(1);
            const gx = how === "add" ? g! : g!.scatter(dim, index, 0);
            const full = saved.needs(2) ? g!.gather(dim, index) : null;
            return [saved.needs(0) ? gx : null, null, full && padTo(full, saved.inputShape(2))];
          },
  });
}

/** The gradient of a source that is larger than the index: zero where the index does not reach. */
function padTo(g: Tensor, shape: readonly number[]): Tensor {
  if (formatShape(g.shape) === formatShape(shape)) return g;
  const out = runtime.full(shape, 0, g.dtype);
  let part = out;
  for (let d = 0; d < shape.length; d++) part = part.narrow(d, 0, g.shape[d]!);
  part.copy_(g);
  return out;
}

const setOp = scatterOp("scatter", "set");
const addOp = scatterOp("scatter_add", "add");
const multiplyOp = scatterOp("scatter", "multiply");

function operands(input: Tensor, index: Tensor, src: Tensor | NumberLike): Tensor {
  return isNumberLike(src) ? runtime.full([], src, input.dtype).expand(index.shape) : src;
}
function opFor(reduce: "add" | "multiply" | undefined) {
  if (reduce === undefined) return setOp;
  if (reduce === "add") return addOp;
  if (reduce === "multiply") return multiplyOp;
  throw new ShapeError("reduce argument must be either add or multiply.");
}

/**
 * `input` with `src` written at `index` along `dim`. As `torch.scatter`; where an index occurs twice the last one wins.
 * @example
 * torch.zeros(3).scatter(0, torch.tensor([1n]), 5) // tensor([0., 5., 0.])
 */
export function scatter(
  input: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor | NumberLike,
  options?: { reduce?: "add" | "multiply" },
): Tensor {
  const source = operands(input, index, src);
  const d = check("scatter", input, dim, index, source);
  return runtime.call(opFor(options?.reduce), [input, index, source], { dim: d });
}
/** `input` with `src` added at `index` along `dim`. As `torch.scatter_add`. */
export function scatterAdd(input: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  const d = check("scatter", input, dim, index, src);
  return runtime.call(addOp, [input, index, src], { dim: d });
}

method("gather", gather);
method("scatter", scatter);
method(
  "scatter_",
  (x: Tensor, dim: number, index: Tensor, src: Tensor | NumberLike, options?: { reduce?: "add" | "multiply" }) => {
    const source = operands(x, index, src);
    return runtime.callInPlace(opFor(options?.reduce), [x, index, source], { dim: check("scatter", x, dim, index, source) });
  },
);
method("scatterAdd", scatterAdd);
method("scatterAdd_", (x: Tensor, dim: number, index: Tensor, src: Tensor) =>
  runtime.callInPlace(addOp, [x, index, src], { dim: check("scatter", x, dim, index, src) }),
);
