/**
 * Hooks on a module's gradients: its tensor arguments and results pass through an identity whose derivative looks at what flows by.
 */
import { AutogradError } from "../core/errors.ts";
import { defineOp, type Gradients } from "../ops/op.ts";
import { runtime } from "../ops/runtime.ts";
import { isGradEnabled } from "../tensor/core.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { BackwardHook } from "./hooks.ts";
import type { AnyModule } from "./module.ts";

interface Attributes {
  /** Sees the gradients of all values and returns those that flow on. */
  readonly look: (grads: Gradients) => Gradients;
}

const identity = defineOp<Attributes>({
  name: "module_backward_hook",
  run: (inputs) =>
    inputs.map((x) => {
      const same = runtime.alias(x, x.shape, x.strides, x.storageOffset);
      same.base = null;
      return same;
    }),
  backward: (grads, { attributes }) => attributes.look(grads),
  keepsGradients: true,
});

/** The values with their tensors passed through the identity; `places` are the positions of the tensors, null when none requires grad. */
function passThrough(
  values: readonly unknown[],
  look: Attributes["look"],
): { values: readonly unknown[]; places: number[] | null } {
  const places = values.flatMap((value, i) => (value instanceof Tensor ? [i] : []));
  const tensors = places.map((i) => values[i] as Tensor);
  if (!isGradEnabled() || !tensors.some((x) => x.requiresGrad)) return { values, places: null };
  const passed = runtime.callMany(identity, tensors, { look });
  const out = [...values];
  places.forEach((i, k) => {
    out[i] = passed[k];
  });
  return { values: out, places };
}

/** Gradients at the places of their values, null for values that are no tensors. */
function spread(grads: Gradients, places: readonly number[], count: number): (Tensor | null)[] {
  const out = new Array<Tensor | null>(count).fill(null);
  places.forEach((i, k) => {
    out[i] = grads[k] ?? null;
  });
  return out;
}

/** Runs `forward` so that the hooks see the gradients of its arguments and results. */
export function withBackwardHooks(
  module: AnyModule,
  hooks: readonly BackwardHook[],
  args: readonly unknown[],
  forward: (args: readonly unknown[]) => unknown,
): unknown {
  let gradOutputs: readonly (Tensor | null)[] | null = null;
  const inputs = passThrough(args, (grads) => {
    // Gradients that reach the arguments without having passed the results, as in a double backward, are not the module's.
    if (gradOutputs === null) return grads;
    let current = spread(grads, inputs.places!, args.length);
    for (const hook of hooks) {
      const result = hook(module, current, gradOutputs);
      if (result === undefined || result === null) continue;
      const list = result instanceof Tensor ? [result] : [...result];
      if (list.length !== current.length) {
        throw new AutogradError(
          `Backward hook returned an invalid number of grad_input, got ${list.length}, but expected ${current.length}`,
        );
      }
      current = list;
    }
    gradOutputs = null;
    return inputs.places!.map((i) => current[i]!);
  });
  const output = forward(inputs.values);
  const list = Array.isArray(output) ? (output as unknown[]) : [output];
  const outputs = passThrough(list, (grads) => {
    gradOutputs = spread(grads, outputs.places!, list.length);
    if (inputs.places === null) {
      for (const hook of hooks) {
        const result = hook(module, new Array<null>(args.length).fill(null), gradOutputs);
        if (result !== undefined && result !== null && !(Array.isArray(result) && result.every((g) => g === null))) {
          throw new AutogradError(
            "Backward hook for Modules where no input requires gradient should always return None or None for all gradients.",
          );
        }
      }
      gradOutputs = null;
    }
    return grads;
  });
  return Array.isArray(output) ? outputs.values : outputs.values[0];
}
