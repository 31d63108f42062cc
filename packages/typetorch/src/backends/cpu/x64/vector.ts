/**
 * The compiler of loop kernels for x86-64: lays out loops, keeps track of addresses, runs the vector loop in lanes. A vector loop becomes
 * - an unrolled main loop over whole vectors, with accumulators of its own for each copy of the body,
 * - with AVX-512, a loop over the rest, one masked vector at a time; with AVX2, single vectors and then single elements,
 * and the lanes of accumulators are combined in a fixed order: copies by halves, then lanes by halves.
 */
import type { CombineOp, LoopKernel } from "../../../ir/loops.ts";
import { Graph, type LoopStep, type Step, Unsupported, type VectorShape } from "../kernel/graph.ts";
import { neutralOf } from "../kernel/neutral.ts";
import { Plan } from "../kernel/plan.ts";
import { anyOrAll, combine, copyTo, fresh, upperHalf } from "./accumulate.ts";
import { assemble } from "./allocate.ts";
import { Code, Constant, sizeOf } from "./code.ts";
import { Block, Instruction, LoopBlock, type Virtual } from "./machine.ts";
import { Label, ptr, rax, rcx } from "./registers.ts";
import { Values } from "./values.ts";

const shapes: Readonly<Record<"avx2" | "avx512", VectorShape>> = {
  avx2: { wideLanes: 4, masks: false, scales: false, gathersNarrow: false, scatters: false },
  avx512: { wideLanes: 8, masks: true, scales: true, gathersNarrow: false, scatters: true },
};

/**
 * Machine code for a loop kernel, to be called with its argument block in rdi; null when it uses a primitive that has no instructions here. `streaming`: the
 * vector loop's results go past the caches, for outputs that do not fit in them; the elements stored to must then begin at a multiple of 64 bytes.
 */
export function compileLoops(
  kernel: LoopKernel,
  level: "avx2" | "avx512",
  options: { readonly streaming?: boolean } = {},
): Uint8Array<ArrayBuffer> | null {
  try {
    const c = new Code(level === "avx512");
    c.streaming = options.streaming ?? false;
    const graph = new Graph(kernel, shapes[level]);
    const plan = new Plan(kernel, shapes[level], graph.steps);
    c.boolBytes = plan.boolBytes;
    return new Compiler(kernel, c, graph, plan).compile();
  } catch (error) {
    if (error instanceof Unsupported) return null;
    throw error;
  }
}

/** Operations in the body of a vector loop from which on its code is not repeated. */
const longBody = 300;

/** Lays out statements and loops. */
class Compiler extends Values {
  compile(): Uint8Array<ArrayBuffer> {
    const { c } = this;
    this.run(this.graph.steps, 1);
    if (c.streaming) c.custom([], ({ asm }) => asm.sfence());
    assemble(c.asm, c.frames[0]!.block, c.reserve);
    return c.asm.finish();
  }

  // ---- statements

  private run(steps: readonly Step[], copies: number): void {
    let i = 0;
    while (i < steps.length) {
      const s = steps[i]!;
      if (s.kind === "loop") {
        if (s.vector && this.plan.lanesOf.get(s)! > 1) this.vectorLoop(s, this.plan.lanesOf.get(s)!);
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
          const register = fresh(c, s.types[k]!);
          copyTo(c, register, this.value(s.init[k]!), s.types[k]!);
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

  // ---- loops

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

    const found = this.plan.inspect(s);
    const outside = this.plan.outsideUpdates(s);
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
            const register = fresh(c, type);
            copyTo(c, register, type === "bool" ? c.boolConstant(Boolean(start)) : new Constant(type, start), type);
            return register;
          }),
        );
      }
    }

    this.partials = partials;
    this.vectorStep = s;
    // a very long body is there once only: its whole vectors run under a mask of ones
    if (!c.avx512 || found.nodes < longBody) this.vectorRounds(s, outer, counter, n, lanes, copies);
    // with loops inside, a round reads the memory once for all its copies: what is left over takes as few rounds as possible
    if (found.loops && found.nodes <= 12) {
      for (let fewer = copies >> 1; fewer > 1; fewer >>= 1) this.vectorRounds(s, outer, counter, n, lanes, fewer);
    }
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
    combine(c, s.op, types, registers, values, fromOutside ? c.active : null, true);
  }

  /** Folds the copies and then the lanes of partial results, and adds them to the accumulators. */
  private combineLanes(ids: readonly number[], op: CombineOp, partials: Map<number, Virtual[]>, lanes: number): void {
    const { c } = this;
    const types = ids.map((id) => this.accumulators.get(id)!.type);
    const copies = ids.map((id) => partials.get(id)!);
    for (let width = copies[0]!.length; width > 1; ) {
      const half = width >> 1;
      for (let k = 0; k < half; k++) {
        combine(
          c,
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
      const one = anyOrAll(c, whole[0]!, op === "and" || op === "mul" || op === "min", lanes);
      c.lanes = 1;
      combine(c, op, types, [this.accumulators.get(ids[0]!)!.registers[0]!], [one], null);
      c.lanes = lanes;
      return;
    }
    for (let width = lanes; width > 1; width >>= 1) {
      const upper = whole.map((r, k) => upperHalf(c, r, width * sizeOf[types[k] as "f32"]));
      c.lanes = width >> 1;
      combine(c, op, types, whole, upper, null);
    }
    combine(
      c,
      op,
      types,
      ids.map((id) => this.accumulators.get(id)!.registers[0]!),
      whole,
      null,
    );
    c.lanes = lanes;
  }
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
