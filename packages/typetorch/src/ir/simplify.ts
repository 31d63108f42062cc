/**
 * Simplification that keeps results bit for bit: equal expressions become one object, identities that are exact for every value (NaN and -0 included) are
 * applied, and what several statements use is computed once, by a `let`.
 */
import { eitherWay, Expr, type ScalarType } from "./expr.ts";
import { type Access, type Int, local, type LoopKernel, type LoopVar, type Stmt } from "./loops.ts";

const refIds = new WeakMap<object, number>();
let nextRef = 0;
function refId(ref: object): number {
  let id = refIds.get(ref);
  if (id === undefined) {
    id = nextRef++;
    refIds.set(ref, id);
  }
  return id;
}

function intKey(int: Int | undefined): string {
  return int === undefined ? "" : typeof int === "number" ? String(int) : `a${int.arg}`;
}

function accessKey(access: Access): string {
  const terms = access.terms.map((t) => `${refId(t.loop)}*${intKey(t.stride)}`).join("+");
  return `${access.buffer}:${terms}:${intKey(access.offset)}:${access.dynamic ? intKey(access.dynamic.stride) : ""}`;
}

/** Makes equal expressions one object and simplifies them. */
export class Interner {
  private readonly nodes = new Map<string, Expr>();
  private readonly ids = new Map<Expr, number>();
  private readonly done = new Map<Expr, Expr>();

  /** The one simplified object for this expression. */
  intern(e: Expr): Expr {
    const known = this.done.get(e);
    if (known !== undefined) return known;
    const args = e.args.map((a) => this.intern(a));
    const result = this.unique(simplify(e, args));
    this.done.set(e, result);
    this.done.set(result, result);
    return result;
  }

  private unique(e: Expr): Expr {
    const key = this.keyOf(e);
    const known = this.nodes.get(key);
    if (known !== undefined) return known;
    this.nodes.set(key, e);
    this.ids.set(e, this.ids.size);
    return e;
  }

  private keyOf(e: Expr): string {
    const value = Object.is(e.value, -0) ? "-0" : `${e.value}${typeof e.value === "bigint" ? "n" : ""}`;
    let ref = "";
    if (e.op === "load") ref = accessKey(e.ref as Access);
    else if (e.op === "index") ref = String(refId(e.ref as LoopVar));
    else if (e.op === "extent") ref = intKey(e.ref as Int);
    else if (e.ref === eitherWay) ref = "either";
    return `${e.op} ${e.type} ${value} ${ref} ${e.args.map((a) => this.ids.get(a) ?? this.ids.get(this.unique(a))).join(",")}`;
  }
}

function isConstant(e: Expr, value: number): boolean {
  return e.op === "const" && (typeof e.value === "bigint" ? e.value === BigInt(value) : Object.is(e.value, value));
}
function isFloat(type: ScalarType): boolean {
  return type === "f32" || type === "f64";
}

/** The expression with these arguments, or something equal and simpler. */
function simplify(e: Expr, args: readonly Expr[]): Expr {
  const [a, b, c] = args;
  switch (e.op) {
    case "mul":
    case "div":
      if (isConstant(b!, 1)) return a!;
      if (e.op === "mul" && isConstant(a!, 1)) return b!;
      break;
    case "add":
      // x + 0 is not x for x = -0; x + (-0) is.
      if (isConstant(b!, isFloat(e.type) ? -0 : 0)) return a!;
      if (isConstant(a!, isFloat(e.type) ? -0 : 0)) return b!;
      break;
    case "sub":
      if (isConstant(b!, 0)) return a!;
      break;
    case "pow":
      if (isConstant(b!, 2)) return new Expr("mul", e.type, [a!, a!]);
      if (isConstant(b!, 1)) return a!;
      break;
    case "neg":
    case "not":
      if (a!.op === e.op) return a!.args[0]!;
      break;
    case "select":
      if (b === c) return b!;
      break;
    case "cast":
      if (a!.type === e.type) return a!;
      if (a!.op === "const" && isFloat(e.type) && a!.type === "i32") return new Expr("const", e.type, [], a!.value);
      // bool to anything and back
      if (e.type === "bool" && a!.op === "cast" && a!.args[0]!.type === "bool") return a!.args[0]!;
      break;
    default:
      break;
  }
  if (args.every((x, i) => x === e.args[i])) return e;
  const ref = e.op === "load" ? { ...(e.ref as Access), dynamic: { ...(e.ref as Access).dynamic!, index: a! } } : e.ref;
  return new Expr(e.op, e.type, args, e.value, ref);
}

/** Whether an expression is cheap enough to write out again: no arithmetic. */
function isLeaf(e: Expr): boolean {
  return e.args.length === 0 && e.op !== "load";
}

/** The kernel with simplified expressions in which everything used more than once in straight-line code is a `let`. */
export function normalize(kernel: LoopKernel): LoopKernel {
  return { ...kernel, body: new Normalizer(kernel.body).run() };
}

class Normalizer {
  private readonly interner = new Interner();
  private readonly source: readonly Stmt[];
  private readonly mutable = new Set<number>();
  private readonly aliases = new Map<number, Expr>();
  private nextId = 0;

  constructor(body: readonly Stmt[]) {
    this.source = body;
    this.scan(body);
  }

  run(): Stmt[] {
    return this.body(this.source, new Map());
  }

  private scan(body: readonly Stmt[]): void {
    for (const s of body) {
      if (s.kind === "let") this.nextId = Math.max(this.nextId, s.id + 1);
      else if (s.kind === "accumulators") {
        for (const id of s.ids) {
          this.nextId = Math.max(this.nextId, id + 1);
          this.mutable.add(id);
        }
      } else if (s.kind === "loop" || s.kind === "if") this.scan(s.body);
    }
  }

  private readonly volatility = new Map<Expr, boolean>();
  /** Whether the value may change when something is stored or accumulated. */
  private isVolatile(e: Expr): boolean {
    let v = this.volatility.get(e);
    if (v === undefined) {
      v = e.op === "load" || (e.op === "local" && this.mutable.has(e.value as number)) || e.args.some((a) => this.isVolatile(a));
      this.volatility.set(e, v);
    }
    return v;
  }

  private substituted = new Map<Expr, Expr>();
  /** Interned, with locals that only rename another local replaced. */
  private canonical(e: Expr): Expr {
    return this.interner.intern(this.replaceAliases(e));
  }
  private replaceAliases(e: Expr): Expr {
    if (this.aliases.size === 0) return e;
    if (e.op === "local") return this.aliases.get(e.value as number) ?? e;
    const known = this.substituted.get(e);
    if (known !== undefined) return known;
    const args = e.args.map((a) => this.replaceAliases(a));
    let out = e;
    if (!args.every((x, i) => x === e.args[i])) {
      const ref = e.op === "load" ? { ...(e.ref as Access), dynamic: { ...(e.ref as Access).dynamic!, index: args[0]! } } : e.ref;
      out = new Expr(e.op, e.type, args, e.value, ref);
    }
    this.substituted.set(e, out);
    return out;
  }

  private body(source: readonly Stmt[], outer: ReadonlyMap<Expr, Expr>): Stmt[] {
    const known = new Map(outer);
    const out: Stmt[] = [];
    let start = 0;
    while (start < source.length) {
      const first = source[start]!;
      if (first.kind === "loop" || first.kind === "if") {
        const writes = hasWrites(first.body);
        if (writes) this.forgetVolatile(known);
        if (first.kind === "loop") out.push({ ...first, body: this.body(first.body, known) });
        else {
          const condition = this.emit(this.canonical(first.condition), known, new Map(), out);
          out.push({ kind: "if", condition, body: this.body(first.body, known) });
        }
        start++;
        continue;
      }
      let end = start;
      while (end < source.length && source[end]!.kind !== "loop" && source[end]!.kind !== "if") end++;
      this.straight(source.slice(start, end), known, out);
      start = end;
    }
    return out;
  }

  private forgetVolatile(known: Map<Expr, Expr>): void {
    for (const e of known.keys()) if (this.isVolatile(e)) known.delete(e);
  }

  private straight(source: readonly Stmt[], known: Map<Expr, Expr>, out: Stmt[]): void {
    const uses = new Map<Expr, number>();
    const count = (e: Expr): void => {
      const n = uses.get(e) ?? 0;
      uses.set(e, n + 1);
      if (n === 0) for (const a of e.args) count(a);
    };
    for (const s of source) for (const e of expressionsOf(s)) count(this.canonical(e));
    for (const s of source) {
      switch (s.kind) {
        case "let": {
          const value = this.canonical(s.value);
          const emitted = this.emit(value, known, uses, out, s.id);
          if (emitted.op === "local" && !this.mutable.has(emitted.value as number)) {
            if (emitted.value !== s.id) {
              this.aliases.set(s.id, emitted);
              this.substituted = new Map();
            }
          } else {
            out.push({ kind: "let", id: s.id, value: emitted });
          }
          break;
        }
        case "accumulators":
          out.push({ ...s, init: s.init.map((e) => this.emit(this.canonical(e), known, uses, out)) });
          break;
        case "accumulate":
          out.push({ ...s, values: s.values.map((e) => this.emit(this.canonical(e), known, uses, out)) });
          this.forgetVolatile(known);
          break;
        case "store": {
          const value = this.emit(this.canonical(s.value), known, uses, out);
          const access = s.access.dynamic
            ? {
                ...s.access,
                dynamic: { ...s.access.dynamic, index: this.emit(this.canonical(s.access.dynamic.index), known, uses, out) },
              }
            : s.access;
          out.push({ kind: "store", access, value });
          this.forgetVolatile(known);
          break;
        }
        default:
          break;
      }
    }
  }

  /** The expression with its shared parts replaced by locals, for which lets are appended to `out`. With `id` the value itself gets that name. */
  private emit(e: Expr, known: Map<Expr, Expr>, uses: Map<Expr, number>, out: Stmt[], id = -1): Expr {
    const there = known.get(e);
    if (there !== undefined) return there;
    if (isLeaf(e)) return e;
    const args = e.args.map((a) => this.emit(a, known, uses, out));
    let value = e;
    if (!args.every((x, i) => x === e.args[i])) {
      const ref = e.op === "load" ? { ...(e.ref as Access), dynamic: { ...(e.ref as Access).dynamic!, index: args[0]! } } : e.ref;
      value = new Expr(e.op, e.type, args, e.value, ref);
    }
    if (id < 0 && (uses.get(e) ?? 0) < 2) return value;
    const name = local(id >= 0 ? id : this.nextId++, e.type);
    out.push({ kind: "let", id: name.value as number, value });
    known.set(e, name);
    return name;
  }
}

function expressionsOf(s: Stmt): readonly Expr[] {
  switch (s.kind) {
    case "let":
      return [s.value];
    case "accumulators":
      return s.init;
    case "accumulate":
      return s.values;
    case "store":
      return s.access.dynamic ? [s.value, s.access.dynamic.index] : [s.value];
    case "if":
      return [s.condition];
    default:
      return [];
  }
}

function hasWrites(body: readonly Stmt[]): boolean {
  return body.some(
    (s) => s.kind === "store" || s.kind === "accumulate" || ((s.kind === "loop" || s.kind === "if") && hasWrites(s.body)),
  );
}
