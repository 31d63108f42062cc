/**
 * Loop kernels as WebAssembly: instructions, blocks and rounds of loops, in 128-bit vectors, for {@link LoopCompiler}.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import type { CombineOp, Int, LoopKernel } from "../../../ir/loops.ts";
import { Graph, type LoopStep, type Node, type Rendered, type Step, Unsupported, type VectorShape } from "../kernel/graph.ts";
import { Plan } from "../kernel/plan.ts";
import { anyOrAll, combine, copyTo, upperHalf } from "./accumulate.ts";
import { Code, type Local, type Value } from "./code.ts";
import { kernelModule } from "./kernelModule.ts";
import { Leaves, type Loop } from "./leaves.ts";
import type { MemoryLimits } from "./module.ts";
import { choose, render } from "./renderTable.ts";

const shape: VectorShape = { wideLanes: 2, masks: false, scales: false, gathersNarrow: true, scatters: true, copies: 4 };

/** The module of a loop kernel; null when it uses a primitive that has no instructions here. `relaxed`: the engine has the relaxed vector instructions. */
export function compileLoops(
  kernel: LoopKernel,
  limits: MemoryLimits,
  options: { readonly relaxed?: boolean } = {},
): Uint8Array<ArrayBuffer> | null {
  try {
    const m = kernelModule(limits);
    const imported = {
      fma: m.importFunction("env", "fma", ["f64", "f64", "f64"], ["f64"]),
      remainder: m.importFunction("env", "remainder", ["f64", "f64"], ["f64"]),
    };
    const body = m.function(["i32"], []);
    m.export("kernel", body);
    m.name(body, kernel.name);
    const c = new Code(body, imported, options.relaxed ?? false);
    const graph = new Graph(kernel, shape);
    const plan = new Plan(kernel, shape, graph.steps);
    c.boolBytes = plan.boolBytes;
    new Compiler(kernel, c, graph, plan).compile();
    return m.finish();
  } catch (error) {
    if (error instanceof Unsupported) return null;
    throw error;
  }
}

class Compiler extends Leaves {
  compile(): void {
    this.run(this.graph.steps, 1);
  }

  /** The temporary locals of a statement are free after it. */
  protected override straight(s: Step): void {
    this.c.scope(() => super.straight(s));
  }

  // ---- values

  protected render(op: Rendered | "scale", node: Node, args: readonly Value[], from: ScalarType): Value {
    if (op === "scale") throw new Error("this target has no scaling instruction");
    return render[op](this.c, node.type, args, from, node.ref);
  }
  protected choose(type: ScalarType, condition: Value, yes: Value, no: Value): Value {
    return choose(this.c, type, condition, yes, no);
  }
  protected variable(): Local {
    return this.c.variable("v128");
  }
  protected assign(to: Local, from: Value): void {
    copyTo(this.c, to, from);
  }
  protected combine(
    op: CombineOp,
    types: readonly ScalarType[],
    locals: readonly Local[],
    values: readonly Value[],
    { inOrder = false } = {},
  ): void {
    combine(this.c, op, types, locals, values, inOrder);
  }
  protected upperHalf(x: Local, bytes: 8 | 16): Local {
    return upperHalf(this.c, x, bytes);
  }
  protected anyOrAll(x: Local, all: boolean): Local {
    return anyOrAll(this.c, x, all);
  }
  protected override combineLanes(...args: Parameters<Leaves["combineLanes"]>): void {
    this.c.scope(() => super.combineLanes(...args));
  }

  // ---- blocks

  protected ifAny(condition: Value, inside: () => void): void {
    const { c } = this;
    const { body } = c;
    c.enter("if");
    inside();
    const code = c.leave();
    if (c.lanes === 1) c.lane(condition, "i32x4.extract_lane", 0);
    else {
      c.push(condition);
      body.op("v128.any_true");
    }
    body.if(() => body.append(code));
  }

  // ---- loops

  protected roundsOf(extent: Int): Local | number {
    return typeof extent === "number" ? extent : this.c.count(this.slotOf(extent.arg));
  }
  protected ifAnyRound(n: Local | number, inside: () => void): void {
    const { c } = this;
    const { body } = c;
    c.enter("before");
    inside();
    const code = c.leave();
    if (typeof n === "number") {
      if (n >= 1) body.append(code);
      return;
    }
    body.get(n.index);
    body.i32(1);
    body.op("i32.ge_s");
    body.if(() => body.append(code));
  }
  protected newCounter(): Local {
    const { c } = this;
    const counter = c.variable("i32");
    c.body.i32(0);
    c.set(counter);
    return counter;
  }
  protected plainRounds(s: LoopStep, counter: Local, n: Local | number, copies: number): void {
    this.rounds(s, counter, n, 1, copies, false);
  }
  protected vectorRounds(s: LoopStep, counter: Local, n: Local | number, lanes: number, copies: number): void {
    this.rounds(s, counter, n, lanes * copies, copies, true);
  }
  protected maskedRounds(): void {
    throw new Error("this target has no mask registers");
  }
  protected singleRounds(s: LoopStep, counter: Local, n: Local | number): void {
    this.rounds(s, counter, n, 1, 1, false);
  }

  /** Rounds of `span` steps for as long as there are so many left. The code before them is in the frame around. */
  private rounds(s: LoopStep, counter: Local, n: Local | number, span: number, copies: number, lanes: boolean): void {
    const { c } = this;
    const { body } = c;
    const open: Loop = {
      loop: s.loop,
      counter,
      level: c.top + 1,
      updates: s.updates,
      lanes,
      span,
      moving: new Map(),
    };
    c.enter("body");
    this.loops.push(open);
    this.run(s.body, copies);
    this.loops.pop();
    const code = c.leave();
    body.block((end) => {
      body.loop((again) => {
        if (typeof n === "number") body.i32(n);
        else body.get(n.index);
        body.get(counter.index);
        body.op("i32.sub");
        body.i32(span);
        body.op("i32.lt_s");
        body.branchIf(end);
        body.append(code);
        for (const [pointer, bytes] of open.moving) {
          if (bytes === 0) continue;
          body.get(pointer.index);
          if (typeof bytes === "number") body.i32(bytes);
          else body.get(bytes.index);
          body.op("i32.add");
          body.set(pointer.index);
        }
        body.get(counter.index);
        body.i32(span);
        body.op("i32.add");
        body.set(counter.index);
        body.branch(again);
      });
    });
  }
}
