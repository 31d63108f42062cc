/**
 * Whether ops record gradients: `noGrad`, `enableGrad`, `setGradEnabled`, `inferenceMode`.
 */
import { ArgumentTypeError } from "../../core/errors.ts";

/** Whether ops record. Read it; change it by the functions below. @internal */
export let gradEnabled = true;
let inference = false;

/**
 * Whether operations are recorded for gradients, as `torch.is_grad_enabled`.
 * @example
 * torch.noGrad(() => torch.isGradEnabled()) // false
 */
export function isGradEnabled(): boolean {
  return gradEnabled;
}

/** @internal */
export function assignGradEnabled(value: boolean): void {
  gradEnabled = value;
}

/** Restores the mode that was there before when it is disposed: `using _ = torch.noGrad()`. */
export class GradModeGuard {
  private readonly previous = gradEnabled;
  private readonly previousInference = inference;
  [Symbol.dispose](): void {
    gradEnabled = this.previous;
    inference = this.previousInference;
  }
}

function scope<R>(enabled: boolean, inferring: boolean, body: (() => R) | undefined): R | GradModeGuard {
  if (body !== undefined && typeof body !== "function") {
    throw new ArgumentTypeError(
      `a grad mode scope: argument 'body' must be a function, not ${typeof body}`,
      "write torch.noGrad(() => { … })",
    );
  }
  const guard = new GradModeGuard();
  gradEnabled = enabled;
  inference = inferring;
  if (body === undefined) return guard;
  try {
    const result = body();
    if (result instanceof Promise) {
      result.catch(() => undefined);
      throw new ArgumentTypeError(
        "a grad mode scope cannot wait for an async function: other code would run in its mode",
        "write `using _ = torch.noGrad();` around the synchronous parts, or make the function synchronous",
      );
    }
    return result;
  } finally {
    guard[Symbol.dispose]();
  }
}

/**
 * Runs `body` without recording gradients and returns what it returns; without `body`, returns a guard for `using`. As `torch.no_grad`.
 * @example
 * const w = torch.ones(2).requiresGrad_();
 * torch.noGrad(() => w.mul(2)).requiresGrad // false
 */
export function noGrad(): GradModeGuard;
export function noGrad<R>(body: () => R): R;
export function noGrad<R>(body?: () => R): R | GradModeGuard {
  return scope(false, inference, body);
}

/**
 * Records gradients inside of a `noGrad`, as `torch.enable_grad`.
 * @example
 * torch.noGrad(() => torch.enableGrad(() => torch.isGradEnabled())) // true
 */
export function enableGrad(): GradModeGuard;
export function enableGrad<R>(body: () => R): R;
export function enableGrad<R>(body?: () => R): R | GradModeGuard {
  return scope(true, inference, body);
}

/**
 * Switches recording on or off; returns a guard that switches back when it is disposed. As `torch.set_grad_enabled`.
 * @example
 * torch.autograd.setGradEnabled(false, () => torch.isGradEnabled()) // false
 */
export function setGradEnabled(enabled: boolean): GradModeGuard;
export function setGradEnabled<R>(enabled: boolean, body: () => R): R;
export function setGradEnabled<R>(enabled: boolean, body?: () => R): R | GradModeGuard {
  return scope(enabled, inference, body);
}

/**
 * As `noGrad`, and says that nothing computed inside will ever be differentiated. As `torch.inference_mode`.
 * @example
 * torch.inferenceMode(() => torch.ones(2).requiresGrad) // false
 */
export function inferenceMode(): GradModeGuard;
export function inferenceMode<R>(body: () => R): R;
export function inferenceMode<R>(body?: () => R): R | GradModeGuard {
  return scope(false, true, body);
}

/**
 * Whether inference mode is on, as `torch.is_inference_mode_enabled`.
 * @example
 * torch.inferenceMode(() => torch.isInferenceModeEnabled()) // true
 */
export function isInferenceModeEnabled(): boolean {
  return inference;
}
