/**
 * The leaves of expressions: parameters, positions of loops, elements in memory; and stores.
 */
import type { DType } from "../../../core/dtype.ts";
import type { ScalarType } from "../../../ir/expr.ts";
import type { Access, Int } from "../../../ir/loops.ts";
import { LoopCompiler } from "../kernel/compiler.ts";
import type { Node, Step } from "../kernel/graph.ts";
import { nameOf, type OpenLoop } from "../kernel/values.ts";
import { gather, loadUniform, loadVector, type Place, scatter, storeVector } from "./access.ts";
import { spread } from "./accumulate.ts";
import type { Code, Local, Value } from "./code.ts";
import { render } from "./renderTable.ts";

/** The frame outside of a loop's body holds the pointers that move with the loop. */
export interface Loop extends OpenLoop<Local> {
  /** How far the counter moves in a round. */
  readonly span: number;
  /** Pointers that move at the end of each round, and how far. */
  readonly moving: Map<Local, Local | number>;
}

export abstract class Leaves extends LoopCompiler<Local, Code, Loop> {
  protected spread(type: ScalarType, value: Value): Value {
    return spread(this.c, type, value);
  }

  /** An i64 in all lanes. */
  private longOf(push: () => void): Local {
    return this.c.hold("v128", () => {
      push();
      this.c.body.op("i64x2.splat");
    });
  }
  protected extent(arg: number): Local {
    return this.longOf(() => {
      this.c.slot(this.slotOf(arg));
      this.c.body.op("i64.trunc_sat_f64_s");
    });
  }

  protected parameter(node: Node): Value {
    const { c } = this;
    const slot = this.slotOf(this.kernel.ints + (node.value as number));
    const { lanes } = c;
    c.lanes = 1;
    const number = c.hold("v128", () => {
      c.slot(slot);
      c.body.op("f64x2.splat");
    });
    const value = render.cast(c, node.type, [number], "f64");
    c.lanes = lanes;
    return lanes > 1 ? this.spread(node.type, value) : value;
  }

  protected position(open: Loop): Local {
    const { c } = this;
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
  }

  // ---- memory

  /** An integer of the kernel in a local, or as a number. */
  protected int(int: Int): Local | number {
    return typeof int === "number" ? int : this.c.argument(this.slotOf(int.arg));
  }

  private dtypeOf(access: Access): DType {
    return this.kernel.buffers[access.buffer]!.dtype;
  }

  protected loadAt(node: Node, access: Access, dynamic: Node | null, level: number): Value {
    const { c } = this;
    const dtype = this.dtypeOf(access);
    if (!node.varying || c.lanes === 1) return loadUniform(c, dtype, this.place(access, dynamic, level));
    if (this.sideBySide(access, dynamic)) return loadVector(c, dtype, this.place(access, dynamic, level));
    return gather(c, dtype, this.places(access, dynamic, level));
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
