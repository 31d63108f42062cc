/**
 * A workload: the same work, at the same sizes, as the function of that name in bench/torch/bench.py, with the least time that the machine allows.
 */
export interface Workload {
  readonly name: string;
  /** What must be done at least: floating-point operations (a multiply-add counts two) and bytes read and written once. */
  readonly floor: { readonly flops?: number; readonly bytes?: number };
  /** Makes the inputs and gives the function that is timed. */
  setup(): () => unknown;
}

export interface Timing {
  readonly name: string;
  /** Median, in milliseconds. */
  readonly ms: number;
  readonly min: number;
  readonly samples: number;
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Runs a workload for a second, at least five times (after two runs to warm up) unless that takes ten seconds. The pause lets the garbage collector's and compiler's threads finish. */
export function time(workload: Workload, seconds = 1): Timing {
  const run = workload.setup();
  run();
  run();
  Atomics.wait(sleeper, 0, 0, 20);
  const samples: number[] = [];
  const start = performance.now();
  for (;;) {
    const elapsed = performance.now() - start;
    if (elapsed >= seconds * 1000 && (samples.length >= 5 || elapsed >= seconds * 10_000)) break;
    const t = performance.now();
    run();
    samples.push(performance.now() - t);
  }
  samples.sort((a, b) => a - b);
  return { name: workload.name, ms: samples[samples.length >> 1]!, min: samples[0]!, samples: samples.length };
}
