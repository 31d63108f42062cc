/**
 * The compiler of loop kernels for WebAssembly: lays out loops, keeps track of addresses, runs the vector loop in lanes of 128-bit vectors. A vector loop becomes
 * an unrolled main loop over whole vectors, with accumulators of its own for each copy of the body, then single vectors, then single elements; the lanes of
 * accumulators are combined in a fixed order: copies by halves, then lanes by halves.
 */
import type { CombineOp, LoopKernel } from "../../../ir/loops.ts";
import { Graph, type LoopStep, type Step, Unsupported, type VectorShape } from "../kernel/graph.ts";
import { neutralOf } from "../kernel/neutral.ts";
import { Plan } from "../kernel/plan.ts";
import { anyOrAll, combine, copyTo, upperHalf } from "./accumulate.ts";
import { Code, Constant, type Local, sizeOf } from "./code.ts";
import { kernelModule } from "./kernelModule.ts";
import type { MemoryLimits } from "./module.ts";
import { type OpenLoop, Values } from "./values.ts";

const shape: VectorShape = { wideLanes: 2, masks: false, scales: false, gathersNarrow: true, scatters: true };

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

/** Lays out statements and loops. */
class Compiler extends Values {
  compile(): void {
    this.run(this.graph.steps, 1);
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
        for (let k = i; k < end; k++) this.c.scope(() => this.straight(steps[k]!));
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
          const local = c.variable("v128");
          copyTo(c, local, this.value(s.init[k]!));
          if (known?.perLane && this.copy > 0) known.locals.push(local);
          else this.accumulators.set(id, { type: s.types[k]!, locals: [local], level: c.top, perLane: c.lanes > 1 });
        });
        break;
      case "accumulate":
        this.accumulate(s);
        break;
      case "store":
        this.store(s);
        break;
      case "if":
        this.ifAny(this.value(s.condition), () => this.run(s.body, 1));
        break;
      case "loop":
        throw new Error("a loop among straight steps");
    }
  }

  // ---- loops

  /** What `inside` makes runs when there is at least one round. */
  private ifAnyRound(n: Local | number, inside: () => void): void {
    const { body } = this.c;
    if (typeof n === "number") {
      if (n >= 1) inside();
      return;
    }
    body.get(n.index);
    body.i32(1);
    body.op("i32.ge_s");
    body.if(inside);
  }

  private extentOf(s: LoopStep): Local | number {
    return typeof s.extent === "number" ? s.extent : this.c.count(1 + this.kernel.buffers.length + s.extent.arg);
  }

  private plainLoop(s: LoopStep, copies: number): void {
    const { c } = this;
    const n = this.extentOf(s);
    c.enter("before");
    const counter = this.zeroCounter();
    this.rounds(s, counter, n, 1, copies, false);
    const code = c.leave();
    this.ifAnyRound(n, () => c.body.append(code));
  }

  private zeroCounter(): Local {
    const { c } = this;
    const counter = c.variable("i32");
    c.body.i32(0);
    c.set(counter);
    return counter;
  }

  private vectorLoop(s: LoopStep, lanes: number): void {
    const { c } = this;
    const n = this.extentOf(s);
    c.enter("before");
    c.lanes = lanes;
    const found = this.plan.inspect(s);
    const outside = this.plan.outsideUpdates(s);
    let copies: number;
    if (found.gathers) copies = 1;
    else if (found.loops) copies = Math.max(1, Math.min(4, Math.floor(8 / Math.max(1, found.perLane))));
    else copies = found.nodes <= 10 ? 4 : found.nodes <= 30 ? 2 : 1;

    const counter = this.zeroCounter();
    const partials = new Map<number, Local[]>();
    for (const { ids, op } of outside) {
      for (const [k, id] of ids.entries()) {
        const { type } = this.accumulators.get(id)!;
        const start = new Constant(type, neutralOf(op, k, type));
        partials.set(
          id,
          Array.from({ length: copies }, () => {
            const local = c.variable("v128");
            copyTo(c, local, start);
            return local;
          }),
        );
      }
    }

    this.partials = partials;
    this.rounds(s, counter, n, lanes * copies, copies, true);
    // with loops inside, a round reads the memory once for all its copies: what is left over takes as few rounds as possible
    if (found.loops && found.nodes <= 12) {
      for (let fewer = copies >> 1; fewer > 1; fewer >>= 1) this.rounds(s, counter, n, lanes * fewer, fewer, true);
    }
    if (copies > 1) this.rounds(s, counter, n, lanes, 1, true);
    this.partials = null;

    for (const { ids, op } of outside) c.scope(() => this.combineLanes(ids, op, partials, lanes));

    c.lanes = 1;
    this.rounds(s, counter, n, 1, 1, false);
    const code = c.leave();
    this.ifAnyRound(n, () => c.body.append(code));
  }

  /** Rounds of `span` steps for as long as there are so many left. The code before them is in the frame around. */
  private rounds(s: LoopStep, counter: Local, n: Local | number, span: number, copies: number, lanes: boolean): void {
    const { c } = this;
    const { body } = c;
    const open: OpenLoop = {
      loop: s.loop,
      counter,
      level: c.top + 1,
      updates: s.updates,
      lanes,
      span,
      moving: new Map(),
    };
    c.enter("body", s.loop);
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

  // ---- accumulators

  private accumulate(s: Extract<Step, { kind: "accumulate" }>): void {
    const { c } = this;
    const locals = s.ids.map((id) => {
      const partial = this.partials?.get(id);
      if (partial !== undefined && c.lanes > 1) return partial[this.copy]!;
      const own = this.accumulators.get(id)!;
      return own.locals[own.perLane ? this.copy : 0]!;
    });
    const types = s.ids.map((id) => this.accumulators.get(id)!.type);
    combine(
      c,
      s.op,
      types,
      locals,
      s.values.map((v) => this.value(v)),
      true,
    );
  }

  /** Folds the copies and then the lanes of partial results, and adds them to the accumulators. */
  private combineLanes(ids: readonly number[], op: CombineOp, partials: Map<number, Local[]>, lanes: number): void {
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
        );
      }
      width = half;
    }
    const whole = copies.map((r) => r[0]!);
    const targets = ids.map((id) => this.accumulators.get(id)!.locals[0]!);
    if (types[0] === "bool") {
      combine(c, op, types, targets, [anyOrAll(c, whole[0]!, op === "and" || op === "mul" || op === "min")]);
      return;
    }
    for (let width = lanes; width > 1; width >>= 1) {
      const upper = whole.map((r, k) => upperHalf(c, r, (width * sizeOf[types[k] as "f32"]) as 8 | 16));
      c.lanes = width >> 1;
      combine(c, op, types, whole, upper);
    }
    combine(c, op, types, targets, whole);
    c.lanes = lanes;
  }
}
