/**
 * A loop kernel as a graph: equal expressions are one node, transcendental functions are written out, lets are edges, and every node knows whether it differs
 * from lane to lane.
 */
import { eitherWay, Expr, type LeafPrimitive, type Primitive, type ScalarType, type Transcendental } from "../../../ir/expr.ts";
import type { Access, CombineOp, Int, LoopKernel, LoopVar, Stmt } from "../../../ir/loops.ts";
import { isTranscendental, lowerTranscendental, PowerScale, rare } from "../../../ir/transcendental.ts";

/** What a kernel asks for and a compiler has not got. */
export class Unsupported extends Error {}

/** The primitives for which a render table has a row: the others are written out before, or leaves that the compiler itself reads. */
export type Rendered = Exclude<Primitive, LeafPrimitive | Transcendental>;

/** What a target's vectors are like, as far as the shape of the code depends on it. */
export interface VectorShape {
  /** Lanes of 64 bits in a vector. */
  readonly wideLanes: number;
  /** Bools are masks in registers of their own, one bit a lane; otherwise all ones or zeros in lanes of one size in the whole kernel. */
  readonly masks: boolean;
  /** There is an instruction for `value * 2^exponent`. */
  readonly scales: boolean;
  /** Elements of one and two bytes can be gathered. */
  readonly gathersNarrow: boolean;
  /** Lanes can be stored to elements anywhere. */
  readonly scatters: boolean;
  /** How many copies of a vector loop's body with loops inside there are at the most; twice as many accumulators stay in registers. */
  readonly copies: number;
}

export type NodeOp = Rendered | "scale" | "const" | "param" | "extent" | "index" | "local" | "load";

export class Node {
  readonly id: number;
  /** `scale`: args[0] * 2^args[1]. */
  readonly op: NodeOp;
  readonly type: ScalarType;
  readonly args: readonly Node[];
  readonly value: number | bigint;
  readonly ref: unknown;
  /** Differs from lane to lane of the vector loop. */
  readonly varying: boolean;
  /** Depends on an accumulator or on memory that the kernel writes: must be computed where it stands. */
  readonly mutable: boolean;
  /** Some statement needs it. */
  live = false;
  /** What the compiler keeps of a constant. */
  known: unknown = null;
  constructor(
    id: number,
    op: NodeOp,
    type: ScalarType,
    args: readonly Node[],
    value: number | bigint,
    ref: unknown,
    varying: boolean,
    mutable: boolean,
  ) {
    this.id = id;
    this.op = op;
    this.type = type;
    this.args = args;
    this.value = value;
    this.ref = ref;
    this.varying = varying;
    this.mutable = mutable;
  }
}

export interface LoopStep {
  readonly kind: "loop";
  readonly loop: LoopVar;
  readonly extent: Int;
  readonly vector: boolean;
  readonly body: readonly Step[];
  /** Accumulators that the body changes. */
  readonly updates: ReadonlySet<number>;
}
export type Step =
  | LoopStep
  | { readonly kind: "evaluate"; readonly node: Node }
  | {
      readonly kind: "accumulators";
      readonly ids: readonly number[];
      readonly types: readonly ScalarType[];
      readonly init: readonly Node[];
    }
  | { readonly kind: "accumulate"; readonly ids: readonly number[]; readonly op: CombineOp; readonly values: readonly Node[] }
  | { readonly kind: "store"; readonly access: Access; readonly dynamic: Node | null; readonly value: Node }
  | { readonly kind: "if"; readonly condition: Node; readonly body: readonly Step[] };

export class Graph {
  readonly steps: readonly Step[];
  private readonly kernel: LoopKernel;
  private readonly shape: VectorShape;
  private readonly nodes = new Map<string, Node>();
  private count = 0;
  private done = new Map<Expr, Node>();
  private readonly lets = new Map<number, Node>();
  private readonly versions = new Map<number, number>();
  private readonly bufferVersions = new Map<number, number>();
  private readonly vectorLoops = new Set<LoopVar>();
  private readonly laneAccumulators = new Set<number>();
  private readonly loopIds = new Map<LoopVar, number>();
  /** The rare selects by their condition. */
  readonly rareSelects = new Map<Node, Node[]>();

  constructor(kernel: LoopKernel, shape: VectorShape) {
    this.kernel = kernel;
    this.shape = shape;
    this.steps = this.body(kernel.body, false);
    markLive(this.steps);
  }

  private body(body: readonly Stmt[], inVector: boolean): Step[] {
    const steps: Step[] = [];
    for (const s of body) {
      switch (s.kind) {
        case "let": {
          const node = this.convert(s.value);
          this.lets.set(s.id, node);
          if (node.varying || node.mutable) steps.push({ kind: "evaluate", node });
          break;
        }
        case "accumulators": {
          const init = s.init.map((e) => this.convert(e));
          for (const id of s.ids) {
            this.bump(this.versions, id);
            if (inVector) this.laneAccumulators.add(id);
          }
          steps.push({ kind: "accumulators", ids: s.ids, types: s.types, init });
          break;
        }
        case "accumulate":
          steps.push({ kind: "accumulate", ids: s.ids, op: s.op, values: s.values.map((e) => this.convert(e)) });
          for (const id of s.ids) this.bump(this.versions, id);
          break;
        case "store": {
          const dynamic = s.access.dynamic ? this.convert(s.access.dynamic.index) : null;
          steps.push({ kind: "store", access: s.access, dynamic, value: this.convert(s.value) });
          this.bump(this.bufferVersions, s.access.buffer);
          break;
        }
        case "if":
          steps.push({ kind: "if", condition: this.convert(s.condition), body: this.changing(s.body, inVector).body });
          break;
        case "loop": {
          this.loopIds.set(s.loop, this.loopIds.size);
          if (s.vector) this.vectorLoops.add(s.loop);
          const { body: inner, updates } = this.changing(s.body, inVector || s.vector);
          steps.push({ kind: "loop", loop: s.loop, extent: s.extent, vector: s.vector, body: inner, updates });
          break;
        }
      }
    }
    return steps;
  }

  /** A body that may run any number of times: what it changes is new before and after it. */
  private changing(body: readonly Stmt[], inVector: boolean): { body: Step[]; updates: ReadonlySet<number> } {
    const updates = new Set<number>();
    const buffers = new Set<number>();
    const visit = (list: readonly Stmt[]): void => {
      for (const s of list) {
        if (s.kind === "accumulate") for (const id of s.ids) updates.add(id);
        else if (s.kind === "store") buffers.add(s.access.buffer);
        else if (s.kind === "loop" || s.kind === "if") visit(s.body);
      }
    };
    visit(body);
    const bumpAll = (): void => {
      for (const id of updates) this.bump(this.versions, id);
      for (const b of buffers) this.bump(this.bufferVersions, b);
    };
    bumpAll();
    const steps = this.body(body, inVector);
    bumpAll();
    return { body: steps, updates };
  }

  private bump(versions: Map<number, number>, key: number): void {
    versions.set(key, (versions.get(key) ?? 0) + 1);
    this.done = new Map();
  }

  private make(
    key: string,
    op: NodeOp,
    type: ScalarType,
    args: readonly Node[],
    value: number | bigint,
    ref: unknown,
    varying: boolean,
    mutable: boolean,
  ): Node {
    let node = this.nodes.get(key);
    if (node === undefined) {
      node = new Node(this.count++, op, type, args, value, ref, varying, mutable);
      this.nodes.set(key, node);
    }
    return node;
  }

  private convert(e: Expr): Node {
    const known = this.done.get(e);
    if (known !== undefined) return known;
    const node = this.build(e);
    this.done.set(e, node);
    return node;
  }

  private build(e: Expr): Node {
    const { op, type } = e;
    switch (op) {
      case "const": {
        const value = Object.is(e.value, -0) ? "-0" : String(e.value);
        return this.make(`c${type} ${value}`, op, type, [], e.value, null, false, false);
      }
      case "param":
        return this.make(`p${type} ${e.value}`, op, type, [], e.value, null, false, false);
      case "extent": {
        const int = e.ref as Int;
        if (typeof int === "number") return this.make(`c${type} ${int}`, "const", type, [], int, null, false, false);
        return this.make(`e${int.arg}`, op, type, [], 0, int, false, false);
      }
      case "index": {
        const loop = e.ref as LoopVar;
        return this.make(`i${this.loopIds.get(loop)}`, op, type, [], 0, loop, this.vectorLoops.has(loop), false);
      }
      case "local": {
        const id = e.value as number;
        const value = this.lets.get(id);
        if (value !== undefined) return value;
        const version = this.versions.get(id);
        if (version === undefined) throw new TypeError(`kernel ${this.kernel.name}: local ${id} has no value`);
        return this.make(`l${id}.${version}`, op, type, [], id, null, this.laneAccumulators.has(id), true);
      }
      case "load": {
        const access = e.ref as Access;
        const dynamic = access.dynamic ? [this.convert(e.args[0]!)] : [];
        const written = this.kernel.buffers[access.buffer]!.access !== "read";
        const version = written ? (this.bufferVersions.get(access.buffer) ?? 0) : 0;
        const terms = access.terms.map((t) => `${this.loopIds.get(t.loop)}*${intKey(t.stride)}`).join("+");
        const key = `m${type} ${access.buffer}.${version} ${terms} ${intKey(access.offset ?? 0)} ${dynamic[0]?.id ?? ""}*${intKey(access.dynamic?.stride ?? 0)}`;
        const varying =
          (dynamic[0]?.varying ?? false) || access.terms.some((t) => t.stride !== 0 && this.vectorLoops.has(t.loop));
        return this.make(key, op, type, dynamic, 0, access, varying, written || (dynamic[0]?.mutable ?? false));
      }
      case "input":
      case "accumulator":
      case "column":
      case "columns":
      case "at":
        throw new TypeError(`kernel ${this.kernel.name}: ${op} is no leaf of loop kernels`);
      case "pow": {
        const exponent = e.args[1]!;
        if (exponent.op === "const") {
          const x = e.args[0]!;
          if (exponent.value === 1) return this.convert(x);
          if (exponent.value === 2) return this.convert(new Expr("mul", type, [x, x]));
          if (exponent.value === 3) return this.convert(new Expr("mul", type, [new Expr("mul", type, [x, x]), x]));
          if (exponent.value === -1) return this.convert(new Expr("div", type, [new Expr("const", type, [], 1), x]));
        }
        break;
      }
      case "rem":
        if ((type === "f32" || type === "f64") && e.ref !== exact) return this.convert(remainder(e));
        break;
      default:
        break;
    }
    if (isTranscendental(op)) {
      if (type !== "f32" && type !== "f64") throw new Unsupported(`${op} of ${type}`);
      return this.convert(lowerTranscendental(op, e.args[0]!, e.args[1]));
    }
    if (this.shape.scales && e.ref instanceof PowerScale) {
      return this.inner("scale", type, [this.convert(e.ref.value), this.convert(e.ref.exponent)], null);
    }
    const args = e.args.map((a) => this.convert(a));
    if (op === "cast" && args[0]!.type === type) return args[0]!;
    if (op === "cast" && args[0]!.op === "const" && type !== "bool") {
      const { value } = args[0]!;
      const isFloat = type === "f32" || type === "f64";
      if (isFloat ? typeof value === "number" : typeof value === "number" && Number.isInteger(value) && Math.abs(value) < 2 ** 31)
        return this.convert(new Expr("const", type, [], value));
    }
    if (op === "select" && args[1] === args[2]) return args[1]!;
    if (e.ref !== rare) return this.inner(op, type, args, e.ref === eitherWay ? eitherWay : null);
    const node = this.inner(op, type, args, rare);
    const siblings = this.rareSelects.get(args[0]!);
    if (siblings === undefined) this.rareSelects.set(args[0]!, [node]);
    else if (!siblings.includes(node)) siblings.push(node);
    return node;
  }

  private inner(op: NodeOp, type: ScalarType, args: readonly Node[], ref: unknown): Node {
    let key = `${op} ${type}${ref === rare ? "r" : ref === eitherWay ? "e" : ""}`;
    let varying = false;
    let mutable = false;
    for (const a of args) {
      key += ` ${a.id}`;
      varying ||= a.varying;
      mutable ||= a.mutable;
    }
    return this.make(key, op, type, args, 0, ref, varying, mutable);
  }
}

/** Mark of a remainder that is left to the exact, slow instruction. */
const exact: unique symbol = Symbol("exact");

/** C's fmod: by one division where the quotient is an integer that the type holds exactly and no operand is infinite or zero, as nearly always. */
function remainder(e: Expr): Expr {
  const [x, y] = e.args as [Expr, Expr];
  const quotient = x.div(y);
  const size = y.abs();
  const usual = quotient
    .abs()
    .lt(e.type === "f32" ? 2 ** 22 : 2 ** 51)
    .and(size.lt(Infinity));
  // the quotient may have been rounded up to the next integer; then the rest has the other sign
  const rest = quotient.trunc().neg().fma(y, x);
  const towards = rest.copysign(new Expr("mul", e.type, [rest.sign(), x.sign()]));
  const mended = new Expr("select", e.type, [towards.lt(0), size.sub(rest.abs()), rest.abs()]);
  const slow = new Expr("rem", e.type, e.args, 0, exact);
  return new Expr("select", e.type, [usual.not(), slow, mended.copysign(x)], 0, rare);
}

function markLive(steps: readonly Step[]): void {
  const mark = (n: Node | null): void => {
    if (n === null || n.live) return;
    n.live = true;
    n.args.forEach(mark);
  };
  for (const s of steps) {
    switch (s.kind) {
      case "loop":
        markLive(s.body);
        break;
      case "if":
        mark(s.condition);
        markLive(s.body);
        break;
      case "accumulators":
        s.init.forEach(mark);
        break;
      case "accumulate":
        s.values.forEach(mark);
        break;
      case "store":
        mark(s.value);
        mark(s.dynamic);
        break;
      default:
        break;
    }
  }
}

function intKey(int: Int): string {
  return typeof int === "number" ? String(int) : `a${int.arg}`;
}

/** Whether computing `from` needs `to`. */
export function reaches(from: Node, to: Node): boolean {
  const seen = new Set<Node>();
  const visit = (n: Node): boolean => {
    if (n === to) return true;
    if (n.id < to.id || seen.has(n)) return false; // what a node needs was made before it
    seen.add(n);
    return n.args.some(visit);
  };
  return from !== to && visit(from);
}
