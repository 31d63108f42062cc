/**
 * Loop IR to closures: the same meanings as the generated text, without generating code.
 */
import type { DType, TypedArray } from "../../../core/dtype.ts";
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../../../core/float16.ts";
import type { Expr, LeafPrimitive, Primitive } from "../../../ir/expr.ts";
import type { Access, Int, LoopKernel, LoopVar, Stmt } from "../../../ir/loops.ts";
import { type JsKernel, intSlot, paramSlot } from "./kernel.ts";
import { constantValue, meaningOf, paramValue, type Value } from "./primitives.ts";
import { checkElement, findWide, unexpectedLeaf } from "./render.ts";

type Compute = () => Value;
type Run = () => void;
type Elements = { [position: number]: number | bigint };

/** Compiles a normalized kernel to closures. */
export function compileClosures(kernel: LoopKernel): JsKernel {
  const builder = new Builder(kernel);
  const run = builder.body(kernel.body);
  return (views, block) => {
    builder.views = views;
    builder.block = block;
    run();
  };
}

class Builder {
  views: readonly TypedArray[] = [];
  block: Float64Array = new Float64Array(0);
  private readonly kernel: LoopKernel;
  private readonly locals: Value[] = [];
  private readonly counters: number[] = [];
  private readonly loopSlots = new Map<LoopVar, number>();
  private readonly wide = new Set<number>();

  constructor(kernel: LoopKernel) {
    this.kernel = kernel;
    findWide(kernel.body, this.wide);
  }

  body(body: readonly Stmt[]): Run {
    const steps = body.map((s) => this.statement(s));
    return () => {
      for (const step of steps) step();
    };
  }

  private statement(s: Stmt): Run {
    const { locals, counters } = this;
    switch (s.kind) {
      case "loop": {
        const slot = this.loopSlots.size;
        this.loopSlots.set(s.loop, slot);
        const extent = this.int(s.extent);
        const inner = this.body(s.body);
        return () => {
          const n = extent();
          for (let i = 0; i < n; i++) {
            counters[slot] = i;
            inner();
          }
        };
      }
      case "if": {
        const condition = this.expr(s.condition);
        const inner = this.body(s.body);
        return () => {
          if (condition()) inner();
        };
      }
      case "let": {
        const value = this.expr(s.value);
        return () => {
          locals[s.id] = value();
        };
      }
      case "accumulators": {
        const init = s.init.map((e) => this.expr(e));
        return () => {
          for (let k = 0; k < init.length; k++) locals[s.ids[k]!] = init[k]!();
        };
      }
      case "accumulate":
        return this.accumulate(s);
      case "store": {
        const dtype = this.kernel.buffers[s.access.buffer]!.dtype;
        checkElement(dtype, s.value, this.kernel.name);
        const position = this.position(s.access);
        const value = this.expr(s.value);
        const convert = storeConversion(dtype);
        return () => {
          (this.views[s.access.buffer] as unknown as Elements)[position()] = convert(value());
        };
      }
    }
  }

  private accumulate(s: Extract<Stmt, { kind: "accumulate" }>): Run {
    const { locals } = this;
    const [id, indexId] = s.ids as [number, number];
    const values = s.values.map((v) => this.expr(v));
    const value = values[0]!;
    switch (s.op) {
      case "set":
        return () => {
          locals[id] = value();
        };
      case "argmax":
      case "argmin":
        return () => {
          const x = value();
          const best = locals[id]!;
          if ((s.op === "argmax" ? x > best : x < best) || (x !== x && best === best)) {
            locals[indexId] = values[1]!();
            locals[id] = x;
          }
        };
      default: {
        const type = s.values[0]!.type;
        const combine = meaningOf(s.op, this.wide.has(id) ? "f64" : type, this.wide.has(id) ? "f64" : type).run as (
          a: Value,
          b: Value,
        ) => Value;
        return () => {
          locals[id] = combine(locals[id]!, value());
        };
      }
    }
  }

  private int(int: Int): () => number {
    if (typeof int === "number") return () => int;
    const slot = intSlot(this.kernel, int);
    return () => this.block[slot]!;
  }

  private position(access: Access): () => number {
    const { counters } = this;
    const terms = access.terms.map((t) => ({ slot: this.loopSlots.get(t.loop)!, stride: this.int(t.stride) }));
    const offset = this.int(access.offset ?? 0);
    const dynamic = access.dynamic ? this.expr(access.dynamic.index) : null;
    const dynamicStride = this.int(access.dynamic?.stride ?? 0);
    const base = 1 + access.buffer;
    return () => {
      let at = this.block[base]! + offset();
      for (const t of terms) at += counters[t.slot]! * t.stride();
      if (dynamic) at += Number(dynamic()) * dynamicStride();
      return at;
    };
  }

  private expr(e: Expr): Compute {
    const { locals, counters } = this;
    switch (e.op) {
      case "const": {
        const value = constantValue(e.value, e.type);
        return () => value;
      }
      case "param": {
        const slot = paramSlot(this.kernel, e.value as number);
        return () => paramValue(this.block[slot]!, e.type);
      }
      case "local": {
        const id = e.value as number;
        return this.wide.has(id) ? () => Math.fround(locals[id] as number) : () => locals[id]!;
      }
      case "index": {
        const slot = this.loopSlots.get(e.ref as LoopVar)!;
        return () => BigInt(counters[slot]!);
      }
      case "extent": {
        const int = this.int(e.ref as Int);
        return () => BigInt(int());
      }
      case "load": {
        const access = e.ref as Access;
        const dtype = this.kernel.buffers[access.buffer]!.dtype;
        checkElement(dtype, e, this.kernel.name);
        const position = this.position(access);
        const convert = loadConversion(dtype);
        return () => convert((this.views[access.buffer] as unknown as Elements)[position()]!);
      }
      case "input":
      case "accumulator":
      case "column":
      case "columns":
      case "at":
        throw unexpectedLeaf(e.op, this.kernel.name);
      default: {
        const run = meaningOf(e.op as Exclude<Primitive, LeafPrimitive>, e.args[0]!.type, e.type).run as (
          ...args: Value[]
        ) => Value;
        const [a, b, c] = e.args.map((x) => this.expr(x)) as [Compute, Compute, Compute];
        if (e.args.length === 1) return () => run(a());
        if (e.args.length === 2) return () => run(a(), b());
        return () => run(a(), b(), c());
      }
    }
  }
}

function loadConversion(dtype: DType): (x: number | bigint) => Value {
  switch (dtype.key) {
    case "f16":
      return (x) => halfToNumber(x as number);
    case "bf16":
      return (x) => bfloatToNumber(x as number);
    case "bool":
      return (x) => x !== 0;
    default:
      return (x) => x;
  }
}

function storeConversion(dtype: DType): (x: Value) => number | bigint {
  switch (dtype.key) {
    case "f16":
      return (x) => numberToHalf(x as number);
    case "bf16":
      return (x) => numberToBfloat(x as number);
    case "bool":
      return (x) => (x ? 1 : 0);
    default:
      return (x) => x as number | bigint;
  }
}
