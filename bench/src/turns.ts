/**
 * Times the same work here and in PyTorch by turns, so that both see the same machine.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** Python text: statements that make the inputs, and the expression that is timed. */
export interface PythonWork {
  readonly setup: string;
  readonly run: string;
}

/** A process of PyTorch that times what it is given. */
export class Torch {
  private readonly process;
  private readonly answers;

  constructor(threads: number) {
    const env = { ...process.env };
    delete env.OPENBLAS_CORETYPE;
    delete env.OPENBLAS_L2_SIZE;
    const script = fileURLToPath(new URL("../../torch/turns.py", import.meta.url));
    const command = process.env.PYTHON ?? "/usr/bin/python3";
    this.process = spawn(command, [script, String(threads)], { env, stdio: ["pipe", "pipe", "inherit"] });
    this.answers = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  /** Times in milliseconds, of runs for that long. */
  async sample(work: PythonWork, milliseconds: number): Promise<number[]> {
    this.process.stdin.write(`${JSON.stringify({ ...work, milliseconds })}\n`);
    const answer = JSON.parse((await this.answers.next()).value) as number[] | string;
    if (typeof answer === "string") throw new Error(`PyTorch: ${answer}`);
    return answer;
  }

  close(): void {
    this.process.stdin.end();
  }
}

/** Times in milliseconds, of runs for that long. */
export function sample(run: () => unknown, milliseconds: number): number[] {
  const times: number[] = [];
  const first = performance.now();
  run();
  const batch = performance.now() - first < 0.02 ? 20 : 1; // the clock is too coarse for less
  const end = performance.now() + milliseconds;
  do {
    const start = performance.now();
    for (let i = 0; i < batch; i++) run();
    times.push((performance.now() - start) / batch);
  } while (performance.now() < end);
  return times;
}

/** Minimum and median of both sides. */
export interface Turns {
  readonly least: number;
  readonly median: number;
  readonly torchLeast: number;
  readonly torchMedian: number;
}

export async function byTurns(
  run: () => unknown,
  torch: Torch,
  work: PythonWork,
  rounds: number,
  milliseconds: number,
): Promise<Turns> {
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    ours.push(...sample(run, milliseconds));
    theirs.push(...(await torch.sample(work, milliseconds)));
    await setTimeout(5); // until the threads of the other side sleep
  }
  const middle = (times: number[]): number => times.sort((a, b) => a - b)[times.length >> 1]!;
  const [median, torchMedian] = [middle(ours), middle(theirs)];
  return { least: ours[0]!, median, torchLeast: theirs[0]!, torchMedian };
}
