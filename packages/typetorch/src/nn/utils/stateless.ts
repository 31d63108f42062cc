import { StateDictError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { AnyModule, Module } from "../module.ts";
import type { StateDictLike } from "../stateDict.ts";

/**
 * Calls a module with other tensors in the place of parameters and buffers, by state_dict key; those that are not given stay. Gradients flow into the given
 * tensors. The module is as before afterwards.
 * @see torch.nn.utils.stateless.functional_call
 * @example
 * const layer = new nn.Linear(2, 1);
 * const weight = torch.ones(1, 2).requiresGrad_();
 * const out = nn.utils.stateless.functionalCall(layer, { weight }, torch.ones(1, 2));
 * torch.autograd.grad(out.sum(), weight)[0] // tensor([[1., 1.]])
 */
export function functionalCall<Args extends readonly unknown[], Out>(
  module: Module<Args, Out>,
  parametersAndBuffers: StateDictLike,
  ...args: Args
): Out {
  const entries =
    parametersAndBuffers instanceof Map
      ? [...(parametersAndBuffers as ReadonlyMap<string, Tensor>)]
      : Object.entries(parametersAndBuffers as Readonly<Record<string, Tensor>>);
  const restore: (() => void)[] = [];
  try {
    for (const [name, tensor] of entries) restore.push(exchange(module as unknown as AnyModule, name, tensor));
    return module.call(...args);
  } finally {
    for (const undo of restore.reverse()) undo();
  }
}

/** Puts a tensor in the place of the parameter or buffer of that name; gives the function that undoes it. */
function exchange(root: AnyModule, name: string, tensor: Tensor): () => void {
  const at = name.lastIndexOf(".");
  const owner = root.getSubmodule(at < 0 ? "" : name.slice(0, at));
  const key = name.slice(at + 1);
  const own = [...owner.ownParameters(), ...owner.ownBuffers()].find(([k]) => k === key);
  if (own === undefined) {
    throw new StateDictError(
      `functionalCall: ${root.getName()} has no parameter or buffer ${name}`,
      "the names are the keys of module.stateDict()",
    );
  }
  owner.replaceOwn(key, tensor);
  return () => owner.replaceOwn(key, own[1]);
}
