/**
 * Loop IR to JavaScript text.
 */
import * as float16 from "../../../core/float16.ts";
import type { DType } from "../../../core/dtype.ts";
import { computeType, type Expr, type LeafPrimitive, type Primitive } from "../../../ir/expr.ts";
import type { Access, Int, LoopKernel, LoopVar, Stmt } from "../../../ir/loops.ts";
import { constantText, helpers, meaningOf, paramText } from "./primitives.ts";
import { type JsKernel, intSlot, paramSlot } from "./kernel.ts";

const scope: Readonly<Record<string, unknown>> = { ...helpers, ...float16 };
const scopeNames = Object.keys(scope);
const scopeValues = scopeNames.map((name) => scope[name]);

/** Compiles a normalized kernel through `new Function`. */
export function compileText(kernel: LoopKernel): JsKernel {
  const text = new Renderer(kernel).kernelText();
  return new Function(...scopeNames, `"use strict"; return (V, B) => {\n${text}};`)(...scopeValues) as JsKernel;
}

class Renderer {
  private readonly kernel: LoopKernel;
  private readonly lines: string[] = [];
  private readonly params = new Map<string, string>();
  private readonly loopNames = new Map<LoopVar, string>();
  /** f32 sums and products are kept in double precision and rounded when read. */
  private readonly wide = new Set<number>();

  constructor(kernel: LoopKernel) {
    this.kernel = kernel;
    findWide(kernel.body, this.wide);
  }

  kernelText(): string {
    this.body(this.kernel.body, "  ");
    const head: string[] = [];
    this.kernel.buffers.forEach((_, k) => head.push(`  const v${k} = V[${k}], o${k} = B[${1 + k}];\n`));
    for (let k = 0; k < this.kernel.ints; k++) head.push(`  const n${k} = B[${intSlot(this.kernel, { arg: k })}];\n`);
    for (const [name, text] of this.params) head.push(`  const ${name} = ${text};\n`);
    return head.join("") + this.lines.join("");
  }

  private body(body: readonly Stmt[], indent: string): void {
    for (const s of body) this.statement(s, indent);
  }

  private statement(s: Stmt, indent: string): void {
    const put = (line: string) => this.lines.push(`${indent}${line}\n`);
    switch (s.kind) {
      case "loop": {
        const i = `i${this.loopNames.size}`;
        this.loopNames.set(s.loop, i);
        put(`for (let ${i} = 0; ${i} < ${intText(s.extent)}; ${i}++) {`);
        this.body(s.body, `${indent}  `);
        put("}");
        break;
      }
      case "if":
        put(`if (${this.expr(s.condition)}) {`);
        this.body(s.body, `${indent}  `);
        put("}");
        break;
      case "let":
        put(`const t${s.id} = ${this.expr(s.value)};`);
        break;
      case "accumulators":
        s.ids.forEach((id, k) => put(`let t${id} = ${this.expr(s.init[k]!)};`));
        break;
      case "accumulate":
        this.accumulate(s, put);
        break;
      case "store": {
        const dtype = this.kernel.buffers[s.access.buffer]!.dtype;
        checkElement(dtype, s.value, this.kernel.name);
        put(`v${s.access.buffer}[${this.position(s.access)}] = ${storeText(dtype, this.expr(s.value))};`);
        break;
      }
    }
  }

  private accumulate(s: Extract<Stmt, { kind: "accumulate" }>, put: (line: string) => void): void {
    const names = s.ids.map((id) => `t${id}`);
    const values = s.values.map((v) => this.expr(v));
    switch (s.op) {
      case "set":
        put(`${names[0]} = ${values[0]};`);
        break;
      case "argmax":
      case "argmin": {
        put(
          `{ const x = ${values[0]}; if (x ${s.op === "argmax" ? ">" : "<"} ${names[0]} || (x !== x && ${names[0]} === ${names[0]})) {`,
        );
        put(`  ${names[1]} = ${values[1]}; ${names[0]} = x; } }`);
        break;
      }
      default: {
        if (this.wide.has(s.ids[0]!)) put(`${names[0]} ${s.op === "add" ? "+" : "*"}= ${values[0]};`);
        else put(`${names[0]} = ${meaningOf(s.op, s.values[0]!.type, s.values[0]!.type).text(names[0]!, values[0]!)};`);
      }
    }
  }

  private position(access: Access): string {
    let text = `o${access.buffer}`;
    for (const { loop, stride } of access.terms) {
      if (stride === 0) continue;
      text += ` + ${this.loopNames.get(loop)}${stride === 1 ? "" : ` * ${intText(stride)}`}`;
    }
    if (access.offset !== undefined && access.offset !== 0) text += ` + ${intText(access.offset)}`;
    if (access.dynamic) {
      const stride = access.dynamic.stride;
      text += ` + ${this.number(access.dynamic.index)}${stride === 1 ? "" : ` * ${intText(stride)}`}`;
    }
    return text;
  }

  /** An i64 as a JavaScript number, without a detour through BigInt where it is a position. */
  private number(e: Expr): string {
    switch (e.op) {
      case "index":
        return this.loopNames.get(e.ref as LoopVar)!;
      case "extent":
        return intText(e.ref as Int);
      case "const":
        return `(${e.value})`;
      case "add":
      case "sub":
      case "mul":
        return `(${this.number(e.args[0]!)} ${{ add: "+", sub: "-", mul: "*" }[e.op]} ${this.number(e.args[1]!)})`;
      case "cast":
        if (e.args[0]!.type === "i32") return this.expr(e.args[0]!);
        return `Number(${this.expr(e)})`;
      default:
        return `Number(${this.expr(e)})`;
    }
  }

  private expr(e: Expr): string {
    switch (e.op) {
      case "const":
        return constantText(e.value, e.type);
      case "param": {
        const name = `p${e.value}${e.type}`;
        this.params.set(name, paramText[e.type](`B[${paramSlot(this.kernel, e.value as number)}]`));
        return name;
      }
      case "local":
        return this.wide.has(e.value as number) ? `fround(t${e.value})` : `t${e.value}`;
      case "index":
        return `BigInt(${this.loopNames.get(e.ref as LoopVar)})`;
      case "extent":
        return `BigInt(${intText(e.ref as Int)})`;
      case "load": {
        const access = e.ref as Access;
        const dtype = this.kernel.buffers[access.buffer]!.dtype;
        checkElement(dtype, e, this.kernel.name);
        return loadText(dtype, `v${access.buffer}[${this.position(access)}]`);
      }
      case "input":
      case "accumulator":
      case "column":
      case "columns":
      case "at":
        throw unexpectedLeaf(e.op, this.kernel.name);
      case "cast":
        if (e.args[0]!.type === "i64" && e.type === "f64" && isPosition(e.args[0]!)) return this.number(e.args[0]!);
        return meaningOf(e.op, e.args[0]!.type, e.type).text(this.expr(e.args[0]!));
      default:
        return meaningOf(e.op as Exclude<Primitive, LeafPrimitive>, e.args[0]!.type, e.type).text(
          ...e.args.map((a) => this.expr(a)),
        );
    }
  }
}

/** Made of counters and sizes only, and so far from overflow. */
function isPosition(e: Expr): boolean {
  if (e.op === "index" || e.op === "extent" || e.op === "const") return true;
  return (e.op === "add" || e.op === "sub" || e.op === "mul") && e.args.every(isPosition);
}

function intText(int: Int): string {
  return typeof int === "number" ? String(int) : `n${int.arg}`;
}

/** Finds the f32 accumulators that only ever add or multiply. */
export function findWide(body: readonly Stmt[], wide: Set<number>): void {
  const types = new Map<number, string>();
  const ops = new Map<number, string>();
  const visit = (list: readonly Stmt[]): void => {
    for (const s of list) {
      if (s.kind === "accumulators") s.ids.forEach((id, k) => types.set(id, s.types[k]!));
      else if (s.kind === "accumulate") {
        for (const id of s.ids) ops.set(id, ops.has(id) && ops.get(id) !== s.op ? "several" : s.op);
      } else if (s.kind === "loop" || s.kind === "if") visit(s.body);
    }
  };
  visit(body);
  for (const [id, op] of ops) if (types.get(id) === "f32" && (op === "add" || op === "mul")) wide.add(id);
}

/** Throws when an element of a buffer does not have the type in which its dtype is computed. */
export function checkElement(dtype: DType, e: Expr, kernel: string): void {
  if (computeType(dtype) !== e.type)
    throw new TypeError(`kernel ${kernel}: an element of ${dtype} is ${computeType(dtype)}, not ${e.type}`);
}

export function unexpectedLeaf(op: LeafPrimitive, kernel: string): TypeError {
  return new TypeError(`kernel ${kernel}: ${op} must be lowered before rendering`);
}

function loadText(dtype: DType, element: string): string {
  switch (dtype.key) {
    case "f16":
      return `halfToNumber(${element})`;
    case "bf16":
      return `bfloatToNumber(${element})`;
    case "bool":
      return `(${element} !== 0)`;
    default:
      return element;
  }
}

function storeText(dtype: DType, value: string): string {
  switch (dtype.key) {
    case "f16":
      return `numberToHalf(${value})`;
    case "bf16":
      return `numberToBfloat(${value})`;
    case "bool":
      return `${value} ? 1 : 0`;
    default:
      return value;
  }
}
