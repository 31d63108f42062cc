/**
 * `map` to loops: one loop for each dimension, the innermost a vector loop.
 */
import { computeType, Expr } from "../../ir/expr.ts";
import { type Access, load, type LoopKernel, LoopVar, local, type Stmt } from "../../ir/loops.ts";
import type { MapSpec } from "../../ir/spec.ts";
import type { StrideClass } from "./dims.ts";

/**
 * The kernel of a map over `rank` dimensions. `classes` says for each operand (inputs, then outputs) how it moves along the innermost one. Integers: the sizes,
 * then for each operand its stride along each dimension.
 */
export function lowerMap(spec: MapSpec, rank: number, classes: readonly StrideClass[]): LoopKernel {
  const dtypes = [...spec.inputs, ...spec.outputs.map((o) => o.dtype)];
  const loops = Array.from({ length: rank }, (_, d) => new LoopVar(`d${d}`));
  const access = (p: number): Access => {
    const terms: { loop: LoopVar; stride: number | { arg: number } }[] = [];
    for (let d = 0; d < rank - 1; d++) terms.push({ loop: loops[d]!, stride: { arg: rank + p * rank + d } });
    if (classes[p] !== 0)
      terms.push({ loop: loops[rank - 1]!, stride: classes[p] === 1 ? 1 : { arg: rank + p * rank + rank - 1 } });
    return { buffer: p, terms };
  };
  const before: Stmt[] = [];
  const ids = { next: 0 };
  const hoist = new Hoister(before, ids, (e) => {
    if (e.op !== "input") return null;
    const p = e.value as number;
    return { value: load(access(p), computeType(dtypes[p]!)), varies: classes[p] !== 0 };
  });
  const inner: Stmt[] = [];
  const values = spec.outputs.map((o) => {
    const id = ids.next++;
    inner.push({ kind: "let", id, value: hoist.lower(o.value) });
    return local(id, o.value.type);
  });
  // All values are computed before the first is stored: an output may be the same memory as an input.
  values.forEach((value, k) => inner.push({ kind: "store", access: access(spec.inputs.length + k), value }));
  let body: Stmt[] = [...before, { kind: "loop", loop: loops[rank - 1]!, extent: { arg: rank - 1 }, vector: true, body: inner }];
  for (let d = rank - 2; d >= 0; d--) body = [{ kind: "loop", loop: loops[d]!, extent: { arg: d }, vector: false, body }];
  return {
    name: spec.name,
    buffers: dtypes.map((dtype, p) => ({ dtype, access: p < spec.inputs.length ? "read" : "write" })),
    ints: rank + dtypes.length * rank,
    params: spec.params,
    body,
  };
}

/** What a leaf becomes, and whether that varies inside of the loop in question; null keeps the leaf (constants, parameters). */
export type LowerLeaf = (e: Expr) => { readonly value: Expr; readonly varies: boolean } | null;

/** Lowers expressions for the body of a loop; what does not vary in it is computed before, by lets appended to `before`. */
export class Hoister {
  private readonly before: Stmt[];
  private readonly ids: { next: number };
  private readonly leaf: LowerLeaf;
  private readonly done = new Map<Expr, { value: Expr; varies: boolean }>();
  private readonly hoisted = new Map<Expr, Expr>();

  constructor(before: Stmt[], ids: { next: number }, leaf: LowerLeaf) {
    this.before = before;
    this.ids = ids;
    this.leaf = leaf;
  }

  lower(e: Expr): Expr {
    const { value, varies } = this.visit(e);
    return varies ? value : this.hoist(value);
  }

  private hoist(value: Expr): Expr {
    if (value.args.length === 0 && value.op !== "load") return value;
    let name = this.hoisted.get(value);
    if (name === undefined) {
      name = local(this.ids.next++, value.type);
      this.before.push({ kind: "let", id: name.value as number, value });
      this.hoisted.set(value, name);
    }
    return name;
  }

  private visit(e: Expr): { value: Expr; varies: boolean } {
    const known = this.done.get(e);
    if (known !== undefined) return known;
    let result: { value: Expr; varies: boolean };
    if (e.args.length === 0) result = this.leaf(e) ?? { value: e, varies: false };
    else {
      const replaced = e.op === "at" ? this.leaf(e) : null;
      if (replaced !== null) result = replaced;
      else {
        const args = e.args.map((a) => this.visit(a));
        const varies = args.some((a) => a.varies);
        const values = args.map((a) => (varies && !a.varies ? this.hoist(a.value) : a.value));
        result = { value: new Expr(e.op, e.type, values, e.value, e.ref), varies };
      }
    }
    this.done.set(e, result);
    return result;
  }
}
