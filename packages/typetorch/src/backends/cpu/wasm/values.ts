/**
 * Values and addresses: every node of the graph is computed once, in the outermost frame where what it needs is known.
 */
import type { DType } from "../../../core/dtype.ts";
import type { ScalarType } from "../../../ir/expr.ts";
import type { Access, Int, LoopKernel, LoopVar } from "../../../ir/loops.ts";
import { rare } from "../../../ir/transcendental.ts";
import { type Graph, type Node, reaches, type Step, Unsupported } from "../kernel/graph.ts";
import type { Plan } from "../kernel/plan.ts";
import { gather, loadUniform, loadVector, type Place, scatter, storeVector } from "./access.ts";
import { copyTo, spread } from "./accumulate.ts";
import { type Code, Constant, type Known, type Local, type Value } from "./code.ts";
import { choose, render } from "./renderTable.ts";

export interface Accumulator {
  readonly type: ScalarType;
  /** One per copy of the body when it is declared in the vector loop. */
  readonly locals: Local[];
  /** Frame in which it is declared. */
  readonly level: number;
  readonly perLane: boolean;
}

/** A loop that is being compiled. */
export interface OpenLoop {
  readonly loop: LoopVar;
  readonly counter: Local;
  /** Index of the body's frame; the frame outside of it holds the pointers that move with the loop. */
  readonly level: number;
  readonly updates: ReadonlySet<number>;
  /** Whether its rounds run in lanes. */
  readonly lanes: boolean;
  /** How far the counter moves in a round. */
  readonly span: number;
  /** Pointers that move at the end of each round, and how far. */
  readonly moving: Map<Local, Local | number>;
}

export class Values {
  protected readonly kernel: LoopKernel;
  protected readonly c: Code;
  protected readonly graph: Graph;
  protected readonly plan: Plan;
  protected readonly loops: OpenLoop[] = [];
  protected readonly accumulators = new Map<number, Accumulator>();
  /** Inside the vector loop: what each copy has accumulated for accumulators declared outside. */
  protected partials: Map<number, Local[]> | null = null;
  /** Which copy of the vector loop's body is being made. */
  protected copy = 0;

  constructor(kernel: LoopKernel, c: Code, graph: Graph, plan: Plan) {
    this.kernel = kernel;
    this.c = c;
    this.graph = graph;
    this.plan = plan;
  }

  private keyOf(node: Node): number {
    return node.id * 64 + (node.varying ? this.copy * 2 : 0) + (this.c.lanes > 1 ? 1 : 0);
  }

  protected value(node: Node): Value {
    return this.known(node).value;
  }

  private known(node: Node): Known {
    const { c } = this;
    if (node.op === "const") {
      node.known ??= { value: new Constant(node.type, node.value), level: 0 };
      return node.known as Known;
    }
    const key = this.keyOf(node);
    const there = c.find(key);
    if (there !== undefined) return there;
    if (!node.varying) {
      const other = c.find(node.id * 64 + (c.lanes > 1 ? 0 : 1));
      if (other !== undefined) return c.lanes > 1 ? this.keep(key, other.level, () => spread(c, node.type, other.value)) : other;
    }
    switch (node.op) {
      case "param":
        return this.keep(key, 0, () => this.parameter(node));
      case "extent":
        return this.keep(key, 0, () => this.longOf(() => this.extent((node.ref as { arg: number }).arg)));
      case "index":
        return this.index(node, key);
      case "local":
        return this.local(node, key);
      case "load":
        return this.load(node, key);
      case "scale":
        throw new Error("this target has no scaling instruction");
      default:
        break;
    }
    if (node.ref === rare) return this.rareSelect(node, key);
    const args = node.args.map((a) => this.known(a));
    let level = 0;
    for (const a of args) if (a.level > level) level = a.level;
    const values = args.map((a) => a.value);
    const from = node.op === "select" ? node.type : (node.args[0]?.type ?? node.type);
    const { op } = node;
    return this.keep(key, level, () => render[op](c, node.type, values, from, node.ref));
  }

  /** Makes a value in the outermost frame that `level` allows, and remembers it. */
  private keep(key: number, level: number, make: () => Value): Known {
    return this.c.keep(key, this.c.outermost(level), make);
  }

  /** An i64 in all lanes. */
  private longOf(push: () => void): Local {
    return this.c.hold("v128", () => {
      push();
      this.c.body.op("i64x2.splat");
    });
  }
  private extent(arg: number): void {
    this.c.slot(1 + this.kernel.buffers.length + arg);
    this.c.body.op("i64.trunc_sat_f64_s");
  }

  private parameter(node: Node): Value {
    const { c } = this;
    const slot = 1 + this.kernel.buffers.length + this.kernel.ints + (node.value as number);
    const { lanes } = c;
    c.lanes = 1;
    const number = c.hold("v128", () => {
      c.slot(slot);
      c.body.op("f64x2.splat");
    });
    const value = render.cast(c, node.type, [number], "f64");
    c.lanes = lanes;
    return lanes > 1 ? spread(c, node.type, value) : value;
  }

  private index(node: Node, key: number): Known {
    const { c } = this;
    const open = this.loops.findLast((l) => l.loop === node.ref)!;
    return this.keep(key, open.level, () => {
      const base = this.longOf(() => {
        c.body.get(open.counter.index);
        c.body.op("i64.extend_i32_u");
      });
      if (!open.lanes || c.lanes === 1) return base;
      const ramp = c.hold("v128", () => {
        const lanes = new BigInt64Array([0n, 1n]).map((l) => l + BigInt(this.copy * c.lanes));
        c.body.v128(new Uint8Array(lanes.buffer));
      });
      return c.v("i64x2.add", base, ramp);
    });
  }

  private local(node: Node, key: number): Known {
    const { c } = this;
    const id = node.value as number;
    const own = this.accumulators.get(id)!;
    let { level } = own;
    for (const l of this.loops) if (l.updates.has(id) && l.level > level) level = l.level;
    if (this.partials?.has(id) && c.lanes > 1) throw new Unsupported("an accumulator read in the vector loop that changes it");
    const local = own.locals[own.perLane ? this.copy : 0]!;
    if (c.lanes === 1 || own.perLane) return { value: local, level: Math.max(level, own.perLane ? c.top : level) };
    return this.keep(key, level, () => spread(c, node.type, local));
  }

  /** Keeps the present value of an accumulator. */
  protected snapshot(node: Node): void {
    const { c } = this;
    const now = this.value(node);
    const kept = c.variable("v128");
    copyTo(c, kept, now);
    c.frames[c.top]!.known.set(this.keyOf(node), { value: kept, level: c.top });
  }

  /** Values that are hardly ever needed, behind a jump: all that hang on the same condition together. */
  private rareSelect(node: Node, key: number): Known {
    const { c } = this;
    const group = this.graph.rareSelects
      .get(node.args[0]!)!
      .filter(
        (n) => n === node || (n.live && !n.mutable && n.varying === node.varying && !reaches(n, node) && !reaches(node, n)),
      );
    const condition = this.value(node.args[0]!);
    const results = group.map((n) => {
      const usual = this.value(n.args[2]!);
      const result = c.variable("v128");
      copyTo(c, result, usual);
      return result;
    });
    this.ifAny(condition, () => {
      for (const [k, n] of group.entries()) {
        const unusual = this.value(n.args[1]!);
        copyTo(c, results[k]!, choose(c, n.type, condition, unusual, results[k]!));
      }
    });
    for (const [k, n] of group.entries()) c.frames[c.top]!.known.set(this.keyOf(n), { value: results[k]!, level: c.top });
    return c.frames[c.top]!.known.get(key)!;
  }

  /** Runs what `inside` makes when any lane holds. */
  protected ifAny(condition: Value, inside: () => void): void {
    const { c } = this;
    const { body } = c;
    c.enter("if");
    inside();
    const code = c.leave();
    if (c.lanes === 1) c.lane(condition, "i32x4.extract_lane", 0);
    else {
      c.push(condition);
      body.op("v128.any_true");
    }
    body.if(() => body.append(code));
  }

  // ---- memory

  /** An integer of the kernel in a local, or as a number. */
  protected int(int: Int): Local | number {
    return typeof int === "number" ? int : this.c.argument(1 + this.kernel.buffers.length + int.arg);
  }

  private dtypeOf(access: Access): DType {
    return this.kernel.buffers[access.buffer]!.dtype;
  }

  private load(node: Node, key: number): Known {
    const { c } = this;
    const access = node.ref as Access;
    const dtype = this.dtypeOf(access);
    const dynamic = node.args[0] ?? null;
    // frame from which on the address is known, what differs from lane to lane aside
    let level = 0;
    if (this.kernel.buffers[access.buffer]!.access !== "read") level = c.top;
    else {
      for (const t of access.terms) if (t.stride !== 0) level = Math.max(level, this.open(t.loop).level);
      if (dynamic !== null) level = Math.max(level, this.levelOf(dynamic));
      // not out of a body that may not run, and not further than before its own loop
      const barrier = c.frames[c.top]!.kind === "body" ? c.top - 1 : c.top;
      level = Math.max(c.outermost(level), barrier);
    }
    return c.keep(key, level, () => {
      if (!node.varying || c.lanes === 1) return loadUniform(c, dtype, this.place(access, dynamic, level));
      if (this.sideBySide(access, dynamic)) return loadVector(c, dtype, this.place(access, dynamic, level));
      return gather(c, dtype, this.places(access, dynamic, level));
    });
  }

  private open(loop: LoopVar): OpenLoop {
    return this.loops.findLast((l) => l.loop === loop)!;
  }

  /** Frame from which on a value can be known. */
  private levelOf(node: Node): number {
    const { c } = this;
    const { lanes } = c;
    if (!node.varying) c.lanes = 1;
    const { level } = this.known(node);
    c.lanes = lanes;
    return level;
  }

  private sideBySide(access: Access, dynamic: Node | null): boolean {
    if (dynamic?.varying) return false;
    const moving = access.terms.filter((t) => t.stride !== 0 && this.loops.some((l) => l.lanes && l.loop === t.loop));
    return moving.length === 0 || (moving.length === 1 && moving[0]!.stride === 1);
  }

  /** Bytes per step of a stride times a number of steps. */
  private strideBytes(stride: Int, factor: number): Local | number {
    const { c } = this;
    if (typeof stride === "number") return stride * factor;
    const n = this.int(stride) as Local;
    if (factor === 1) return n;
    return c.once(`s${stride.arg}:${factor}`, 0, () =>
      c.hold("i32", () => {
        c.body.get(n.index);
        c.body.i32(factor);
        c.body.op("i32.mul");
      }),
    );
  }

  private pushInt(value: Local | number): void {
    if (typeof value === "number") this.c.body.i32(value);
    else this.c.body.get(value.index);
  }
  private sum(a: Local, b: Local | number): Local {
    if (b === 0) return a;
    return this.c.hold("i32", () => {
      this.c.body.get(a.index);
      this.pushInt(b);
      this.c.body.op("i32.add");
    });
  }

  /** Address of an access: of lane 0's element where its lanes lie side by side, else without what a computed position differs from lane to lane. */
  private pointer(access: Access, dynamic: Node | null, level: number): Local {
    const { c } = this;
    const size = this.dtypeOf(access).itemsize;
    let pointer = c.argument(1 + access.buffer);
    let key = `p${access.buffer}`;
    const { offset } = access;
    if (offset !== undefined && offset !== 0) {
      key += `+${nameOf(offset)}`;
      const base = pointer;
      const bytes = this.strideBytes(offset, size);
      pointer = c.once(key, 0, () => this.sum(base, bytes));
    }
    // what is known furthest outside is added first
    let dynamicLevel = -1;
    if (dynamic !== null && (!dynamic.varying || c.lanes === 1)) dynamicLevel = dynamic.mutable ? level : this.levelOf(dynamic);
    const loops = [...new Set(access.terms.filter((t) => t.stride !== 0).map((t) => this.open(t.loop)))];
    loops.sort((a, b) => a.level - b.level);
    let at = 0;
    const addDynamic = (): void => {
      const base = pointer;
      const step = access.dynamic!.stride;
      key += `+d${dynamic!.id}:${nameOf(step)}`;
      const bytes = this.strideBytes(step, size);
      at = Math.max(at, dynamicLevel);
      const { lanes } = c;
      c.lanes = 1;
      const { value } = this.known(dynamic!);
      c.lanes = lanes;
      pointer = c.once(key, at, () =>
        c.hold("i32", () => {
          c.lane(value, "i64x2.extract_lane", 0);
          c.body.op("i32.wrap_i64");
          this.pushInt(bytes);
          c.body.op("i32.mul");
          c.body.get(base.index);
          c.body.op("i32.add");
        }),
      );
      dynamicLevel = -1;
    };
    for (const open of loops) {
      if (dynamicLevel >= 0 && dynamicLevel < open.level) addDynamic();
      const strides = access.terms.filter((t) => t.loop === open.loop && t.stride !== 0).map((t) => t.stride);
      key += `+${open.level}.${strides.map(nameOf).join("&")}`;
      const base = pointer;
      let bytes: Local | number = 0;
      for (const s of strides) {
        const more = this.strideBytes(s, size * open.span);
        if (typeof bytes === "number") bytes = typeof more === "number" ? bytes + more : this.added(more, bytes);
        else bytes = this.added(bytes, more);
      }
      const outside = open.level - 1;
      pointer = (c.frames[outside]!.known.get(key) ?? c.keep(key, outside, () => this.copyOf(base))).value as Local;
      open.moving.set(pointer, bytes);
      at = open.level;
    }
    if (dynamicLevel >= 0) addDynamic();
    return pointer;
  }

  private copyOf(base: Local): Local {
    return this.c.hold("i32", () => this.c.body.get(base.index));
  }
  /** A sum of strides, known from the outermost frame on. */
  private added(a: Local, b: Local | number): Local {
    return this.c.once(`a${a.index}+${typeof b === "number" ? b : `l${b.index}`}`, 0, () => this.sum(a, b));
  }

  private place(access: Access, dynamic: Node | null, level: number): Place {
    const size = this.dtypeOf(access).itemsize;
    const inLanes = this.c.lanes > 1 && access.terms.some((t) => t.stride !== 0 && this.open(t.loop).lanes);
    return { pointer: this.pointer(access, dynamic, level), offset: inLanes ? this.copy * this.c.lanes * size : 0 };
  }

  /** The addresses of the lanes' elements where they do not lie side by side. */
  private places(access: Access, dynamic: Node | null, level: number): Place[] {
    const { c } = this;
    const { body, lanes } = c;
    const size = this.dtypeOf(access).itemsize;
    const base = this.pointer(access, dynamic, level);
    const strides = access.terms.filter((t) => t.stride !== 0 && this.open(t.loop).lanes).map((t) => t.stride);
    const step = access.dynamic?.stride ?? 0;
    const indices = dynamic?.varying ? this.value(dynamic) : null;
    return Array.from({ length: lanes }, (_, l) => {
      let pointer = base;
      let offset = 0;
      const steps = this.copy * lanes + l;
      for (const s of steps === 0 ? [] : strides) {
        const bytes = this.strideBytes(s, size * steps);
        if (typeof bytes === "number" && bytes >= 0) offset += bytes;
        else pointer = this.sum(pointer, bytes);
      }
      if (indices !== null) {
        const before = pointer;
        const bytes = this.strideBytes(step, size);
        pointer = c.hold("i32", () => {
          c.lane(indices, "i64x2.extract_lane", l);
          body.op("i32.wrap_i64");
          this.pushInt(bytes);
          body.op("i32.mul");
          body.get(before.index);
          body.op("i32.add");
        });
      }
      return { pointer, offset };
    });
  }

  protected store(s: Extract<Step, { kind: "store" }>): void {
    const { c } = this;
    const dtype = this.dtypeOf(s.access);
    const value = this.value(s.value);
    if (c.lanes === 1 || this.sideBySide(s.access, s.dynamic)) {
      storeVector(c, dtype, this.place(s.access, s.dynamic, c.top), value);
      return;
    }
    scatter(c, dtype, this.places(s.access, s.dynamic, c.top), value);
  }
}

function nameOf(int: Int): string {
  return typeof int === "number" ? String(int) : `a${int.arg}`;
}
