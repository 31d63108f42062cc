/**
 * The leaves of expressions: parameters, positions of loops, elements in memory; and stores.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import type { Access, Int } from "../../../ir/loops.ts";
import { LoopCompiler } from "../kernel/compiler.ts";
import { Constant, sizeOf } from "../kernel/frames.ts";
import { type Node, type Step, Unsupported } from "../kernel/graph.ts";
import { nameOf, type OpenLoop } from "../kernel/values.ts";
import { gather, loadUniform, loadVector, scatter, spread, storeVector } from "./access.ts";
import { type Code, type Value, vectorBytes } from "./code.ts";
import { Instruction, Place, View, type Virtual } from "./machine.ts";
import { multiply } from "./operations.ts";
import { render } from "./renderTable.ts";
import { Label, type Memory, ptr, rax, rdi } from "./registers.ts";

/** Bytes of a row that is fetched while the row before is computed. */
const longestFetched = 16384;

export interface Loop extends OpenLoop<Virtual> {
  /** Code at the end of each round; null where the counter does not start at 0. */
  readonly latch: Instruction[] | null;
}

export abstract class Leaves extends LoopCompiler<Virtual, Code, Loop> {
  protected spread(type: ScalarType, value: Value): Value {
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

  protected extent(arg: number): Virtual {
    return this.toLanes(this.c.argument(this.slotOf(arg)));
  }

  protected position(open: Loop): Virtual {
    const { c } = this;
    const base = this.toLanes(open.counter);
    if (!open.lanes || c.lanes === 1) return base;
    const { lanes, copy } = { lanes: c.lanes, copy: this.copy };
    const ramp = c.asm.longs(...Array.from({ length: lanes }, (_, l) => l + copy * lanes));
    return c.v("vpaddq", vectorBytes(lanes * 8), base, new Place(null, null, 1, 0, ramp));
  }

  protected parameter(node: Node): Value {
    const { c } = this;
    const slot = this.slotOf(this.kernel.ints + (node.value as number));
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
    return lanes > 1 ? this.spread(node.type, value) : value;
  }

  // ---- memory

  /** An integer of the kernel in a register, or as a number. */
  protected int(int: Int): Virtual | number {
    return typeof int === "number" ? int : this.c.argument(this.slotOf(int.arg));
  }

  protected loadAt(node: Node, access: Access, dynamic: Node | null, level: number): Value {
    const { c } = this;
    const { dtype } = this.kernel.buffers[access.buffer]!;
    if (!node.varying || c.lanes === 1) return loadUniform(c, dtype, this.address(access, dynamic, level));
    if (this.sideBySide(access, dynamic)) {
      const place = this.address(access, dynamic, level);
      const stride = this.vectorStep === null ? undefined : this.plan.ahead.get(this.vectorStep)?.get(access.buffer);
      if (stride !== undefined) this.fetchAhead(access, place, stride);
      return loadVector(c, dtype, place);
    }
    const { base, indices } = this.scattered(access, dynamic, level);
    return gather(c, dtype, base, indices);
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

  /** Bytes per step of a stride, as a number or a register known from the outermost frame on. */
  private strideBytes(stride: Int, size: number): Virtual | number {
    const { c } = this;
    if (typeof stride === "number") return stride * size;
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
      if (typeof offset === "number") disp = offset * size;
      else {
        key += `+a${offset.arg}`;
        const base = pointer;
        pointer = c.once(key, 0, () => this.sum(base, this.strideBytes(offset, size)));
      }
    }
    const terms = access.terms
      .filter((t) => t.stride !== 0)
      .map((t) => ({ stride: t.stride, open: this.open(t.loop) }))
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
      key += `+${open.level}.${nameOf(stride)}`;
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
        key += `+d${dynamic.id}:${nameOf(step)}`;
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
      const open = this.open(t.loop);
      if (t.stride === 0 || !open.lanes) continue;
      const name = nameOf(t.stride);
      const stride = t.stride;
      const ramp = Array.from({ length: parts }, (_, p) =>
        c.once(`r${name}:${p}:${lanes}`, 0, () => {
          const numbers = c.asm.longs(...Array.from({ length: each }, (_, l) => l + p * each));
          const ramp = c.v("vmovups", bytes, new Place(null, null, 1, 0, numbers));
          if (stride === 1) return ramp;
          c.lanes = each;
          const factor = typeof stride === "number" ? new Constant("i64", stride) : this.toLanes(this.int(stride) as Virtual);
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
        const factor =
          typeof step === "number"
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
