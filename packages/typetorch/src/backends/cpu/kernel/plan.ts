/**
 * What is decided about a kernel before its code is made: how many lanes each vector loop has, and what is fetched ahead.
 */
import type { ScalarType } from "../../../ir/expr.ts";
import type { Access, CombineOp, Int, LoopKernel } from "../../../ir/loops.ts";
import { type LoopStep, type Node, type Step, Unsupported, type VectorShape } from "./graph.ts";

export class Plan {
  private readonly kernel: LoopKernel;
  readonly shape: VectorShape;
  /** Without mask registers: bytes of a lane of a bool, in the whole kernel. */
  boolBytes: 4 | 8 = 4;
  readonly lanesOf = new Map<LoopStep, number>();
  /**
   * Where several vector loops in a row read the same elements (softmax: three times a row), the last of them fetches those of the next round of the loop around
   * them, and so does a reduction: the processor's own prefetching ends with a page, which is a short row. By buffer, the stride to the next round.
   */
  readonly ahead = new Map<LoopStep, Map<number, Int>>();

  constructor(kernel: LoopKernel, shape: VectorShape, steps: readonly Step[]) {
    this.kernel = kernel;
    this.shape = shape;
    this.chooseLanes(steps);
    this.findAhead(steps, null);
  }

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
        this.lanesOf.set(s, wide ? this.shape.wideLanes : this.shape.wideLanes * 2);
      }
    }
    // without mask registers bools have lanes of one size in the whole kernel
    if (!this.shape.masks && anyWide) {
      this.boolBytes = 8;
      for (const s of narrow) this.lanesOf.set(s, this.shape.wideLanes);
    }
  }

  /** `wide`: 64-bit values in lanes; `single`: something that only single elements can do. */
  inspect(step: LoopStep): {
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
        if (store && !this.shape.scatters) result.single = true;
        if (this.kernel.buffers[a.buffer]!.dtype.itemsize < 4 && !this.shape.gathersNarrow) result.single = true;
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

  /** How often the body of a vector loop stands in its main loop. */
  copiesOf(found: ReturnType<Plan["inspect"]>): number {
    const most = this.shape.copies;
    if (found.gathers) return 1;
    if (found.loops) return Math.max(1, Math.min(most, Math.floor((2 * most) / Math.max(1, found.perLane))));
    return found.nodes <= 10 ? 4 : found.nodes <= 30 ? 2 : 1;
  }

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

  /** The accumulate statements in a vector loop on accumulators from outside. */
  outsideUpdates(s: LoopStep): { ids: readonly number[]; op: CombineOp }[] {
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
}
