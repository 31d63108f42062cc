/**
 * Triangles of matrices: `tril`, `triu`, `trilIndices`, `triuIndices`.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, int64 } from "../../core/dtype.ts";
import { OutOfMemoryError, ShapeError, ValueError } from "../../core/errors.ts";
import { computeType, constant } from "../../ir/expr.ts";
import { LoopVar, extent, index, load } from "../../ir/loops.ts";
import type { LoopSpec } from "../../ir/spec.ts";
import { argument, at, buffer, loop, store, vectorLoop } from "../../ir/statements.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type FactoryOptions, make } from "../factory/options.ts";
import { wordsOf } from "../indexing/integers.ts";
import { method } from "../methods.ts";
import { type Op, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";

export interface TriangleOptions extends OutOption {
  /** Diagonal up to which elements are kept: 0 the main one, above it positive. */
  diagonal?: number;
}

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link tril}. */
    tril(diagonal?: number | TriangleOptions): Tensor;
    tril_(diagonal?: number | TriangleOptions): this;
    /** See {@link triu}. */
    triu(diagonal?: number | TriangleOptions): Tensor;
    triu_(diagonal?: number | TriangleOptions): this;
  }
}

const specs = new Map<string, LoopSpec>();

/** Integers: matrices, rows, columns, elements of a matrix, diagonal. */
function triangleSpec(name: "tril" | "triu", dtype: DType): LoopSpec {
  const key = `${name} ${dtype.key}`;
  let spec = specs.get(key);
  if (spec !== undefined) return spec;
  const matrix = new LoopVar("matrix");
  const row = new LoopVar("row");
  const column = new LoopVar("column");
  const element = (k: number) => at(k, [matrix, argument(3)], [row, argument(2)], [column, 1]);
  const type = computeType(dtype);
  const limit = index(row).add(extent(argument(4)));
  const kept = name === "tril" ? index(column).le(limit) : index(column).ge(limit);
  spec = {
    kind: "loops",
    kernel: {
      name,
      buffers: [buffer(dtype), buffer(dtype, "write")],
      ints: 5,
      params: 0,
      body: [
        loop(matrix, argument(0), [
          loop(row, argument(1), [
            vectorLoop(column, argument(2), [store(element(1), load(element(0), type).where(kept, constant(0, type)))]),
          ]),
        ]),
      ],
    },
    compiled: null,
  };
  specs.set(key, spec);
  return spec;
}

function triangle(name: "tril" | "triu") {
  const op: Op<{ diagonal: number }> = defineOp<{ diagonal: number }>({
    name,
    run([x], { diagonal }) {
      const out = runtime.empty(x!.shape, x!.dtype);
      const rank = x!.shape.length;
      const [rows, columns] = [x!.shape[rank - 2]!, x!.shape[rank - 1]!];
      const n = out.numel();
      if (n === 0) return out;
      const source = runtime.withoutGrad(() => x!.contiguous());
      const size = rows * columns;
      const limited = Math.min(Math.max(diagonal, -rows), columns);
      runtime.backendOf(out).loops(triangleSpec(name, x!.dtype), [source, out], [n / size, rows, columns, size, limited], [], {
        extent: 0,
        steps: [size, size],
      });
      return out;
    },
    backward: ([g], saved) => [runtime.call(op, [g!], saved.attributes)],
  });
  const signature = `${name}(Tensor input, int|options? diagonal, {int diagonal, Tensor out})`;
  const attributesOf = (x: Tensor, diagonal: number | TriangleOptions | undefined): { diagonal: number } => {
    checkArguments(signature, x, diagonal);
    if (x.shape.length < 2) throw new ShapeError(`${name}: input tensor must have at least 2 dimensions`);
    return { diagonal: typeof diagonal === "object" ? (diagonal.diagonal ?? 0) : (diagonal ?? 0) };
  };
  const fn = (x: Tensor, diagonal?: number | TriangleOptions): Tensor => {
    const attributes = attributesOf(x, diagonal);
    const out = typeof diagonal === "object" ? diagonal.out : undefined;
    return out ? runtime.callOut(op, [x], attributes, out) : runtime.call(op, [x], attributes);
  };
  method(name, fn);
  method(`${name}_`, (x: Tensor, diagonal?: number | TriangleOptions) => runtime.callInPlace(op, [x], attributesOf(x, diagonal)));
  return fn;
}

/**
 * The lower triangle of matrices (…, rows, columns), the rest 0; `diagonal` says up to which diagonal. As `torch.tril`.
 * @example
 * torch.tril(torch.ones(2, 2)) // tensor([[1., 0.], [1., 1.]])
 */
export const tril = triangle("tril");
/**
 * The upper triangle of matrices (…, rows, columns), the rest 0; `diagonal` says from which diagonal. As `torch.triu`.
 * @example
 * torch.triu(torch.ones(2, 2)) // tensor([[1., 1.], [0., 1.]])
 */
export const triu = triangle("triu");

export interface TriangleIndicesOptions extends FactoryOptions {
  offset?: number;
}

/** @__NO_SIDE_EFFECTS__ */
/** Of each row the columns from `start` up to but not including `end`, as far as there are. */
function triangleIndices(
  name: "tril_indices" | "triu_indices",
  start: (row: number, k: number) => number,
  end: (row: number, k: number) => number,
) {
  const signature = `${name}(int row, int col, int|options? offset, options? options, {int offset, dtype|None dtype, device|None device, bool requiresGrad, Tensor out})`;
  return (row: number, col: number, offset?: number | TriangleIndicesOptions, options?: FactoryOptions): Tensor => {
    checkArguments(signature, row, col, offset, options);
    const o: TriangleIndicesOptions = typeof offset === "object" ? offset : { ...options, offset };
    for (const [n, what] of [
      [row, "row"],
      [col, "col"],
    ] as const) {
      if (n < 0) throw new ValueError(`${what} must be non-negative, got${n}`, `${name} takes the sizes of a matrix`);
    }
    if (Math.max(row, col, row * col) > 2 ** 31) {
      throw new OutOfMemoryError(
        `DefaultCPUAllocator: can't allocate memory: the indices of a ${row} x ${col} matrix were asked for`,
      );
    }
    const k = o.offset ?? 0;
    const clamp = (j: number): number => Math.min(Math.max(j, 0), col);
    let n = 0;
    for (let i = 0; i < row; i++) n += clamp(end(i, k)) - clamp(start(i, k));
    const dtype = o.dtype ?? int64;
    return make(o, dtype, () => {
      const made = runtime.empty([2, n], int64);
      const words = wordsOf(made).fill(0);
      for (let i = 0, at = 0; i < row; i++) {
        const last = clamp(end(i, k));
        for (let j = clamp(start(i, k)); j < last; j++, at += 2) {
          words[at] = i;
          words[2 * n + at] = j;
        }
      }
      return made.toDtype(dtype);
    });
  };
}

/**
 * Row and column numbers of the lower triangle of a matrix, int64 (2, n). As `torch.tril_indices`.
 * @example
 * torch.trilIndices(2, 2) // tensor([[0, 1, 1], [0, 0, 1]])
 */
export const trilIndices = triangleIndices(
  "tril_indices",
  () => 0,
  (row, k) => row + k + 1,
);
/**
 * Row and column numbers of the upper triangle of a matrix, int64 (2, n). As `torch.triu_indices`.
 * @example
 * torch.triuIndices(2, 2) // tensor([[0, 0, 1], [0, 1, 1]])
 */
export const triuIndices = triangleIndices(
  "triu_indices",
  (row, k) => row + k,
  () => Infinity,
);
