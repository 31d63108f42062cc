/**
 * Measurements that are no time of a workload: memory over many steps, what compiling a kernel costs, how deep a graph may be.
 */
import * as torch from "typetorch";
import { mlpStep } from "./workloads/trainMlp.ts";

export interface Measurement {
  readonly name: string;
  measure(): Record<string, number>;
}

const megabyte = 1024 * 1024;
const rss = () => process.memoryUsage().rss / megabyte;

/** Ten thousand steps in one synchronous loop: nothing ever awaits, so no finalizer runs. */
function memory(name: string, keepLosses: boolean): Measurement {
  return {
    name,
    measure() {
      const step = mlpStep();
      for (let i = 0; i < 200; i++) step();
      const losses: torch.Tensor[] = [];
      const before = rss();
      let peak = before;
      for (let i = 0; i < 10_000; i++) {
        const loss = step().detach();
        if (keepLosses) losses.push(loss);
        if (i % 100 === 0) peak = Math.max(peak, rss());
      }
      return { "MB before": before, "MB after": rss(), "MB at most": peak, "losses kept": losses.length };
    },
  };
}

/** Milliseconds of the first call less those of the second, for expressions that no other code uses: what generating and assembling a kernel costs. */
const kernelCompile: Measurement = {
  name: "kernel_compile",
  measure() {
    const median = (list: number[]) => list.sort((a, b) => a - b)[list.length >> 1]!;
    const first = (run: () => unknown) => {
      const start = performance.now();
      run();
      const middle = performance.now();
      run();
      return middle - start - (performance.now() - middle);
    };
    const x = torch.rand(64);
    const a = torch.rand(8, 8);
    const names = [
      "exp",
      "log",
      "sin",
      "cos",
      "tanh",
      "sigmoid",
      "sqrt",
      "erf",
      "abs",
      "neg",
      "floor",
      "ceil",
      "log1p",
      "expm1",
      "rsqrt",
    ] as const;
    const pointwise = names.map((name) => first(() => x[name]()));
    const rows = [
      () => x.sum(),
      () => x.mean(),
      () => x.prod(),
      () => x.amax(),
      () => x.argmax(0),
      () => x.softmax(0),
      () => x.cumsum(0),
    ].map(first);
    return { "ms pointwise": median(pointwise), "ms reduction": median(rows), "ms gemm": first(() => a.mm(a)) };
  },
};

/** A chain of 100,000 additions and its backward: no recursion may be as deep as the graph. */
const deepGraph: Measurement = {
  name: "deep_graph_100k",
  measure() {
    const once = () => {
      const start = performance.now();
      const x = torch.ones([1], { requiresGrad: true });
      let y = x as torch.Tensor;
      for (let i = 0; i < 100_000; i++) y = y.add(1);
      y.backward();
      if (x.grad?.item() !== 1) throw new Error(`the gradient is ${x.grad?.item()}, expected 1`);
      return performance.now() - start;
    };
    const times = [once(), once(), once()].sort((a, b) => a - b);
    return { ms: times[1]!, "ms min": times[0]! };
  },
};

export const measurements: readonly Measurement[] = [
  memory("memory_10000_steps", false),
  memory("memory_10000_steps_losses_kept", true),
  kernelCompile,
  deepGraph,
];
