/**
 * `loops` on the device. Loops whose iterations do not touch what others store become the grid; the rest runs inside of an invocation. A kernel that stores at
 * computed positions is shared out by the positions' residues, see {@link Grid}.
 */
import type { Expr } from "../../../ir/expr.ts";
import { isTranscendental } from "../../../ir/transcendental.ts";
import type { Access, Int, LoopKernel, LoopVar, Stmt } from "../../../ir/loops.ts";
import type { LoopSpec } from "../../../ir/spec.ts";
import type { Operand } from "../../backend.ts";
import type { GpuQueue } from "../queue.ts";
import { bind, type Bound, Kernel, KernelCache } from "./launch.ts";
import { nestOf } from "./map.ts";
import { forEachExpression } from "./arguments.ts";

const cache = new KernelCache();
const workgroup = 64;
/** Enough invocations to keep a large GPU busy. */
const wanted = 65536;
/** More residues would have each invocation look at too many positions that are not its own. */
const mostResidues = 256;

type Loop = Extract<Stmt, { kind: "loop" }>;
type Store = Extract<Stmt, { kind: "store" }>;

/** What is known of a kernel before it is called. */
interface Shape {
  readonly loops: ReadonlyMap<LoopVar, Loop>;
  readonly nest: readonly LoopVar[];
  readonly stores: readonly Store[];
  readonly loads: readonly Access[];
}
const shapes = new WeakMap<LoopKernel, Shape>();

function shapeOf(kernel: LoopKernel): Shape {
  let shape = shapes.get(kernel);
  if (shape !== undefined) return shape;
  const loops = new Map<LoopVar, Loop>();
  const stores: Store[] = [];
  const loads: Access[] = [];
  const visit = (body: readonly Stmt[]): void => {
    for (const s of body) {
      if (s.kind === "loop") loops.set(s.loop, s);
      if (s.kind === "store") stores.push(s);
      if (s.kind === "loop" || s.kind === "if") visit(s.body);
    }
  };
  visit(kernel.body);
  forEachExpression(kernel.body, (e) => {
    if (e.op === "load") loads.push(e.ref as Access);
  });
  shape = { loops, nest: nestOf(kernel), stores, loads };
  shapes.set(kernel, shape);
  return shape;
}

/** How many iterations of loops an invocation runs through, about. */
function serialIterations(body: readonly Stmt[], grid: readonly LoopVar[], sizeOf: (int: Int) => number): number {
  let count = 0;
  for (const s of body) {
    if (s.kind === "loop") {
      const inner = serialIterations(s.body, grid, sizeOf);
      count += grid.includes(s.loop) ? inner : sizeOf(s.extent) * (1 + inner);
    } else if (s.kind === "if") count += serialIterations(s.body, grid, sizeOf);
    else
      forEachExpression([s], (e) => {
        count += iterationsOf(e);
      });
  }
  return count;
}

/** How many iterations the function behind an operation may take: quotients of 64 bits and what is made of them come digit by digit. */
function iterationsOf({ op, type, args }: Expr): number {
  const wide = type === "f64" || type === "i64" || args[0]?.type === "f64";
  if (op === "div" || op === "rem") return wide ? 64 : type === "f32" && op === "rem" ? 16 : 0;
  return wide && (op === "sqrt" || isTranscendental(op)) ? 128 : 0;
}

/** See `Renderer.loops`. */
export function loops(
  queue: GpuQueue,
  spec: LoopSpec,
  buffers: readonly Operand[],
  ints: readonly number[],
  params: readonly number[],
  parallel?: { extent: number; steps: readonly number[] },
): boolean {
  const { kernel } = spec;
  const bound = bind(queue, buffers);
  if (bound === null) return false;
  const shape = shapeOf(kernel);
  const sizeOf = (int: Int): number => (typeof int === "number" ? int : ints[int.arg]!);
  const grid: LoopVar[] = [];
  let total = 1;
  let inside = 1;
  const apart = disjoint(shape, bound, sizeOf);
  for (const loop of shape.nest) {
    const { extent, vector } = shape.loops.get(loop)!;
    const size = sizeOf(extent);
    if (size === 0) return true;
    const shared = parallel !== undefined && typeof extent !== "number" && extent.arg === parallel.extent;
    if (apart.has(loop) || shared || (vector && keepsOwn(loop, shape, bound))) {
      grid.push(loop);
      total *= size;
    } else inside *= size;
  }
  const most = queue.features.loopIterations;
  if (most < 2 ** 31 - 1 && serialIterations(kernel.body, grid, sizeOf) > most) return false;
  let residues = 1;
  if (inside > 1 && scatters(shape, bound)) residues = Math.min(Math.ceil(wanted / total), mostResidues, inside);
  const key = `${bound.key} ${residues > 1 ? "r" : ""} ${grid.map((loop) => shape.nest.indexOf(loop)).join()}`;
  const kernels = cache.of(queue, spec);
  let compiled = kernels.get(key);
  if (compiled === undefined) {
    compiled = new Kernel(
      queue,
      kernel,
      { loops: grid, workgroup, shared: false, subgroups: null, residues: residues > 1, wide: false },
      bound,
    );
    kernels.set(key, compiled);
  }
  compiled.run(queue, bound, buffers, total * residues, (k) => ints[k]!, params, residues);
  return true;
}

/** Whether iterations of the loop touch elements of their own alone, also where a loop around it goes on: so they may run through that one by themselves. */
function keepsOwn(loop: LoopVar, { nest, stores, loads }: Shape, bound: Bound): boolean {
  if (nest[0] === loop) return true;
  const written = new Set(stores.map((s) => bound.ofBuffer[s.access.buffer]));
  const strideOf = (x: Access): string => {
    const stride = x.terms.find((t) => t.loop === loop)?.stride;
    return stride === undefined ? "" : typeof stride === "number" ? `${stride}` : `a${stride.arg}`;
  };
  const touched = [...stores.map((s) => s.access), ...loads].filter((x) => written.has(bound.ofBuffer[x.buffer]));
  return touched.every((x) => strideOf(x) !== "" && strideOf(x) === strideOf(touched[0]!));
}

/** Loops whose iterations store to different elements, and load nothing that another one stores. */
function disjoint({ loops, nest, stores, loads }: Shape, bound: Bound, sizeOf: (int: Int) => number): Set<LoopVar> {
  const found = new Set(nest);
  for (const { access } of stores) {
    const same = (other: Access): boolean => other.buffer === access.buffer && accessKey(other, nest) === accessKey(access, nest);
    const binding = bound.ofBuffer[access.buffer];
    const touched = [...loads, ...stores.map((s) => s.access)].filter((other) => bound.ofBuffer[other.buffer] === binding);
    // other elements of the same memory might be another iteration's
    if (access.dynamic || touched.some((other) => !same(other))) return new Set();
    const terms = access.terms
      .map(({ loop, stride }) => ({ loop, stride: Math.abs(sizeOf(stride)), size: sizeOf(loops.get(loop)!.extent) }))
      .filter((t) => t.size > 1)
      .sort((a, b) => a.stride - b.stride);
    let reach = 0;
    for (const { stride, size } of terms) {
      if (stride <= reach) return new Set();
      reach += stride * (size - 1);
    }
    for (const loop of found) {
      const still = sizeOf(loops.get(loop)!.extent) > 1 && !terms.some((t) => t.loop === loop);
      if (still) found.delete(loop);
    }
  }
  return found;
}

function accessKey(access: Access, nest: readonly LoopVar[]): string {
  const int = (x: Int | undefined): string => (x === undefined ? "" : typeof x === "number" ? `${x}` : `a${x.arg}`);
  const terms = access.terms.map((t) => `${nest.includes(t.loop) ? nest.indexOf(t.loop) : t.loop.name}*${int(t.stride)}`).sort();
  return `${terms.join("+")}+${int(access.offset)}${access.dynamic ? "d" : ""}`;
}

/** Whether all that a kernel writes goes to one computed position, from which alone it also reads that buffer. */
function scatters({ stores, loads }: Shape, bound: Bound): boolean {
  const [store] = stores;
  const dynamic = store?.access.dynamic;
  if (stores.length !== 1 || dynamic === undefined) return false;
  const { buffer } = store!.access;
  return loads.every((x) => {
    if (bound.ofBuffer[x.buffer] !== bound.ofBuffer[buffer]) return true;
    return x.buffer === buffer && x.dynamic !== undefined && x.dynamic.index === dynamic.index;
  });
}
