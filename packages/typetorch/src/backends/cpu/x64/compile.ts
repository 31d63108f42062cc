/**
 * Loop kernels as machine code: instructions, jumps and rounds of loops for {@link LoopCompiler}.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import type { CombineOp, Int, LoopKernel } from "../../../ir/loops.ts";
import { Constant, type Known } from "../kernel/frames.ts";
import { Graph, type LoopStep, type Node, type Rendered, Unsupported, type VectorShape } from "../kernel/graph.ts";
import { Plan } from "../kernel/plan.ts";
import { anyOrAll, combine, copyTo, fresh, upperHalf } from "./accumulate.ts";
import { assemble } from "./allocate.ts";
import { Code, type Value } from "./code.ts";
import { Leaves } from "./leaves.ts";
import { Block, Instruction, LoopBlock, type Virtual } from "./machine.ts";
import { choose } from "./operations.ts";
import { render, scale } from "./renderTable.ts";
import { Label, ptr, rax, rcx } from "./registers.ts";

const shapes: Readonly<Record<"avx2" | "avx512", VectorShape>> = {
  avx2: { wideLanes: 4, masks: false, scales: false, gathersNarrow: false, scatters: false, copies: 4 },
  avx512: { wideLanes: 8, masks: true, scales: true, gathersNarrow: false, scatters: true, copies: 8 },
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

/** A loop of the kernel lies in blocks of the block around it: what runs before its rounds, the rounds, what runs after them. */
class Compiler extends Leaves {
  /** The block around the loop that is being made. */
  private outer = this.c.block;

  compile(): Uint8Array<ArrayBuffer> {
    const { c } = this;
    this.run(this.graph.steps, 1);
    if (c.streaming) c.custom([], ({ asm }) => asm.sfence());
    assemble(c.asm, c.frames[0]!.block, c.reserve);
    return c.asm.finish();
  }

  // ---- values

  protected override constant(node: Node): Known<Virtual> {
    if (node.type === "bool") return { value: this.c.boolConstant(Boolean(node.value)), level: 0 };
    return super.constant(node);
  }
  protected render(op: Rendered | "scale", node: Node, args: readonly Value[], from: ScalarType): Value {
    const { c } = this;
    if (op === "scale") return scale(c, node.type as "f32" | "f64", args[0]!, args[1]!);
    return render[op](c, node.type, args, from);
  }
  protected choose(type: ScalarType, condition: Value, yes: Value, no: Value): Value {
    return choose(this.c, type, condition, yes, no);
  }
  protected variable(type: ScalarType): Virtual {
    return fresh(this.c, type);
  }
  protected assign(to: Virtual, from: Value, type: ScalarType): void {
    copyTo(this.c, to, from, type);
  }
  protected combine(
    op: CombineOp,
    types: readonly ScalarType[],
    registers: readonly Virtual[],
    values: readonly Value[],
    { inOrder = false, masked = false } = {},
  ): void {
    combine(this.c, op, types, registers, values, masked ? this.c.active : null, inOrder);
  }
  protected upperHalf(x: Virtual, bytes: number): Virtual {
    return upperHalf(this.c, x, bytes);
  }
  protected anyOrAll(x: Virtual, all: boolean, lanes: number): Virtual {
    return anyOrAll(this.c, x, all, lanes);
  }
  /** In a block after the vector loops. */
  protected override combineLanes(...args: Parameters<Leaves["combineLanes"]>): void {
    const { c } = this;
    const saved = c.block;
    c.block = new Block();
    this.outer.items.push(c.block);
    super.combineLanes(...args);
    c.block = saved;
  }

  // ---- jumps

  protected ifAny(condition: Value, inside: () => void): void {
    const { c } = this;
    const end = new Label();
    this.skipUnlessAny(condition, end);
    const block = new Block();
    c.block.items.push(block);
    c.enter("if", block);
    inside();
    c.leave();
    c.label(end);
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

  // ---- loops

  protected roundsOf(extent: Int): Virtual | number {
    return this.int(extent);
  }
  protected ifAnyRound(n: Virtual | number, inside: () => void): void {
    const { c, outer } = this;
    const end = new Label();
    this.skipUnless(n, 1, end);
    this.outer = c.block;
    const before = new Block();
    this.outer.items.push(before);
    c.enter("before", before);
    inside();
    c.leave();
    c.label(end);
    this.outer = outer;
  }
  protected newCounter(): Virtual {
    return this.c.g([], ({ asm, gp }, d) => asm.xor(gp(d).d, gp(d).d));
  }

  protected plainRounds(s: LoopStep, counter: Virtual, n: Virtual | number, copies: number): void {
    const { c } = this;
    const top = new Label();
    const round = new LoopBlock();
    this.outer.items.push(round);
    round.items.push(top);
    const body = new Block();
    round.items.push(body);
    c.enter("body", body);
    const latch: Instruction[] = [];
    this.loops.push({ loop: s.loop, counter, latch, level: c.top, updates: s.updates, lanes: false });
    this.run(s.body, copies);
    this.loops.pop();
    c.leave();
    round.items.push(...latch, step(counter, 1), backJump(counter, n, top));
  }

  /** Whole vectors, `copies` at a time. */
  protected vectorRounds(s: LoopStep, counter: Virtual, n: Virtual | number, lanes: number, copies: number): void {
    const { c } = this;
    const span = lanes * copies;
    const skip = new Label();
    const top = new Label();
    const block = new Block();
    this.outer.items.push(block);
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
    c.enter("body", body);
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
  protected maskedRounds(s: LoopStep, counter: Virtual, n: Virtual | number, lanes: number): void {
    const { c } = this;
    const block = new Block();
    this.outer.items.push(block);
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
    c.enter("body", body);
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
  protected singleRounds(s: LoopStep, counter: Virtual, n: Virtual | number): void {
    const { c } = this;
    const block = new Block();
    this.outer.items.push(block);
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
    c.enter("body", body);
    this.loops.push({ loop: s.loop, counter, latch: null, level: c.top, updates: s.updates, lanes: false });
    this.run(s.body, 1);
    this.loops.pop();
    c.leave();
    round.items.push(step(counter, 1), backJump(counter, n, top));
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
