/**
 * Checkpointing: the forward keeps only its inputs, and the backward computes the rest again.
 */
import { AutogradError } from "../core/errors.ts";
import { defaultGenerator } from "../core/random.ts";
import { Tensor, enableGrad, isGradEnabled } from "../tensor/core.ts";
import { backward } from "../tensor/autograd/api.ts";
import { Function, type FunctionContext } from "../tensor/autograd/function.ts";

type Result = Tensor | readonly Tensor[];
type Body = (...args: unknown[]) => Result;

export interface CheckpointOptions {
  /** Give the second run the random numbers of the first. Default true. */
  preserveRngState?: boolean;
}

/** Where the default generator is, in both of its sequences. */
interface RandomState {
  readonly bytes: Uint8Array;
  readonly countersTaken: number;
}

const randomState = (): RandomState => ({ bytes: defaultGenerator.getState(), countersTaken: defaultGenerator.countersTaken });

function restoreRandomState({ bytes, countersTaken }: RandomState): void {
  defaultGenerator.setState(bytes);
  defaultGenerator.countersTaken = countersTaken;
}

class CheckpointFunction extends Function {
  static forward(ctx: FunctionContext, body: Body, preserve: boolean, ...args: unknown[]): Result {
    ctx.body = body;
    ctx.state = preserve ? randomState() : null;
    ctx.args = args.map((x) => (x instanceof Tensor ? null : x));
    ctx.saveForBackward(...args.map((x) => (x instanceof Tensor ? x : null)));
    return body(...args);
  }
  static backward(ctx: FunctionContext, ...grads: Tensor[]): unknown[] {
    if (isGradEnabled()) {
      throw new AutogradError(
        "Checkpointing is not compatible with createGraph: its backward does not record",
        "take higher derivatives without checkpoint",
      );
    }
    const saved = ctx.savedTensors as (Tensor | null)[];
    const inputs = saved.map((x, i) => (x === null ? (ctx.args as unknown[])[i] : x.detach().requiresGrad_(x.requiresGrad)));
    const state = ctx.state as RandomState | null;
    const now = state === null ? null : randomState();
    if (state !== null) restoreRandomState(state);
    let result: Result;
    try {
      result = enableGrad(() => (ctx.body as Body)(...inputs));
    } finally {
      if (now !== null) restoreRandomState(now);
    }
    const outputs = result instanceof Tensor ? [result] : result;
    const live = outputs.map((y, i) => ({ y, g: grads[i]! })).filter(({ y }) => y.requiresGrad);
    if (live.length === 0) throw new AutogradError("none of output has requires_grad=True, this checkpoint() is not necessary");
    backward(
      live.map(({ y }) => y),
      live.map(({ g }) => g),
    );
    return [null, null, ...inputs.map((x) => (x instanceof Tensor ? x.grad : null))];
  }
}

/**
 * Runs `body(...args)` keeping only the arguments; the backward runs it again. Saves memory for time. As `torch.utils.checkpoint.checkpoint`: at least one
 * argument must require a gradient, for parameters used inside to get theirs.
 * @example
 * const w = torch.tensor([2, 3], { requiresGrad: true });
 * torch.utils.checkpoint.checkpoint((a) => a.mul(a), w).sum().backward();
 * w.grad! // tensor([4., 6.])
 */
export function checkpoint<A extends unknown[], R extends Result>(body: (...args: A) => R, ...args: A): R {
  return checkpointWith(body, args, {});
}

/**
 * As `checkpoint`, with options.
 * @example
 * const w = torch.tensor([2, 3], { requiresGrad: true });
 * torch.utils.checkpoint.checkpointWith((a) => a.mul(a), [w], { preserveRngState: false }).sum().backward();
 * w.grad! // tensor([4., 6.])
 */
export function checkpointWith<A extends unknown[], R extends Result>(
  body: (...args: A) => R,
  args: A,
  options: CheckpointOptions,
): R {
  return CheckpointFunction.apply(body as unknown as Body, options.preserveRngState ?? true, ...args) as R;
}

/**
 * Runs functions one after the other in `segments` checkpointed groups; the last group is not checkpointed. As `torch.utils.checkpoint.checkpoint_sequential`.
 * @example
 * const steps = [(a: Tensor) => a.mul(2), (a: Tensor) => a.add(1), (a: Tensor) => a.square()];
 * torch.utils.checkpoint.checkpointSequential(steps, 2, torch.tensor([1, 2])) // tensor([9., 25.])
 */
export function checkpointSequential(functions: readonly ((x: Tensor) => Tensor)[], segments: number, input: Tensor): Tensor {
  const size = Math.floor(functions.length / segments);
  const run = (from: number, to: number) => (x: Tensor) => functions.slice(from, to).reduce((y, f) => f(y), x);
  let x = input;
  for (let s = 0; s < segments - 1; s++) x = checkpoint(run(s * size, (s + 1) * size), x);
  return run((segments - 1) * size, functions.length)(x);
}
