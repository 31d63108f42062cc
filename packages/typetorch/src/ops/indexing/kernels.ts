/**
 * Kernels that move elements to and from places given by an index. A tensor is seen as (outer, size, inner), row-major; the index has one position along `size`
 * for each row of the other tensor (outer, count, inner), or one for each of its elements.
 */
import { type DType, int16, int64, uint8 } from "../../core/dtype.ts";
import { type Expr, computeType, param } from "../../ir/expr.ts";
import { type Access, LoopVar, type Stmt, load, local } from "../../ir/loops.ts";
import type { LoopSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { runtime } from "../runtime.ts";

/** How what is written meets what is there. */
export type Write = "set" | "add" | "scaled" | "multiply" | "max" | "min";
/** `rows`: one position per row of the other tensor; `elements`: one per element. */
export type IndexKind = "rows" | "elements";

export interface Layout {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

/** A shape seen as (before, dim, after). */
export function layoutOf(shape: readonly number[], dim: number): Layout {
  let outer = 1;
  let inner = 1;
  shape.forEach((n, i) => {
    if (i < dim) outer *= n;
    else if (i > dim) inner *= n;
  });
  return { outer, size: shape.length === 0 ? 1 : shape[dim]!, inner };
}

const specs = new Map<string, LoopSpec>();

/** Integers: outer, count, inner, outer stride of the indexed tensor, outer stride of the other, row length. Buffers: indexed, other, index. */
function makeSpec(dtype: DType, indexKind: IndexKind, write: Write | "take", wide: boolean): LoopSpec {
  const outer = new LoopVar("outer");
  const row = new LoopVar("row");
  const lane = new LoopVar("lane");
  const laneTerm = wide ? [{ loop: lane, stride: 1 as const }] : [];
  const otherTerms = [{ loop: outer, stride: { arg: 4 } }, { loop: row, stride: { arg: 5 } }, ...laneTerm];
  const indexTerms = indexKind === "elements" ? otherTerms : [{ loop: row, stride: 1 as const }];
  const position = load({ buffer: 2, terms: indexTerms }, "i64");
  const body: Stmt[] = [];
  // The index of a row is read once, outside of the loop over its elements.
  const hoisted = indexKind === "rows" && wide;
  const at = (index: Expr): Access => ({
    buffer: 0,
    terms: [{ loop: outer, stride: { arg: 3 } }, ...laneTerm],
    dynamic: { index, stride: { arg: 5 } },
  });
  const indexed = at(hoisted ? local(0, "i64") : position);
  const other: Access = { buffer: 1, terms: otherTerms };
  const type = computeType(dtype);
  if (write === "take") body.push({ kind: "store", access: other, value: load(indexed, type) });
  else {
    const old = load(indexed, type);
    const given = load(other, type);
    body.push({ kind: "store", access: indexed, value: combine(write, old, given) });
  }
  // Rows that are written may be the same one: only a read may run them side by side.
  const inRow: Stmt[] = wide ? [{ kind: "loop", loop: lane, extent: { arg: 2 }, vector: true, body }] : body;
  const perRow: Stmt[] = hoisted ? [{ kind: "let", id: 0, value: position }, ...inRow] : inRow;
  const rows: Stmt = { kind: "loop", loop: row, extent: { arg: 1 }, vector: !wide && write === "take", body: perRow };
  return {
    kind: "loops",
    kernel: {
      name: `${write}_${indexKind}_${dtype.key}`,
      buffers: [
        { dtype, access: write === "take" ? "read" : "update" },
        { dtype, access: write === "take" ? "write" : "read" },
        { dtype: int64, access: "read" },
      ],
      ints: 6,
      params: write === "scaled" ? 1 : 0,
      body: [{ kind: "loop", loop: outer, extent: { arg: 0 }, vector: false, body: [rows] }],
    },
    compiled: null,
  };
}

function combine(write: Write, old: Expr, given: Expr): Expr {
  const isBool = old.type === "bool";
  switch (write) {
    case "set":
      return given;
    case "add":
      return isBool ? old.or(given) : old.add(given);
    case "scaled":
      return isBool ? old.or(given.and(param(0, "f64").ne(0))) : old.add(given.mul(param(0, old.type)));
    case "multiply":
      return isBool ? old.and(given) : old.mul(given);
    case "max":
      return isBool ? old.or(given) : old.maximum(given);
    case "min":
      return isBool ? old.and(given) : old.minimum(given);
  }
}

function specFor(dtype: DType, indexKind: IndexKind, write: Write | "take", wide: boolean): LoopSpec {
  const key = `${dtype.key} ${indexKind} ${write} ${wide}`;
  let spec = specs.get(key);
  if (spec === undefined) {
    spec = makeSpec(dtype, indexKind, write, wide);
    specs.set(key, spec);
  }
  return spec;
}

/** The same bits as an integer dtype, for moving what need not be computed with. */
function asBits(x: Tensor): Tensor {
  const key = x.dtype.key;
  if (key === "f16" || key === "bf16") return runtime.aliasDtype(x, x.shape, x.strides, x.storageOffset, int16);
  return key === "bool" ? runtime.aliasDtype(x, x.shape, x.strides, x.storageOffset, uint8) : x;
}

function launch(
  write: Write | "take",
  indexKind: IndexKind,
  indexed: Tensor,
  layout: Layout,
  other: Tensor,
  count: number,
  index: Tensor,
  params: readonly number[],
): void {
  const { outer, size, inner } = layout;
  if (outer * count * inner === 0) return;
  const moves = write === "take" || write === "set";
  const [x, y] = moves ? [asBits(indexed), asBits(other)] : [indexed, other];
  const wide = inner > 1;
  const perElement = indexKind === "elements";
  const ints = [outer, count, inner, size * inner, count * inner, inner];
  const steps =
    outer > 1
      ? [size * inner, count * inner, perElement ? count * inner : 0]
      : write === "take"
        ? [0, inner, perElement ? inner : 1]
        : [1, 1, perElement ? 1 : 0];
  // Rows that are written may coincide, so threads share the columns instead.
  const extent = outer > 1 ? 0 : write === "take" ? 1 : 2;
  const parallel = extent === 2 && !wide ? undefined : { extent, steps };
  runtime.backendOf(x).loops(specFor(x.dtype, indexKind, write, wide), [x, y, index], ints, params, parallel);
}

/** out[o, k, i] = x[o, index[…], i]. All are row-major, indices were checked. */
export function take(x: Tensor, layout: Layout, index: Tensor, indexKind: IndexKind, out: Tensor, count: number): void {
  launch("take", indexKind, x, layout, out, count, index, []);
}

/**
 * out[o, index[…], i] = what is there combined with source[o, k, i], in the order of k. All are row-major, indices were checked.
 * @example
 * torch.put(torch.zeros(3), torch.tensor([1n]), torch.tensor([4])) // tensor([0., 4., 0.])
 */
export function put(
  out: Tensor,
  layout: Layout,
  index: Tensor,
  indexKind: IndexKind,
  source: Tensor,
  count: number,
  write: Write,
  alpha = 1,
): void {
  launch(write, indexKind, out, layout, source, count, index, write === "scaled" ? [alpha] : []);
}

/** Runs `body` on `out` itself when it is row-major, otherwise on a copy that is copied back. */
export function onRowMajor(out: Tensor, body: (x: Tensor) => void): void {
  runtime.withoutGrad(() => {
    if (out.isContiguous()) {
      body(out);
      return;
    }
    const copy = out.clone({ memoryFormat: "contiguous" });
    body(copy);
    out.copy_(copy);
  });
}
