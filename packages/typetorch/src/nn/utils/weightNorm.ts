import { ValueError } from "../../core/errors.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ForwardPreHook } from "../hooks.ts";
import { type AnyModule, hooksOf } from "../module.ts";
import { Parameter } from "../parameter.ts";

/** A hook that computes a parameter from others before each call of its module; a deep copy of the module computes its own. */
interface Reparametrization extends ForwardPreHook {
  readonly kind: string;
  readonly parameter: string;
  /** Puts an ordinary parameter back. */
  readonly remove: (module: AnyModule) => void;
}

function find(kind: string, module: AnyModule, name: string): [id: number, hook: Reparametrization] | undefined {
  for (const [id, hook] of hooksOf(module)?.forwardPre ?? []) {
    const { kind: own, parameter } = hook as Partial<Reparametrization>;
    if (own === kind && parameter === name) return [id, hook as Reparametrization];
  }
  return undefined;
}

/** Registers a reparametrisation; a second one of the same kind and name is refused. */
export function install(
  kind: string,
  module: AnyModule,
  name: string,
  compute: (module: AnyModule) => void,
  remove: (module: AnyModule) => void,
): void {
  if (find(kind, module, name) !== undefined) {
    throw new ValueError(`Cannot register two ${kind} hooks on the same parameter ${name}`);
  }
  module.registerForwardPreHook(Object.assign((m: AnyModule) => compute(m), { kind, parameter: name, remove }));
}

/** Takes a reparametrisation away: the parameter is an ordinary one again, with its present value. */
export function uninstall(kind: string, module: AnyModule, name: string): void {
  const found = find(kind, module, name);
  if (found === undefined) throw new ValueError(`${kind} of '${name}' not found in ${String(module)}`);
  hooksOf(module)!.forwardPre.delete(found[0]);
  found[1].remove(module);
}

/** A module's attributes by name. */
export function attributesOf(module: AnyModule): Record<string, unknown> {
  return module as unknown as Record<string, unknown>;
}

/** The parameter of that attribute name. Throws {@link ValueError} when there is none. */
export function parameterOf(kind: string, module: AnyModule, name: string): Parameter {
  const value = (module as unknown as Record<string, unknown>)[name];
  if (!(value instanceof Parameter)) {
    throw new ValueError(`\`${kind}\` cannot be applied as parameter \`${name}\` is None`);
  }
  return value;
}

/** The 2-norm over all dimensions but one (or all, with null), kept as dimensions of size 1. */
function normExcept(v: Tensor, dim: number | null): Tensor {
  const rank = v.shape.length;
  if (dim === null) return v.norm(2);
  const kept = dim < 0 ? dim + rank : dim;
  const others = v.shape.flatMap((_, d) => (d === kept ? [] : [d]));
  return others.length === 0 ? v.abs() : v.norm(2, others, true);
}

interface WeightNormOptions {
  /** The parameter's attribute. Default: `weight`. */
  name?: string;
  /** The dimension that keeps its own lengths; null takes one length for all. Default: 0. */
  dim?: number | null;
}

/**
 * Splits a parameter into length and direction, `w = g v / |v|`, which are learned in its stead (`weightG`, `weightV`). Returns the module.
 * @source Salimans and Kingma 2016, arXiv:1602.07868   @see torch.nn.utils.weight_norm
 * @example
 * [...nn.utils.weightNorm(new nn.Linear(2, 3)).stateDict().keys()] // ["bias", "weight_g", "weight_v"]
 */
export function weightNorm<M extends AnyModule>(
  module: M,
  ...rest: Trailing<[name: string, dim: number | null], WeightNormOptions>
): M {
  const options = trailing<WeightNormOptions>(rest, ["name", "dim"]);
  const name = options.name ?? "weight";
  const dim = options.dim === undefined ? 0 : options.dim;
  const weight = parameterOf("WeightNorm", module, name);
  const compute = (m: AnyModule) => {
    const own = attributesOf(m);
    const g = own[`${name}G`] as Tensor;
    const v = own[`${name}V`] as Tensor;
    own[name] = v.mul(g.div(normExcept(v, dim)));
  };
  install("weight_norm", module, name, compute, (m) => {
    compute(m);
    const own = attributesOf(m);
    const value = (own[name] as Tensor).detach();
    for (const part of ["", "G", "V"]) delete own[name + part];
    own[name] = new Parameter(value);
  });
  const own = attributesOf(module);
  delete own[name];
  own[`${name}G`] = new Parameter(normExcept(weight.detach(), dim).clone());
  own[`${name}V`] = new Parameter(weight.detach().clone());
  compute(module);
  return module;
}

/**
 * Undoes {@link weightNorm}.
 * @see torch.nn.utils.remove_weight_norm
 * @example
 * [...nn.utils.removeWeightNorm(nn.utils.weightNorm(new nn.Linear(2, 3))).stateDict().keys()] // ["bias", "weight"]
 */
export function removeWeightNorm<M extends AnyModule>(module: M, name = "weight"): M {
  uninstall("weight_norm", module, name);
  return module;
}
