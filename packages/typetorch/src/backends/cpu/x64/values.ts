/**
 * Values and addresses: every node of the graph is computed once, in the outermost frame where what it needs is known.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import type { Access, Int, LoopKernel, LoopVar } from "../../../ir/loops.ts";
import { rare } from "../../../ir/transcendental.ts";
import { gather, loadUniform, loadVector, scatter, spread, storeVector } from "./access.ts";
import { copyTo, fresh } from "./accumulate.ts";
import { type Code, Constant, isNumber, type Known, sizeOf, type Value, vectorBytes } from "./code.ts";
import { type Graph, type LoopStep, type Node, reaches, type Step, Unsupported } from "../kernel/graph.ts";
import { Block, Instruction, Place, View, type Virtual } from "./machine.ts";
import type { Plan } from "../kernel/plan.ts";
import { choose, multiply, render, scale } from "./renderTable.ts";
import { Label, type Memory, ptr, rax, rdi } from "./registers.ts";

/** Bytes of a row that is fetched while the row before is computed. */
const longestFetched = 16384;

export interface Accumulator {
  readonly type: ScalarType;
  /** One per copy of the body when it is declared in the vector loop. */
  readonly registers: Virtual[];
  /** Frame in which it is declared. */
  readonly level: number;
  readonly perLane: boolean;
}

/** A loop that is being compiled. */
export interface OpenLoop {
  readonly loop: LoopVar;
  readonly counter: Virtual;
  /** Code at the end of each round; null where the counter does not start at 0. */
  readonly latch: Instruction[] | null;
  /** Index of the body's frame. */
  readonly level: number;
  readonly updates: ReadonlySet<number>;
  /** Whether its rounds run in lanes. */
  readonly lanes: boolean;
}

export class Values {
  protected readonly kernel: LoopKernel;
  protected readonly c: Code;
  protected readonly graph: Graph;
  protected readonly plan: Plan;
  protected readonly loops: OpenLoop[] = [];
  protected readonly accumulators = new Map<number, Accumulator>();
  /** Inside the vector loop: what each copy has accumulated for accumulators declared outside. */
  protected partials: Map<number, Virtual[]> | null = null;
  /** The vector loop that is being made. */
  protected vectorStep: LoopStep | null = null;
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
      if (node.type === "bool") return { value: c.boolConstant(Boolean(node.value)), level: 0 };
      node.known ??= { value: new Constant(node.type, node.value), level: 0 };
      return node.known as Known;
    }
    const key = this.keyOf(node);
    const there = c.find(key);
    if (there !== undefined) return there;
    if (!node.varying) {
      const other = c.find(node.id * 64 + (c.lanes > 1 ? 0 : 1));
      if (other !== undefined)
        return c.lanes > 1 ? this.keep(key, other.level, () => this.spreadValue(other.value, node.type)) : other;
    }
    switch (node.op) {
      case "param":
        return this.keep(key, 0, () => this.parameter(node));
      case "extent":
        return this.keep(key, 0, () =>
          this.toLanes(c.argument(1 + this.kernel.buffers.length + (node.ref as { arg: number }).arg)),
        );
      case "index":
        return this.index(node, key);
      case "local":
        return this.local(node, key);
      case "load":
        return this.load(node, key);
      default:
        break;
    }
    if (node.ref === rare) return this.rareSelect(node, key);
    const args = node.args.map((a) => this.known(a));
    let level = 0;
    for (const a of args) if (a.level > level) level = a.level;
    const values = args.map((a) => a.value);
    const from = node.op === "select" ? node.type : (node.args[0]?.type ?? node.type);
    return this.keep(key, level, () =>
      node.op === "scale"
        ? scale(c, node.type as "f32" | "f64", values[0]!, values[1]!)
        : render[node.op](c, node.type, values, from),
    );
  }

  /** Makes a value in the outermost frame that `level` allows, and remembers it. */
  private keep(key: number, level: number, make: () => Value): Known {
    const { c } = this;
    const place = c.outermost(level);
    const known = { value: c.inFrame(place, make), level: place };
    c.frames[place]!.known.set(key, known);
    return known;
  }

  private spreadValue(value: Value, type: ScalarType): Value {
    if (value instanceof Constant) return value;
    return spread(this.c, type === "bool", value, type === "bool" ? 4 : sizeOf[type]);
  }

  /** An integer in all lanes, as i64. */
  private toLanes(g: Virtual): Virtual {
    const { c } = this;
    const bytes = vectorBytes(c.lanes * 8);
    const { lanes, avx512 } = c;
    return c.customResult("v", bytes, [g], ({ asm, gp, vec }, d) => {
      if (lanes > 1 && avx512) {
        asm.op("vpbroadcastq", vec(d), gp(g));
        return;
      }
      asm.op("vmovq", vec(d, 16), gp(g));
      if (lanes > 1) asm.op("vpbroadcastq", vec(d), vec(d, 16));
    });
  }

  private parameter(node: Node): Value {
    const { c } = this;
    const slot = 1 + this.kernel.buffers.length + this.kernel.ints + (node.value as number);
    const at = new Place(null, null, 1, 0, ptr(rdi, slot * 8) as Memory);
    const { lanes } = c;
    const convert = (): Value => {
      switch (node.type) {
        case "f64":
          return c.v("vmovsd", 16, at);
        case "f32":
          return c.v("vcvtpd2ps", 16, c.v("vmovsd", 16, at));
        case "bool":
          return render.ne(c, "bool", [c.v("vmovsd", 16, at), new Constant("f64", 0)], "f64");
        default: {
          const type = node.type;
          return c.customResult("v", 16, [], ({ asm, vec }, d) => {
            asm.op("vcvttsd2si", type === "i64" ? rax : rax.d, ptr(rdi, slot * 8));
            asm.op("vmovq", vec(d, 16), rax);
          });
        }
      }
    };
    c.lanes = 1;
    const value = convert();
    c.lanes = lanes;
    return lanes > 1 ? this.spreadValue(value, node.type) : value;
  }

  private index(node: Node, key: number): Known {
    const { c } = this;
    const open = this.loops.findLast((l) => l.loop === node.ref)!;
    return this.keep(key, open.level, () => {
      const base = this.toLanes(open.counter);
      if (!open.lanes || c.lanes === 1) return base;
      const { lanes, copy } = { lanes: c.lanes, copy: this.copy };
      const ramp = c.asm.longs(...Array.from({ length: lanes }, (_, l) => l + copy * lanes));
      return c.v("vpaddq", vectorBytes(lanes * 8), base, new Place(null, null, 1, 0, ramp));
    });
  }

  private local(node: Node, key: number): Known {
    const { c } = this;
    const id = node.value as number;
    const own = this.accumulators.get(id)!;
    let { level } = own;
    for (const l of this.loops) if (l.updates.has(id) && l.level > level) level = l.level;
    if (this.partials?.has(id) && c.lanes > 1) throw new Unsupported("an accumulator read in the vector loop that changes it");
    const register = own.registers[own.perLane ? this.copy : 0]!;
    if (c.lanes === 1 || own.perLane) return { value: register, level: Math.max(level, own.perLane ? c.top : level) };
    return this.keep(key, level, () => this.spreadValue(register, node.type));
  }

  /** Keeps the present value of an accumulator. */
  protected snapshot(node: Node): void {
    const { c } = this;
    const now = this.value(node);
    const kept = fresh(c, node.type);
    copyTo(c, kept, now, node.type);
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
      const result = fresh(c, n.type);
      copyTo(c, result, this.value(n.args[2]!), n.type);
      return result;
    });
    const end = new Label();
    this.skipUnlessAny(condition, end);
    const block = new Block();
    c.block.items.push(block);
    c.enter("if", block);
    for (const [k, n] of group.entries()) {
      const unusual = this.value(n.args[1]!);
      copyTo(c, results[k]!, choose(c, n.type, condition, unusual, results[k]!), n.type);
    }
    c.leave();
    c.label(end);
    for (const [k, n] of group.entries()) c.frames[c.top]!.known.set(this.keyOf(n), { value: results[k]!, level: c.top });
    return c.frames[c.top]!.known.get(key)!;
  }

  /** Jumps when no lane holds. */
  protected skipUnlessAny(condition: Value, to: Label): void {
    const { c } = this;
    const mask = condition instanceof Constant ? c.boolConstant(Boolean(condition.value)) : condition;
    const { lanes } = c;
    c.custom([mask], ({ asm, mask: k, vec }) => {
      if (mask.kind === "k") {
        asm.op("kmovw", rax.d, k(mask));
        asm.test(rax.d, 2 ** lanes - 1);
      } else if (lanes === 1) {
        asm.op("vmovd", rax.d, vec(mask, 16));
        asm.test(rax.d, rax.d);
      } else {
        asm.op("vmovmskps", rax.d, vec(mask));
        asm.test(rax.d, rax.d);
      }
      asm.jcc("e", to);
    });
  }

  // ---- memory

  /** An integer of the kernel in a register, or as a number. */
  protected int(int: Int): Virtual | number {
    return isNumber(int) ? int : this.c.argument(1 + this.kernel.buffers.length + int.arg);
  }

  /** Frame from which on the address of an access is known, its lanes aside. */
  private load(node: Node, key: number): Known {
    const { c } = this;
    const access = node.ref as Access;
    const buffer = this.kernel.buffers[access.buffer]!;
    const dynamic = node.args[0] ?? null;
    let level = 0;
    if (buffer.access !== "read") level = c.top;
    else {
      for (const t of access.terms)
        if (t.stride !== 0) level = Math.max(level, this.loops.findLast((l) => l.loop === t.loop)!.level);
      if (dynamic !== null) level = Math.max(level, this.levelOf(dynamic));
      // not out of a body that may not run, and not further than before its own loop
      const barrier = c.frames[c.top]!.kind === "body" ? c.top - 1 : c.top;
      level = Math.max(c.outermost(level), barrier);
    }
    const value = c.inFrame(level, () => {
      if (!node.varying || c.lanes === 1) return loadUniform(c, buffer.dtype, this.address(access, dynamic, level));
      const term = this.sideBySide(access, dynamic);
      if (term) {
        const place = this.address(access, dynamic, level);
        const stride = this.vectorStep === null ? undefined : this.plan.ahead.get(this.vectorStep)?.get(access.buffer);
        if (stride !== undefined) this.fetchAhead(access, place, stride);
        return loadVector(c, buffer.dtype, place);
      }
      const { base, indices } = this.scattered(access, dynamic, level);
      return gather(c, buffer.dtype, base, indices);
    });
    const known = { value, level };
    c.frames[level]!.known.set(key, known);
    return known;
  }

  /** Asks for the line of memory that the next round of the loop around the vector loop will read first. */
  private fetchAhead(access: Access, place: Place, stride: Int): void {
    const { c } = this;
    const frame = c.frames[c.top - 1];
    if (c.active !== null || place.base === null || frame?.kind !== "before") return;
    const { base } = place;
    const bytes = this.strideBytes(stride, this.kernel.buffers[access.buffer]!.dtype.itemsize);
    const next = c.once(`n${numberOf(base)}`, c.top - 1, () =>
      c.g(typeof bytes === "number" ? [base] : [base, bytes], ({ asm, gp }, d) => {
        // a row that does not fit in the first-level cache twice is not fetched: the address stays in this row
        asm.mov(rax, typeof bytes === "number" ? bytes : gp(bytes));
        asm.cmp(rax, longestFetched);
        const near = new Label();
        asm.mov(gp(d), gp(base));
        asm.jcc("a", near);
        asm.add(gp(d), rax);
        asm.bind(near);
      }),
    );
    const at = new Place(next, place.index, place.scale, place.disp);
    c.custom([at], ({ asm, memory }) => asm.prefetch(0, memory(at)));
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

  /** bytes per step of a stride, as a number or a register known from the outermost frame on */
  private strideBytes(stride: Int, size: number): Virtual | number {
    const { c } = this;
    if (isNumber(stride)) return stride * size;
    const n = this.int(stride) as Virtual;
    if (size === 1) return n;
    return c.once(`s${stride.arg}:${size}`, 0, () => c.g([n], ({ asm, gp }, d) => asm.imul(gp(d), gp(n), size)));
  }

  /** Where an access begins: its element in lane 0 when its lanes lie side by side; without its lanes' part when they do not (`lanesToo` false). */
  private address(access: Access, dynamic: Node | null, level: number, lanesToo = true): Place {
    const { c } = this;
    const size = this.kernel.buffers[access.buffer]!.dtype.itemsize;
    let pointer = c.argument(1 + access.buffer);
    let at = 0;
    let key = `p${access.buffer}`;
    let disp = 0;
    let index: Virtual | null = null;
    const { offset } = access;
    if (offset !== undefined) {
      if (isNumber(offset)) disp = offset * size;
      else {
        key += `+a${offset.arg}`;
        const base = pointer;
        pointer = c.once(key, 0, () => this.sum(base, this.strideBytes(offset, size)));
      }
    }
    const terms = access.terms
      .filter((t) => t.stride !== 0)
      .map((t) => ({ stride: t.stride, open: this.loops.findLast((l) => l.loop === t.loop)! }))
      .sort((a, b) => a.open.level - b.open.level);
    for (const { stride, open } of terms) {
      if (open.lanes && c.lanes > 1) {
        if (!lanesToo) continue;
        index = open.counter;
        disp += this.copy * c.lanes * size;
        continue;
      }
      if (stride === 1 && index === null && lanesToo && open === this.loops.at(-1)) {
        index = open.counter;
        continue;
      }
      key += `+${open.level}.${isNumber(stride) ? stride : `a${stride.arg}`}`;
      const base = pointer;
      const bytes = this.strideBytes(stride, size);
      const known = c.find(key);
      if (known !== undefined) pointer = known.value as Virtual;
      else if (open.latch !== null && open.level > at) {
        // a pointer that moves with the loop
        const { latch } = open;
        pointer = c.inFrame(open.level - 1, () => c.g([base], ({ asm, gp }, d) => asm.mov(gp(d), gp(base))));
        const moving = pointer;
        latch.push(
          new Instruction(null, typeof bytes === "number" ? [moving, moving] : [moving, moving, bytes], {
            emit: ({ asm, gp }) => asm.add(gp(moving), typeof bytes === "number" ? bytes : gp(bytes)),
          }),
        );
        c.frames[open.level]!.known.set(key, { value: moving, level: open.level });
      } else {
        pointer = c.once(key, Math.max(open.level, at), () => this.sum(base, this.product(open.counter, bytes)));
      }
      at = Math.max(at, open.level);
    }
    if (dynamic !== null && (!dynamic.varying || c.lanes === 1)) {
      const { lanes } = c;
      c.lanes = 1;
      const { value, level: known } = this.known(dynamic);
      c.lanes = lanes;
      const step = access.dynamic!.stride;
      if (value instanceof Constant) {
        const n = this.product(
          c.g([], ({ asm, gp }, d) => asm.mov(gp(d), BigInt(value.value))),
          this.strideBytes(step, size),
        );
        pointer = this.sum(pointer, n);
      } else {
        key += `+d${dynamic.id}:${isNumber(step) ? step : `a${step.arg}`}`;
        const base = pointer;
        pointer = c.once(key, Math.max(at, known, dynamic.mutable ? level : 0), () => {
          const n = c.g([value], ({ asm, gp, vec }, d) => asm.op("vmovq", gp(d), vec(value, 16)));
          return this.sum(base, this.product(n, this.strideBytes(step, size)));
        });
      }
    }
    return new Place(pointer, index, index === null ? 1 : (size as 1 | 2 | 4 | 8), disp);
  }

  private sum(a: Virtual, b: Virtual | number): Virtual {
    return this.c.g(typeof b === "number" ? [a] : [a, b], ({ asm, gp }, d) =>
      asm.lea(gp(d), typeof b === "number" ? ptr(gp(a), b) : ptr(gp(a), 0, gp(b))),
    );
  }

  private product(a: Virtual, b: Virtual | number): Virtual {
    return this.c.customResult(
      "g",
      8,
      typeof b === "number" ? [a] : [a, b],
      ({ asm, gp }, d) => {
        if (typeof b === "number") asm.imul(gp(d), gp(a), b);
        else {
          asm.mov(gp(d), gp(a));
          asm.imul(gp(d), gp(b));
        }
      },
      true,
    );
  }

  /** Base and element indices of an access whose lanes do not lie side by side. */
  private scattered(access: Access, dynamic: Node | null, level: number): { base: Place; indices: Virtual[] } {
    const { c } = this;
    const lanes = c.lanes;
    const size = this.kernel.buffers[access.buffer]!.dtype.itemsize;
    const parts = lanes > this.plan.shape.wideLanes ? 2 : 1;
    const each = lanes / parts;
    const bytes = vectorBytes(each * 8);
    let base = this.address(access, dynamic?.varying ? null : dynamic, level, false);
    if (base.index !== null) throw new Unsupported("a gather over two loops of stride 1");
    let indices: Virtual[] | null = null;
    for (const t of access.terms) {
      const open = this.loops.findLast((l) => l.loop === t.loop)!;
      if (t.stride === 0 || !open.lanes) continue;
      const name = isNumber(t.stride) ? String(t.stride) : `a${t.stride.arg}`;
      const stride = t.stride;
      const ramp = Array.from({ length: parts }, (_, p) =>
        c.once(`r${name}:${p}:${lanes}`, 0, () => {
          const numbers = c.asm.longs(...Array.from({ length: each }, (_, l) => l + p * each));
          const ramp = c.v("vmovups", bytes, new Place(null, null, 1, 0, numbers));
          if (stride === 1) return ramp;
          c.lanes = each;
          const factor = isNumber(stride) ? new Constant("i64", stride) : this.toLanes(this.int(stride) as Virtual);
          const result = multiply(c, "i64", ramp, factor);
          c.lanes = lanes;
          return result;
        }),
      );
      indices = indices === null ? ramp : indices.map((x, p) => c.v("vpaddq", bytes, x, ramp[p]!));
      const stepBytes = this.strideBytes(stride, size);
      const from = base.base!;
      base = new Place(
        c.once(`g${access.buffer}:${numberOf(from)}:${name}:${open.level}`, level, () =>
          this.sum(from, this.product(open.counter, stepBytes)),
        ),
        null,
        1,
        base.disp,
      );
    }
    if (dynamic?.varying) {
      const step = access.dynamic!.stride;
      let index = this.value(dynamic);
      if (step !== 1) {
        const factor = isNumber(step)
          ? new Constant("i64", step)
          : c.once(`f${step.arg}:${lanes}`, 0, () => this.toLanes(this.int(step) as Virtual));
        index = multiply(c, "i64", index, factor);
      }
      const register = c.register(index, bytes);
      const whole = register instanceof View ? register.of : register;
      indices = indices === null ? [whole] : indices.map((x) => c.v("vpaddq", bytes, x, whole));
    }
    return { base, indices: indices! };
  }

  protected store(s: Extract<Step, { kind: "store" }>): void {
    const { c } = this;
    const { dtype } = this.kernel.buffers[s.access.buffer]!;
    const value = this.value(s.value);
    if (c.lanes === 1 || this.sideBySide(s.access, s.dynamic)) {
      const place = this.address(s.access, s.dynamic, c.top);
      storeVector(c, dtype, place, value);
      // the lines to be written in the next round, too
      if (c.lanes > 1 && this.vectorStep !== null && this.plan.ahead.has(this.vectorStep) && s.dynamic === null) {
        const around = this.loops.findLast((l) => !l.lanes);
        const term = s.access.terms.find((t) => t.loop === around?.loop);
        if (term !== undefined) this.fetchAhead(s.access, place, term.stride);
      }
      return;
    }
    const { base, indices } = this.scattered(s.access, s.dynamic, c.top);
    scatter(c, dtype, base, indices, value);
  }
}

const virtualIds = new WeakMap<Virtual, number>();
let nextVirtual = 0;
function numberOf(v: Virtual): number {
  let id = virtualIds.get(v);
  if (id === undefined) {
    id = nextVirtual++;
    virtualIds.set(v, id);
  }
  return id;
}
