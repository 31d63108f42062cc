/**
 * The compiler of loop kernels, as far as it is the same for all targets: lays out statements and loops, runs the vector loop in lanes. A vector loop becomes
 * - an unrolled main loop over whole vectors, with accumulators of its own for each copy of the body,
 * - with mask registers, a loop over the rest, one masked vector at a time; without, single vectors and then single elements,
 * and the lanes of accumulators are combined in a fixed order: copies by halves, then lanes by halves.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import type { CombineOp, Int } from "../../../ir/loops.ts";
import { Constant, type Frames, sizeOf } from "./frames.ts";
import type { LoopStep, Step } from "./graph.ts";
import { neutralOf } from "./neutral.ts";
import { type OpenLoop, Values } from "./values.ts";

/** Operations in the body of a vector loop from which on its code is not repeated. */
const longBody = 300;

export abstract class LoopCompiler<
  Register extends object,
  Code extends Frames<Register>,
  Loop extends OpenLoop<Register>,
> extends Values<Register, Code, Loop> {
  // ---- what a target has

  protected abstract store(s: Extract<Step, { kind: "store" }>): void;
  /** How many rounds a loop has. */
  protected abstract roundsOf(extent: Int): Register | number;
  /** Runs what `inside` makes when there is at least one round, in a frame `before`. */
  protected abstract ifAnyRound(n: Register | number, inside: () => void): void;
  /** A counter at 0. */
  protected abstract newCounter(): Register;
  /** Rounds of a single step. */
  protected abstract plainRounds(s: LoopStep, counter: Register, n: Register | number, copies: number): void;
  /** Rounds of `copies` whole vectors, for as long as there are so many left. */
  protected abstract vectorRounds(s: LoopStep, counter: Register, n: Register | number, lanes: number, copies: number): void;
  /** With mask registers: rounds of a vector each, the last of them partial. */
  protected abstract maskedRounds(s: LoopStep, counter: Register, n: Register | number, lanes: number): void;
  /** What single elements are left after the vectors. */
  protected abstract singleRounds(s: LoopStep, counter: Register, n: Register | number): void;
  /**
   * registers = registers op values. `inOrder`: the values come later than what the registers hold (argmax and argmin); `masked`: only in the lanes that exist in
   * a partial vector.
   */
  protected abstract combine(
    op: CombineOp,
    types: readonly ScalarType[],
    registers: readonly Register[],
    values: readonly (Register | Constant)[],
    options?: { readonly inOrder?: boolean; readonly masked?: boolean },
  ): void;
  /** The upper half of the first `bytes` bytes of a vector. */
  protected abstract upperHalf(x: Register, bytes: number): Register;
  /** Whether any lane of a bool holds, or all, as a bool of one lane. */
  protected abstract anyOrAll(x: Register, all: boolean, lanes: number): Register;

  // ---- statements

  protected run(steps: readonly Step[], copies: number): void {
    let i = 0;
    while (i < steps.length) {
      const s = steps[i]!;
      if (s.kind === "loop") {
        const lanes = s.vector ? this.plan.lanesOf.get(s)! : 1;
        if (lanes > 1) this.vectorLoop(s, lanes);
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

  /** A statement that is no loop. */
  protected straight(s: Step): void {
    const { c } = this;
    switch (s.kind) {
      case "evaluate":
        if (!s.node.live) break;
        if (s.node.op === "local") this.snapshot(s.node);
        else this.value(s.node);
        break;
      case "accumulators":
        s.ids.forEach((id, k) => {
          const type = s.types[k]!;
          const known = this.accumulators.get(id);
          const register = this.variable(type);
          this.assign(register, this.value(s.init[k]!), type);
          if (known?.perLane && this.copy > 0) known.registers.push(register);
          else this.accumulators.set(id, { type, registers: [register], level: c.top, perLane: c.lanes > 1 });
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

  private plainLoop(s: LoopStep, copies: number): void {
    const n = this.roundsOf(s.extent);
    this.ifAnyRound(n, () => this.plainRounds(s, this.newCounter(), n, copies));
  }

  private vectorLoop(s: LoopStep, lanes: number): void {
    const n = this.roundsOf(s.extent);
    this.ifAnyRound(n, () => this.vectorsOf(s, n, lanes));
  }

  private vectorsOf(s: LoopStep, n: Register | number, lanes: number): void {
    const { c } = this;
    const { masks } = this.plan.shape;
    c.lanes = lanes;
    const found = this.plan.inspect(s);
    const outside = this.plan.outsideUpdates(s);
    const copies = this.plan.copiesOf(found);
    const counter = this.newCounter();
    const partials = new Map<number, Register[]>();
    for (const { ids, op } of outside) {
      for (const [k, id] of ids.entries()) partials.set(id, this.startOf(id, op, k, copies));
    }

    this.partials = partials;
    this.vectorStep = s;
    // a very long body is there once only, where its whole vectors can run under a mask of ones
    if (!masks || found.nodes < longBody) this.vectorRounds(s, counter, n, lanes, copies);
    // with loops inside, a round reads the memory once for all its copies: what is left over takes as few rounds as possible
    if (found.loops && found.nodes <= 12) {
      for (let fewer = copies >> 1; fewer > 1; fewer >>= 1) this.vectorRounds(s, counter, n, lanes, fewer);
    }
    if (masks) this.maskedRounds(s, counter, n, lanes);
    else if (copies > 1) this.vectorRounds(s, counter, n, lanes, 1);
    this.partials = null;
    this.vectorStep = null;

    for (const { ids, op } of outside) this.combineLanes(ids, op, partials, lanes);
    c.lanes = 1;
    if (!masks) this.singleRounds(s, counter, n);
  }

  // ---- accumulators

  /** Where the partial results of accumulator `id`, number `k` of a statement, begin, one for each copy. */
  private startOf(id: number, op: CombineOp, k: number, copies: number): Register[] {
    const { type } = this.accumulators.get(id)!;
    const start = new Constant(type, neutralOf(op, k, type));
    return Array.from({ length: copies }, () => {
      const register = this.variable(type);
      this.assign(register, start, type);
      return register;
    });
  }

  private accumulate(s: Extract<Step, { kind: "accumulate" }>): void {
    const { c } = this;
    const registers = s.ids.map((id) => {
      const partial = this.partials?.get(id);
      if (partial !== undefined && c.lanes > 1) return partial[this.copy]!;
      const own = this.accumulators.get(id)!;
      return own.registers[own.perLane ? this.copy : 0]!;
    });
    const masked = c.lanes > 1 && this.partials?.has(s.ids[0]!) === true;
    const types = s.ids.map((id) => this.accumulators.get(id)!.type);
    const values = s.values.map((v) => this.value(v));
    this.combine(s.op, types, registers, values, { inOrder: true, masked });
  }

  /** Folds the copies and then the lanes of partial results, and adds them to the accumulators. */
  protected combineLanes(ids: readonly number[], op: CombineOp, partials: Map<number, Register[]>, lanes: number): void {
    const { c } = this;
    const types = ids.map((id) => this.accumulators.get(id)!.type);
    const targets = ids.map((id) => this.accumulators.get(id)!.registers[0]!);
    const copies = ids.map((id) => partials.get(id)!);
    const copy = (k: number): Register[] => copies.map((registers) => registers[k]!);
    for (let half = copies[0]!.length >> 1; half > 0; half >>= 1) {
      for (let k = 0; k < half; k++) this.combine(op, types, copy(k), copy(k + half));
    }
    const whole = copy(0);
    if (types[0] === "bool") {
      const one = this.anyOrAll(whole[0]!, op === "and" || op === "mul" || op === "min", lanes);
      c.lanes = 1;
      this.combine(op, types, targets, [one]);
      c.lanes = lanes;
      return;
    }
    for (let width = lanes; width > 1; width >>= 1) {
      const upper = whole.map((register, k) => this.upperHalf(register, width * sizeOf[types[k] as "f32"]));
      c.lanes = width >> 1;
      this.combine(op, types, whole, upper);
    }
    this.combine(op, types, targets, whole);
    c.lanes = lanes;
  }
}
