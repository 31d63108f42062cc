/**
 * The compiler of loop kernels for x86-64: lays out loops, keeps track of addresses, runs the vector loop in lanes. A vector loop becomes
 * - an unrolled main loop over whole vectors, with accumulators of its own for each copy of the body,
 * - with AVX-512, a loop over the rest, one masked vector at a time; with AVX2, single vectors and then single elements,
 * and the lanes of accumulators are combined in a fixed order: copies by halves, then lanes by halves.
 */
import type { Primitive, ScalarType } from "../../../ir/expr.ts";
import type { Access, CombineOp, Int, LoopKernel, LoopVar } from "../../../ir/loops.ts";
import { rare } from "../../../ir/transcendental.ts";
import { gather, loadUniform, loadVector, scatter, spread, storeVector } from "./access.ts";
import { assemble } from "./allocate.ts";
import { Code, Constant, isNumber, type Known, sizeOf, Unsupported, type Value, vectorBytes } from "./code.ts";
import { Graph, type LoopStep, type Node, type Step } from "./graph.ts";
import { Block, Instruction, LoopBlock, Place, View, Virtual } from "./machine.ts";
import { Label, type Memory, ptr, rax, rcx, rdi } from "./registers.ts";
import { choose, extreme, multiply, precedes, replaces, type Renderer, renderTable, sameRank, scale } from "./renderTable.ts";

/**
 * Machine code for a loop kernel, to be called with its argument block in rdi; null when it uses a primitive that has no instructions here. `streaming`: the
 * vector loop's results go past the caches, for outputs that do not fit in them; the elements stored to must then begin at a multiple of 64 bytes.
 */
export function compileLoops(
  kernel: LoopKernel,
  level: "avx2" | "avx512",
  options: { readonly streaming?: boolean } = {},
): Uint8Array | null {
  try {
    return new Compiler(kernel, level === "avx512", options.streaming ?? false).compile();
  } catch (error) {
    if (error instanceof Unsupported) return null;
    throw error;
  }
}

const render: Readonly<Record<Primitive, Renderer>> = renderTable;

/** Operations in the body of a vector loop from which on its code is not repeated. */
const longBody = 300;
/** Bytes of a row that is fetched while the row before is computed. */
const longestFetched = 16384;

interface Accumulator {
  readonly type: ScalarType;
  /** One per copy of the body when it is declared in the vector loop. */
  readonly registers: Virtual[];
  /** Frame in which it is declared. */
  readonly level: number;
  readonly perLane: boolean;
}

/** A loop that is being compiled. */
interface OpenLoop {
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

class Compiler {
  private readonly kernel: LoopKernel;
  private readonly c: Code;
  private readonly graph: Graph;
  private readonly loops: OpenLoop[] = [];
  private readonly accumulators = new Map<number, Accumulator>();
  /** Inside the vector loop: what each copy has accumulated for accumulators declared outside. */
  private partials: Map<number, Virtual[]> | null = null;
  /** The vector loop that is being made. */
  private vectorStep: LoopStep | null = null;
  /** Which copy of the vector loop's body is being made. */
  private copy = 0;
  private readonly wideLanes: number;

  constructor(kernel: LoopKernel, avx512: boolean, streaming: boolean) {
    this.kernel = kernel;
    this.c = new Code(avx512);
    this.c.streaming = streaming;
    this.graph = new Graph(kernel, avx512);
    this.wideLanes = avx512 ? 8 : 4;
  }

  compile(): Uint8Array {
    const { c } = this;
    this.chooseLanes(this.graph.steps);
    this.findAhead(this.graph.steps, null);
    this.run(this.graph.steps, 1);
    if (c.streaming) c.custom([], ({ asm }) => asm.sfence());
    assemble(c.asm, c.frames[0]!.block, c.reserve);
    return c.asm.finish();
  }

  // ---- analysis

  private readonly lanesOf = new Map<LoopStep, number>();
  private chooseLanes(steps: readonly Step[]): void {
    const vectors: LoopStep[] = [];
    const visit = (list: readonly Step[]): void => {
      for (const s of list) {
        if (s.kind === "loop") {
          if (s.vector) vectors.push(s);
          else visit(s.body);
        } else if (s.kind === "if") visit(s.body);
      }
    };
    visit(steps);
    const narrow = new Set<LoopStep>();
    let anyWide = false;
    for (const s of vectors) {
      const found = this.inspect(s);
      const wide = found.wide;
      if (found.single) this.lanesOf.set(s, 1);
      else {
        anyWide ||= wide;
        if (!wide) narrow.add(s);
        this.lanesOf.set(s, wide ? this.wideLanes : this.wideLanes * 2);
      }
    }
    // without mask registers bools have lanes of one size in the whole kernel
    if (!this.c.avx512 && anyWide) {
      this.c.boolBytes = 8;
      for (const s of narrow) this.lanesOf.set(s, this.wideLanes);
    }
  }

  /** `wide`: 64-bit values in lanes; `single`: something that only single elements can do. */
  private inspect(step: LoopStep): {
    wide: boolean;
    single: boolean;
    nodes: number;
    gathers: boolean;
    loops: boolean;
    perLane: number;
  } {
    const seen = new Set<Node>();
    const result = { wide: false, single: false, nodes: 0, gathers: false, loops: false, perLane: 0 };
    const inside = new Set<number>();
    const type = (t: ScalarType): void => {
      if (t === "f64" || t === "i64") result.wide = true;
    };
    const access = (a: Access, dynamic: Node | null, store: boolean): void => {
      const term = a.terms.find((t) => t.loop === step.loop && t.stride !== 0);
      const side =
        term !== undefined && term.stride === 1 && a.terms.filter((t) => t.loop === step.loop && t.stride !== 0).length === 1;
      const scattered = (dynamic?.varying ?? false) || (term !== undefined && !side);
      if (scattered) {
        result.gathers = true;
        if (this.kernel.buffers[a.buffer]!.dtype.itemsize < 4 || (store && !this.c.avx512)) result.single = true;
      } else if (store && term === undefined) result.single = true;
      if (dynamic?.varying) node(dynamic);
    };
    const node = (n: Node): void => {
      if (seen.has(n)) return;
      seen.add(n);
      type(n.type);
      if (n.op === "load") {
        access(n.ref as Access, n.args[0] ?? null, false);
        return;
      }
      if (n.args.length > 0 && n.varying) result.nodes++;
      for (const a of n.args) node(a);
    };
    const visit = (list: readonly Step[]): void => {
      for (const s of list) {
        switch (s.kind) {
          case "loop":
            result.loops = true;
            visit(s.body);
            break;
          case "evaluate":
            break;
          case "if":
            result.single = true;
            visit(s.body);
            break;
          case "accumulators":
            for (const id of s.ids) inside.add(id);
            s.types.forEach(type);
            result.perLane += s.ids.length;
            s.init.forEach(node);
            break;
          case "accumulate":
            if (s.op === "set" && !inside.has(s.ids[0]!)) result.single = true;
            if ((s.op === "argmax" || s.op === "argmin") && s.values[0]!.type === "bool") result.single = true;
            s.values.forEach(node);
            break;
          case "store":
            type(s.value.type);
            access(s.access, s.dynamic, true);
            node(s.value);
            break;
        }
      }
    };
    visit(step.body);
    return result;
  }

  /**
   * Where several vector loops in a row read the same elements (softmax: three times a row), the last of them fetches those of the next round of the loop around
   * them, and so does a reduction: the processor's own prefetching ends with a page, which is a short row. By buffer, the stride to the next round.
   */
  private readonly ahead = new Map<LoopStep, Map<number, Int>>();
  private findAhead(steps: readonly Step[], around: LoopStep | null): void {
    const last = new Map<number, { step: LoopStep; stride: Int; times: number }>();
    for (const s of steps) {
      if (s.kind === "if") this.findAhead(s.body, null);
      if (s.kind !== "loop") continue;
      if (!s.vector) {
        this.findAhead(s.body, s);
        continue;
      }
      if (around === null) continue;
      for (const access of this.readsOf(s)) {
        const side = access.terms.some((t) => t.loop === s.loop && t.stride === 1);
        const outer = access.terms.find((t) => t.loop === around.loop);
        if (!side || outer === undefined || access.dynamic || access.terms.some((t) => t.stride !== 1 && t.loop === s.loop))
          continue;
        last.set(access.buffer, { step: s, stride: outer.stride, times: (last.get(access.buffer)?.times ?? 0) + 1 });
      }
    }
    for (const [buffer, { step, stride, times }] of last) {
      if (times < 2 && !step.body.some((x) => x.kind === "accumulate")) continue;
      let found = this.ahead.get(step);
      if (found === undefined) {
        found = new Map();
        this.ahead.set(step, found);
      }
      found.set(buffer, stride);
    }
  }
  /** One access of each buffer that a vector loop without inner loops reads. */
  private readsOf(step: LoopStep): Access[] {
    const found = new Map<number, Access>();
    const seen = new Set<Node>();
    const node = (n: Node): void => {
      if (seen.has(n)) return;
      seen.add(n);
      if (n.op === "load") found.set((n.ref as Access).buffer, n.ref as Access);
      n.args.forEach(node);
    };
    for (const s of step.body) {
      if (s.kind === "loop") return [];
      if (s.kind === "accumulate") s.values.forEach(node);
      else if (s.kind === "store") node(s.value);
    }
    return [...found.values()];
  }

  // ---- statements

  private run(steps: readonly Step[], copies: number): void {
    let i = 0;
    while (i < steps.length) {
      const s = steps[i]!;
      if (s.kind === "loop") {
        if (s.vector && this.lanesOf.get(s)! > 1) this.vectorLoop(s, this.lanesOf.get(s)!);
        else this.plainLoop(s, copies);
        i++;
        continue;
      }
      let end = i;
      while (end < steps.length && steps[end]!.kind !== "loop") end++;
      for (let copy = 0; copy < copies; copy++) {
        this.copy = copy;
        for (let k = i; k < end; k++) this.straight(steps[k]!);
      }
      this.copy = 0;
      i = end;
    }
  }

  private straight(s: Step): void {
    const { c } = this;
    switch (s.kind) {
      case "evaluate":
        if (!s.node.live) break;
        if (s.node.op === "local") this.snapshot(s.node);
        else this.value(s.node);
        break;
      case "accumulators":
        s.ids.forEach((id, k) => {
          const known = this.accumulators.get(id);
          const register = this.fresh(s.types[k]!);
          this.copyTo(register, this.value(s.init[k]!), s.types[k]!);
          if (known?.perLane && this.copy > 0) known.registers.push(register);
          else this.accumulators.set(id, { type: s.types[k]!, registers: [register], level: c.top, perLane: c.lanes > 1 });
        });
        break;
      case "accumulate":
        this.accumulate(s);
        break;
      case "store":
        this.store(s);
        break;
      case "if": {
        const condition = this.value(s.condition);
        const end = new Label();
        this.skipUnlessAny(condition, end);
        const block = new Block();
        c.block.items.push(block);
        c.enter("if", block);
        this.run(s.body, 1);
        c.leave();
        c.label(end);
        break;
      }
      case "loop":
        throw new Error("a loop among straight steps");
    }
  }

  /** Jumps when no lane holds. */
  private skipUnlessAny(condition: Value, to: Label): void {
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

  private fresh(type: ScalarType): Virtual {
    const { c } = this;
    return type === "bool" && c.avx512 ? new Virtual("k", 8) : new Virtual("v", c.bytesOf(type));
  }
  private copyTo(to: Virtual, from: Value, type: ScalarType): void {
    const { c } = this;
    if (to.kind === "k") {
      const source = from instanceof Constant ? c.boolConstant(Boolean(from.value)) : from;
      c.put(new Instruction("kmovq", [to, source]));
      return;
    }
    const bytes = to.bytes as 16 | 32 | 64;
    const source = from instanceof Constant && type === "bool" ? c.boolConstant(Boolean(from.value)) : from;
    c.put(new Instruction("vmovaps", [to, c.register(source, bytes)]));
  }

  /** Keeps the present value of an accumulator. */
  private snapshot(node: Node): void {
    const { c } = this;
    const now = this.value(node);
    const kept = this.fresh(node.type);
    this.copyTo(kept, now, node.type);
    c.frames[c.top]!.known.set(this.keyOf(node), { value: kept, level: c.top });
  }

  // ---- loops

  /** An integer of the kernel in a register, or as a number. */
  private int(int: Int): Virtual | number {
    return isNumber(int) ? int : this.c.argument(1 + this.kernel.buffers.length + int.arg);
  }

  private plainLoop(s: LoopStep, copies: number): void {
    const { c } = this;
    const n = this.int(s.extent);
    const end = new Label();
    const top = new Label();
    this.skipUnless(n, 1, end);
    const before = new Block();
    c.block.items.push(before);
    const round = new LoopBlock();
    c.block.items.push(round);
    c.label(end);
    c.enter("before", before);
    const counter = c.g([], ({ asm, gp }, d) => asm.xor(gp(d).d, gp(d).d));
    round.items.push(top);
    const body = new Block();
    round.items.push(body);
    c.enter("body", body, s.loop);
    const latch: Instruction[] = [];
    this.loops.push({ loop: s.loop, counter, latch, level: c.top, updates: s.updates, lanes: false });
    this.run(s.body, copies);
    this.loops.pop();
    c.leave();
    c.leave();
    round.items.push(...latch, step(counter, 1), backJump(counter, n, top));
  }

  /** Jumps unless `n >= least`. */
  private skipUnless(n: Virtual | number, least: number, to: Label): void {
    const { c } = this;
    if (typeof n === "number") {
      if (n < least) c.jump(null, to);
      return;
    }
    c.custom([n], ({ asm, gp }) => {
      asm.cmp(gp(n), least);
      asm.jcc("l", to);
    });
  }

  private vectorLoop(s: LoopStep, lanes: number): void {
    const { c } = this;
    const n = this.int(s.extent);
    const end = new Label();
    this.skipUnless(n, 1, end);
    const outer = c.block;
    const before = new Block();
    outer.items.push(before);
    c.enter("before", before);
    c.lanes = lanes;

    const found = this.inspect(s);
    const outside = this.outsideUpdates(s);
    let copies: number;
    if (found.gathers) copies = 1;
    else if (found.loops)
      copies = Math.max(1, Math.min(c.avx512 ? 8 : 4, Math.floor((c.avx512 ? 16 : 8) / Math.max(1, found.perLane))));
    else copies = found.nodes <= 10 ? 4 : found.nodes <= 30 ? 2 : 1;

    const counter = c.g([], ({ asm, gp }, d) => asm.xor(gp(d).d, gp(d).d));
    const partials = new Map<number, Virtual[]>();
    for (const { ids, op } of outside) {
      for (const [k, id] of ids.entries()) {
        const { type } = this.accumulators.get(id)!;
        const start = neutralOf(op, k, type);
        partials.set(
          id,
          Array.from({ length: copies }, () => {
            const register = this.fresh(type);
            this.copyTo(register, type === "bool" ? c.boolConstant(Boolean(start)) : new Constant(type, start), type);
            return register;
          }),
        );
      }
    }

    this.partials = partials;
    this.vectorStep = s;
    // a very long body is there once only: its whole vectors run under a mask of ones
    if (!c.avx512 || found.nodes < longBody) this.vectorRounds(s, outer, counter, n, lanes, copies);
    if (c.avx512) this.maskedRounds(s, outer, counter, n, lanes);
    else if (copies > 1) this.vectorRounds(s, outer, counter, n, lanes, 1);
    this.partials = null;
    this.vectorStep = null;

    // lanes to one value, in the block after the loops
    const after = new Block();
    outer.items.push(after);
    const saved = c.block;
    c.block = after;
    for (const { ids, op } of outside) this.combineLanes(ids, op, partials, lanes);
    c.block = saved;

    c.lanes = 1;
    if (!c.avx512) this.singleRounds(s, outer, counter, n);
    c.leave();
    c.label(end);
  }

  /** Whole vectors, `copies` at a time. */
  private vectorRounds(s: LoopStep, outer: Block, counter: Virtual, n: Virtual | number, lanes: number, copies: number): void {
    const { c } = this;
    const span = lanes * copies;
    const skip = new Label();
    const top = new Label();
    const block = new Block();
    outer.items.push(block);
    c.block = block;
    const limit = c.g(typeof n === "number" ? [] : [n], ({ asm, gp }, d) => {
      if (typeof n === "number") asm.mov(gp(d), n - span);
      else asm.lea(gp(d), ptr(gp(n), -span));
    });
    c.custom([counter, limit], ({ asm, gp }) => {
      asm.cmp(gp(counter), gp(limit));
      asm.jcc("g", skip);
    });
    const round = new LoopBlock();
    block.items.push(round);
    block.items.push(skip);
    round.items.push(new Instruction(null, [], { defines: false, emit: ({ asm }) => asm.align(32) }), top);
    const body = new Block();
    round.items.push(body);
    c.enter("body", body, s.loop);
    this.loops.push({ loop: s.loop, counter, latch: null, level: c.top, updates: s.updates, lanes: true });
    this.run(s.body, copies);
    this.loops.pop();
    c.leave();
    round.items.push(
      step(counter, span),
      new Instruction(null, [counter, limit], {
        defines: false,
        emit: ({ asm, gp }) => {
          asm.cmp(gp(counter), gp(limit));
          asm.jcc("le", top);
        },
      }),
    );
  }

  /** What is left, under a mask. */
  private maskedRounds(s: LoopStep, outer: Block, counter: Virtual, n: Virtual | number, lanes: number): void {
    const { c } = this;
    const block = new Block();
    outer.items.push(block);
    const done = new Label();
    const top = new Label();
    c.block = block;
    const more = (condition: "ge" | "l", to: Label): Instruction =>
      new Instruction(null, typeof n === "number" ? [counter] : [counter, n], {
        defines: false,
        emit: ({ asm, gp }) => {
          asm.cmp(gp(counter), typeof n === "number" ? n : gp(n));
          asm.jcc(condition, to);
        },
      });
    c.put(more("ge", done));
    const round = new LoopBlock();
    block.items.push(round, done);
    round.items.push(top);
    const body = new Block();
    round.items.push(body);
    c.enter("body", body, s.loop);
    c.active = c.customResult("k", 8, typeof n === "number" ? [counter] : [counter, n], ({ asm, gp, mask }, d) => {
      asm.mov(rax, typeof n === "number" ? n : gp(n));
      asm.sub(rax, gp(counter));
      asm.mov(rcx.d, lanes); // bzhi looks at eight bits of the count
      asm.cmp(rax, rcx);
      asm.cmov("g", rax, rcx);
      asm.mov(rcx.d, -1);
      asm.op("bzhi", rcx.d, rcx.d, rax.d);
      asm.op("kmovd", mask(d), rcx.d);
    });
    this.loops.push({ loop: s.loop, counter, latch: null, level: c.top, updates: s.updates, lanes: true });
    this.run(s.body, 1);
    this.loops.pop();
    c.active = null;
    c.leave();
    round.items.push(step(counter, lanes), more("l", top));
  }

  /** What is left, one element at a time. */
  private singleRounds(s: LoopStep, outer: Block, counter: Virtual, n: Virtual | number): void {
    const { c } = this;
    const block = new Block();
    outer.items.push(block);
    const done = new Label();
    const top = new Label();
    block.items.push(
      new Instruction(null, typeof n === "number" ? [counter] : [counter, n], {
        defines: false,
        emit: ({ asm, gp }) => {
          asm.cmp(gp(counter), typeof n === "number" ? n : gp(n));
          asm.jcc("ge", done);
        },
      }),
    );
    const round = new LoopBlock();
    block.items.push(round, done);
    round.items.push(top);
    const body = new Block();
    round.items.push(body);
    c.enter("body", body, s.loop);
    this.loops.push({ loop: s.loop, counter, latch: null, level: c.top, updates: s.updates, lanes: false });
    this.run(s.body, 1);
    this.loops.pop();
    c.leave();
    round.items.push(step(counter, 1), backJump(counter, n, top));
  }

  /** The accumulate statements in a vector loop on accumulators from outside. */
  private outsideUpdates(s: LoopStep): { ids: readonly number[]; op: CombineOp }[] {
    const found = new Map<number, { ids: readonly number[]; op: CombineOp }>();
    const inside = new Set<number>();
    const visit = (list: readonly Step[]): void => {
      for (const x of list) {
        if (x.kind === "accumulators") for (const id of x.ids) inside.add(id);
        else if (x.kind === "accumulate" && !inside.has(x.ids[0]!)) {
          const known = found.get(x.ids[0]!);
          if (known !== undefined && known.op !== x.op) throw new Unsupported("an accumulator with two operations");
          found.set(x.ids[0]!, { ids: x.ids, op: x.op });
        } else if (x.kind === "loop" || x.kind === "if") visit(x.body);
      }
    };
    visit(s.body);
    return [...found.values()];
  }

  // ---- accumulators

  private accumulate(s: Extract<Step, { kind: "accumulate" }>): void {
    const { c } = this;
    const registers = s.ids.map((id) => {
      const partial = this.partials?.get(id);
      if (partial !== undefined && c.lanes > 1) return partial[this.copy]!;
      const own = this.accumulators.get(id)!;
      return own.registers[own.perLane ? this.copy : 0]!;
    });
    const fromOutside = c.lanes > 1 && this.partials?.has(s.ids[0]!) === true;
    const types = s.ids.map((id) => this.accumulators.get(id)!.type);
    const values = s.values.map((v) => this.value(v));
    this.combine(s.op, types, registers, values, fromOutside ? c.active : null, true);
  }

  /** registers = registers op values, in the lanes of `active`. `inOrder`: the values come later than what the registers hold (argmax and argmin). */
  private combine(
    op: CombineOp,
    types: readonly ScalarType[],
    registers: readonly Virtual[],
    values: readonly Value[],
    active: Virtual | null,
    inOrder = false,
  ): void {
    const { c } = this;
    const [type] = types as [ScalarType];
    const [a] = registers as [Virtual];
    const [x] = values as [Value];
    if (op === "argmax" || op === "argmin") {
      const order = op === "argmax" ? "gt" : "lt";
      let take: Value;
      if (inOrder) take = replaces(c, order, type, x, a);
      else {
        const earlier = render.lt(c, "bool", [values[1]!, registers[1]!], "i64");
        const tie = render.and(c, "bool", [sameRank(c, type, x, a), earlier], "bool");
        take = render.or(c, "bool", [precedes(c, order, type, x, a), tie], "bool");
      }
      if (active !== null) take = render.and(c, "bool", [take, active], "bool");
      const first = choose(c, type, take, x, a);
      const second = choose(c, "i64", take, values[1]!, registers[1]!);
      this.copyTo(a, first, type);
      this.copyTo(registers[1]!, second, "i64");
      return;
    }
    if (op === "set") {
      this.copyTo(a, x, type);
      return;
    }
    let next: Value;
    switch (op) {
      case "max":
      case "min":
        next = extreme(c, op, type, a, x);
        break;
      case "mul":
        next = multiply(c, type, a, x);
        break;
      default:
        next = render[op](c, type, [a, x], type);
    }
    if (active !== null) {
      next = choose(c, type, active, next, a);
    }
    const last = c.block.items.at(-1);
    if (
      next instanceof Virtual &&
      last instanceof Instruction &&
      last.operands[0] === next &&
      last.defines &&
      last.emit === null
    ) {
      last.operands = [a, ...last.operands.slice(1)];
    } else this.copyTo(a, next, type);
  }

  /** Folds the copies and then the lanes of partial results, and adds them to the accumulators. */
  private combineLanes(ids: readonly number[], op: CombineOp, partials: Map<number, Virtual[]>, lanes: number): void {
    const { c } = this;
    const types = ids.map((id) => this.accumulators.get(id)!.type);
    const copies = ids.map((id) => partials.get(id)!);
    for (let width = copies[0]!.length; width > 1; ) {
      const half = width >> 1;
      for (let k = 0; k < half; k++) {
        this.combine(
          op,
          types,
          copies.map((r) => r[k]!),
          copies.map((r) => r[k + half]!),
          null,
        );
      }
      width = half;
    }
    const whole = copies.map((r) => r[0]!);
    if (types[0] === "bool") {
      const one = this.anyOrAll(whole[0]!, op === "and" || op === "mul" || op === "min", lanes);
      c.lanes = 1;
      this.combine(op, types, [this.accumulators.get(ids[0]!)!.registers[0]!], [one], null);
      c.lanes = lanes;
      return;
    }
    for (let width = lanes; width > 1; width >>= 1) {
      const upper = whole.map((r, k) => this.upperHalf(r, width * sizeOf[types[k] as "f32"]));
      c.lanes = width >> 1;
      this.combine(op, types, whole, upper, null);
    }
    this.combine(
      op,
      types,
      ids.map((id) => this.accumulators.get(id)!.registers[0]!),
      whole,
      null,
    );
    c.lanes = lanes;
  }

  /** The upper half of the first `bytes` bytes of a vector. */
  private upperHalf(x: Virtual, bytes: number): Virtual {
    const { c } = this;
    switch (bytes) {
      case 64:
        return c.v("vextractf64x4", 32, x, 1);
      case 32:
        return c.v(c.avx512 ? "vextractf32x4" : "vextractf128", 16, new View(x, 32), 1);
      case 16:
        return c.v("vpshufd", 16, new View(x, 16), 0xee);
      default:
        return c.v("vpshufd", 16, new View(x, 16), 0x55);
    }
  }

  /** Whether any lane of a bool holds, or all, as a bool of one lane. */
  private anyOrAll(x: Virtual, all: boolean, lanes: number): Virtual {
    const { c } = this;
    if (c.avx512) {
      return c.customResult("k", 8, [x], ({ asm, mask }, d) => {
        const full = 2 ** lanes - 1;
        asm.op("kmovd", rax.d, mask(x));
        asm.and(rax.d, full);
        asm.xor(rcx.d, rcx.d);
        asm.cmp(rax.d, all ? full : 0);
        asm.setcc(all ? "e" : "ne", rcx);
        asm.op("kmovd", mask(d), rcx.d);
      });
    }
    return c.customResult("v", 16, [x], ({ asm, vec }, d) => {
      const v = vec(x);
      asm.op("vmovmskps", rax.d, v);
      asm.xor(rcx.d, rcx.d);
      asm.cmp(rax.d, all ? 2 ** (v.bytes / 4) - 1 : 0);
      asm.setcc(all ? "e" : "ne", rcx);
      asm.neg(rcx);
      asm.op("vmovq", vec(d, 16), rcx);
    });
  }

  // ---- values

  private keyOf(node: Node): number {
    return node.id * 64 + (node.varying ? this.copy * 2 : 0) + (this.c.lanes > 1 ? 1 : 0);
  }

  private value(node: Node): Value {
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
      const result = this.fresh(n.type);
      this.copyTo(result, this.value(n.args[2]!), n.type);
      return result;
    });
    const end = new Label();
    this.skipUnlessAny(condition, end);
    const block = new Block();
    c.block.items.push(block);
    c.enter("if", block);
    for (const [k, n] of group.entries()) {
      const unusual = this.value(n.args[1]!);
      this.copyTo(results[k]!, choose(c, n.type, condition, unusual, results[k]!), n.type);
    }
    c.leave();
    c.label(end);
    for (const [k, n] of group.entries()) c.frames[c.top]!.known.set(this.keyOf(n), { value: results[k]!, level: c.top });
    return c.frames[c.top]!.known.get(key)!;
  }

  // ---- memory

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
        const stride = this.vectorStep === null ? undefined : this.ahead.get(this.vectorStep)?.get(access.buffer);
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
    const parts = lanes > this.wideLanes ? 2 : 1;
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

  private store(s: Extract<Step, { kind: "store" }>): void {
    const { c } = this;
    const { dtype } = this.kernel.buffers[s.access.buffer]!;
    const value = this.value(s.value);
    if (c.lanes === 1 || this.sideBySide(s.access, s.dynamic)) {
      const place = this.address(s.access, s.dynamic, c.top);
      storeVector(c, dtype, place, value);
      // the lines to be written in the next round, too
      if (c.lanes > 1 && this.vectorStep !== null && this.ahead.has(this.vectorStep) && s.dynamic === null) {
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

/** Whether computing `from` needs `to`. */
function reaches(from: Node, to: Node): boolean {
  const seen = new Set<Node>();
  const visit = (n: Node): boolean => {
    if (n === to) return true;
    if (n.id < to.id || seen.has(n)) return false; // what a node needs was made before it
    seen.add(n);
    return n.args.some(visit);
  };
  return from !== to && visit(from);
}

function step(counter: Virtual, by: number): Instruction {
  return new Instruction(null, [counter, counter], { emit: ({ asm, gp }) => asm.add(gp(counter), by) });
}
function backJump(counter: Virtual, n: Virtual | number, top: Label): Instruction {
  return new Instruction(null, typeof n === "number" ? [counter] : [counter, n], {
    defines: false,
    emit: ({ asm, gp }) => {
      asm.cmp(gp(counter), typeof n === "number" ? n : gp(n));
      asm.jcc("l", top);
    },
  });
}

/** The value with which partial results start: for argmax and argmin (k = 1: the position) behind every other. */
function neutralOf(op: CombineOp, k: number, type: ScalarType): number | bigint {
  const least = type === "i64" ? -(2n ** 63n) : type === "i32" ? -(2 ** 31) : type === "bool" ? 0 : -Infinity;
  const most = type === "i64" ? 2n ** 63n - 1n : type === "i32" ? 2 ** 31 - 1 : type === "bool" ? 1 : Infinity;
  switch (op) {
    case "mul":
      return 1;
    case "max":
      return least;
    case "min":
      return most;
    case "and":
      return type === "bool" ? 1 : -1;
    case "argmax":
      return k === 1 ? most : least;
    case "argmin":
      return most;
    default:
      return 0;
  }
}
