/**
 * Values: every node of the graph is computed once, in the outermost frame where what it needs is known.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import type { Access, Int, LoopKernel, LoopVar } from "../../../ir/loops.ts";
import { rare } from "../../../ir/transcendental.ts";
import { Constant, type Frames, type Known } from "./frames.ts";
import { type Graph, type LoopStep, type Node, reaches, type Rendered, Unsupported } from "./graph.ts";
import type { Plan } from "./plan.ts";

export interface Accumulator<Register> {
  readonly type: ScalarType;
  /** One per copy of the body when it is declared in the vector loop. */
  readonly registers: Register[];
  /** Frame in which it is declared. */
  readonly level: number;
  readonly perLane: boolean;
}

/** A loop that is being compiled. */
export interface OpenLoop<Register> {
  readonly loop: LoopVar;
  readonly counter: Register;
  /** Index of the body's frame. */
  readonly level: number;
  /** Accumulators that the body changes. */
  readonly updates: ReadonlySet<number>;
  /** Whether its rounds run in lanes. */
  readonly lanes: boolean;
}

/** What is the same for all targets about the values of a kernel. A target says how one is computed: its instructions, its memory accesses. */
export abstract class Values<Register extends object, Code extends Frames<Register>, Loop extends OpenLoop<Register>> {
  protected readonly kernel: LoopKernel;
  protected readonly c: Code;
  protected readonly graph: Graph;
  protected readonly plan: Plan;
  protected readonly loops: Loop[] = [];
  protected readonly accumulators = new Map<number, Accumulator<Register>>();
  /** Inside the vector loop: what each copy has accumulated for accumulators declared outside. */
  protected partials: Map<number, Register[]> | null = null;
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

  // ---- what a target has

  /** A primitive or a scaling by a power of two, over the lanes of `c`. `from`: the type of the first argument that is not the condition of a select. */
  protected abstract render(
    op: Rendered | "scale",
    node: Node,
    args: readonly (Register | Constant)[],
    from: ScalarType,
  ): Register | Constant;
  /** condition ? yes : no */
  protected abstract choose(
    type: ScalarType,
    condition: Register | Constant,
    yes: Register | Constant,
    no: Register | Constant,
  ): Register | Constant;
  /** A parameter of the kernel. */
  protected abstract parameter(node: Node): Register | Constant;
  /** Integer argument `arg` of the kernel as i64, in all lanes. */
  protected abstract extent(arg: number): Register;
  /** The position of a loop as i64, in lanes where its rounds run in lanes. */
  protected abstract position(open: Loop): Register;
  /** Lane 0 of a value in all lanes. */
  protected abstract spread(type: ScalarType, value: Register | Constant): Register | Constant;
  /** A load whose address is known, what differs from lane to lane aside, in frame `level`. */
  protected abstract loadAt(node: Node, access: Access, dynamic: Node | null, level: number): Register | Constant;
  /** A register that can be written more than once, for as long as the present frame. */
  protected abstract variable(type: ScalarType): Register;
  protected abstract assign(to: Register, from: Register | Constant, type: ScalarType): void;
  /** Runs what `inside` makes when any lane holds. */
  protected abstract ifAny(condition: Register | Constant, inside: () => void): void;

  // ---- values

  private keyOf(node: Node): number {
    return node.id * 64 + (node.varying ? this.copy * 2 : 0) + (this.c.lanes > 1 ? 1 : 0);
  }

  protected value(node: Node): Register | Constant {
    return this.known(node).value;
  }

  protected constant(node: Node): Known<Register> {
    node.known ??= { value: new Constant(node.type, node.value), level: 0 };
    return node.known as Known<Register>;
  }

  protected known(node: Node): Known<Register> {
    const { c } = this;
    const { op } = node;
    if (op === "const") return this.constant(node);
    const key = this.keyOf(node);
    const there = c.find(key);
    if (there !== undefined) return there;
    if (!node.varying) {
      const other = c.find(node.id * 64 + (c.lanes > 1 ? 0 : 1));
      if (other !== undefined)
        return c.lanes > 1 ? this.keep(key, other.level, () => this.spread(node.type, other.value)) : other;
    }
    switch (op) {
      case "param":
        return this.keep(key, 0, () => this.parameter(node));
      case "extent":
        return this.keep(key, 0, () => this.extent((node.ref as { arg: number }).arg));
      case "index": {
        const open = this.open(node.ref as LoopVar);
        return this.keep(key, open.level, () => this.position(open));
      }
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
    const from = op === "select" ? node.type : (node.args[0]?.type ?? node.type);
    return this.keep(key, level, () => this.render(op, node, values, from));
  }

  /** Makes a value in the outermost frame that `level` allows, and remembers it. */
  private keep(key: number, level: number, make: () => Register | Constant): Known<Register> {
    return this.c.keep(key, this.c.outermost(level), make);
  }

  /** A value that is in its register already, known in the innermost frame. */
  private remember(key: number, value: Register): void {
    const { c } = this;
    c.frames[c.top]!.known.set(key, { value, level: c.top });
  }

  private local(node: Node, key: number): Known<Register> {
    const { c } = this;
    const id = node.value as number;
    const own = this.accumulators.get(id)!;
    let { level } = own;
    for (const l of this.loops) if (l.updates.has(id) && l.level > level) level = l.level;
    if (this.partials?.has(id) && c.lanes > 1) throw new Unsupported("an accumulator read in the vector loop that changes it");
    const register = own.registers[own.perLane ? this.copy : 0]!;
    if (c.lanes === 1 || own.perLane) return { value: register, level: Math.max(level, own.perLane ? c.top : level) };
    return this.keep(key, level, () => this.spread(node.type, register));
  }

  /** Keeps the present value of an accumulator. */
  protected snapshot(node: Node): void {
    const now = this.value(node);
    const kept = this.variable(node.type);
    this.assign(kept, now, node.type);
    this.remember(this.keyOf(node), kept);
  }

  /** Values that are hardly ever needed, behind a jump: all that hang on the same condition together. */
  private rareSelect(node: Node, key: number): Known<Register> {
    const group = this.graph.rareSelects
      .get(node.args[0]!)!
      .filter(
        (n) => n === node || (n.live && !n.mutable && n.varying === node.varying && !reaches(n, node) && !reaches(node, n)),
      );
    const condition = this.value(node.args[0]!);
    const results = group.map((n) => {
      const usual = this.value(n.args[2]!);
      const result = this.variable(n.type);
      this.assign(result, usual, n.type);
      return result;
    });
    this.ifAny(condition, () => {
      for (const [k, n] of group.entries()) {
        const unusual = this.value(n.args[1]!);
        this.assign(results[k]!, this.choose(n.type, condition, unusual, results[k]!), n.type);
      }
    });
    for (const [k, n] of group.entries()) this.remember(this.keyOf(n), results[k]!);
    return this.c.find(key)!;
  }

  private load(node: Node, key: number): Known<Register> {
    const { c } = this;
    const access = node.ref as Access;
    const dynamic = node.args[0] ?? null;
    let level = 0;
    if (this.kernel.buffers[access.buffer]!.access !== "read") level = c.top;
    else {
      for (const t of access.terms) if (t.stride !== 0) level = Math.max(level, this.open(t.loop).level);
      if (dynamic !== null) level = Math.max(level, this.levelOf(dynamic));
      // not out of a body that may not run, and not further than before its own loop
      const barrier = c.frames[c.top]!.kind === "body" ? c.top - 1 : c.top;
      level = Math.max(c.outermost(level), barrier);
    }
    return c.keep(key, level, () => this.loadAt(node, access, dynamic, level));
  }

  // ---- where values are

  protected open(loop: LoopVar): Loop {
    return this.loops.findLast((l) => l.loop === loop)!;
  }

  /** Frame from which on a value can be known. */
  protected levelOf(node: Node): number {
    const { c } = this;
    const { lanes } = c;
    if (!node.varying) c.lanes = 1;
    const { level } = this.known(node);
    c.lanes = lanes;
    return level;
  }

  /** Slot of the argument block that holds an integer of the kernel. */
  protected slotOf(arg: number): number {
    return 1 + this.kernel.buffers.length + arg;
  }

  /** Whether the lanes of an access lie side by side, or are all the same element. */
  protected sideBySide(access: Access, dynamic: Node | null): boolean {
    if (dynamic?.varying) return false;
    const moving = access.terms.filter((t) => t.stride !== 0 && this.loops.some((l) => l.lanes && l.loop === t.loop));
    return moving.length === 0 || (moving.length === 1 && moving[0]!.stride === 1);
  }
}

/** An integer of a kernel in the keys under which values are kept. */
export function nameOf(int: Int): string {
  return typeof int === "number" ? String(int) : `a${int.arg}`;
}
