/**
 * Reading and writing single elements by an index tensor along a dimension: `gather`, `scatter`, `scatterAdd`.
 */
import { checkArguments } from "../arguments.ts";
import { DTypeError, IndexError, ShapeError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike } from "../../core/promotion.ts";
import { formatShape, wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { checkNoOverlap, checkOutDtype } from "../outputs.ts";
import { runtime } from "../runtime.ts";
import { checkedIndices } from "./integers.ts";
import { type Write, layoutOf, onRowMajor, put, take } from "./kernels.ts";

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

/** x without what lies beyond the index in the other dimensions. */
function reach(x: Tensor, index: Tensor, dim: number): Tensor {
  let y = x;
  for (let k = 0; k < index.shape.length; k++)
    if (k !== dim && x.shape[k] !== index.shape[k]) y = y.narrow(k, 0, index.shape[k]!);
  return y;
}

/** Throws unless index and operands fit. Sizes of the index may not be larger than those of `x` but along `dim`. */
export function checkScatter(name: string, x: Tensor, dim: number, index: Tensor, source: Tensor | null): number {
  const d = wrapDim(dim, x.shape.length);
  if (index.dtype.key !== "i64" && index.numel() > 0)
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
  checkedIndices(index, size, false, (value) => {
    throw new IndexError(`index ${value} is out of bounds for dimension ${d} with size ${size}`);
  });
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
    if (out.numel() === 0) return out;
    const [source, places] = runtime.withoutGrad(() => [reach(x!, index!, dim).contiguous(), index!.contiguous()]);
    take(source, layoutOf(source.shape, dim), places, "elements", out, index!.shape.length === 0 ? 1 : index!.shape[dim]!);
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
  checkArguments(
    "gather(Tensor input, int dim, Tensor index, options? options, {bool sparseGrad, Tensor out})",
    input,
    dim,
    index,
    options,
  );
  const d = checkScatter("gather", input, dim, index, null);
  if (!options?.out) return runtime.call(gatherOp, [input, index], { dim: d });
  checkOutDtype(input.dtype, options.out);
  checkNoOverlap([input, index], [options.out]);
  return runtime.callOut(gatherOp, [input, index], { dim: d }, options.out);
}

/** Writes the source's elements that the index reaches. */
export function writeElements(out: Tensor, dim: number, index: Tensor, source: Tensor, how: Write): void {
  if (index.numel() === 0) return;
  const count = index.shape.length === 0 ? 1 : index.shape[dim]!;
  onRowMajor(reach(out, index, dim), (x) => {
    let part = source;
    if (part.shape.length > 0)
      for (let k = 0; k < index.shape.length; k++)
        if (part.shape[k] !== index.shape[k]) part = part.narrow(k, 0, index.shape[k]!);
    put(x, layoutOf(x.shape, dim), index.contiguous(), "elements", part.contiguous(), count, how);
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
        writeElements(out, dim, index!, source!.storage === out.storage ? source!.clone() : source!, how);
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
  const out = runtime.newFull(g, shape, 0, g.dtype);
  let part = out;
  for (let d = 0; d < shape.length; d++) part = part.narrow(d, 0, g.shape[d]!);
  part.copy_(g);
  return out;
}

const setOp = scatterOp("scatter", "set");
const addOp = scatterOp("scatter_add", "add");
const multiplyOp = scatterOp("scatter", "multiply");

function operands(input: Tensor, index: Tensor, src: Tensor | NumberLike): Tensor {
  return isNumberLike(src) ? runtime.newFull(input, [], src, input.dtype).expand(index.shape) : src;
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
  checkArguments(
    "scatter(Tensor input, int dim, Tensor index, Scalar|Tensor src, options? options, {str reduce})",
    input,
    dim,
    index,
    src,
    options,
  );
  const source = operands(input, index, src);
  const d = checkScatter("scatter", input, dim, index, source);
  return runtime.call(opFor(options?.reduce), [input, index, source], { dim: d });
}
/**
 * `input` with `src` added at `index` along `dim`. As `torch.scatter_add`.
 * @example
 * torch.scatterAdd(torch.zeros(3), 0, torch.tensor([0n, 0n]), torch.tensor([1, 5])) // tensor([6., 0., 0.])
 */
export function scatterAdd(input: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  checkArguments("scatter_add(Tensor input, int dim, Tensor index, Tensor src)", input, dim, index, src);
  const d = checkScatter("scatter", input, dim, index, src);
  return runtime.call(addOp, [input, index, src], { dim: d });
}

method("gather", gather);
method("scatter", scatter);
method(
  "scatter_",
  (x: Tensor, dim: number, index: Tensor, src: Tensor | NumberLike, options?: { reduce?: "add" | "multiply" }) => {
    checkArguments(
      "scatter_(Tensor x, int dim, Tensor index, Scalar|Tensor src, options? options, {str reduce})",
      x,
      dim,
      index,
      src,
      options,
    );
    const source = operands(x, index, src);
    return runtime.callInPlace(opFor(options?.reduce), [x, index, source], {
      dim: checkScatter("scatter", x, dim, index, source),
    });
  },
);
method("scatterAdd", scatterAdd);
method("scatterAdd_", (x: Tensor, dim: number, index: Tensor, src: Tensor) => {
  checkArguments("scatter_add_(Tensor x, int dim, Tensor index, Tensor src)", x, dim, index, src);
  return runtime.callInPlace(addOp, [x, index, src], { dim: checkScatter("scatter", x, dim, index, src) });
});
