import { ValueError } from "../../core/errors.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ForwardPreHook, RemovableHandle } from "../hooks.ts";
import type { AnyModule } from "../module.ts";
import { Parameter } from "../parameter.ts";

/** A parameter that is computed from others before each call of its module. */
interface Reparametrization {
  readonly kind: string;
  readonly name: string;
  readonly handle: RemovableHandle;
  /** Puts an ordinary parameter back. */
  remove(): void;
}

const installed = new WeakMap<AnyModule, Reparametrization[]>();

/** Registers a reparametrisation; a second one of the same kind and name is refused. */
export function install(kind: string, module: AnyModule, name: string, compute: ForwardPreHook, remove: () => void): void {
  const list = installed.get(module) ?? [];
  if (list.some((r) => r.kind === kind && r.name === name)) {
    throw new ValueError(`Cannot register two ${kind} hooks on the same parameter ${name}`);
  }
  list.push({ kind, name, handle: module.registerForwardPreHook(compute), remove });
  installed.set(module, list);
}

/** Takes a reparametrisation away: the parameter is an ordinary one again, with its present value. */
export function uninstall(kind: string, module: AnyModule, name: string): void {
  const list = installed.get(module) ?? [];
  const at = list.findIndex((r) => r.kind === kind && r.name === name);
  if (at < 0) throw new ValueError(`${kind} of '${name}' not found in ${String(module)}`);
  const [found] = list.splice(at, 1);
  found!.handle.remove();
  found!.remove();
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
 */
export function weightNorm<M extends AnyModule>(
  module: M,
  ...rest: Trailing<[name: string, dim: number | null], WeightNormOptions>
): M {
  const options = trailing<WeightNormOptions>(rest, ["name", "dim"]);
  const name = options.name ?? "weight";
  const dim = options.dim === undefined ? 0 : options.dim;
  const weight = parameterOf("WeightNorm", module, name);
  const own = module as unknown as Record<string, unknown>;
  const compute = () => {
    const g = own[`${name}G`] as Tensor;
    const v = own[`${name}V`] as Tensor;
    own[name] = v.mul(g.div(normExcept(v, dim)));
  };
  install("weight_norm", module, name, compute, () => {
    compute();
    const value = (own[name] as Tensor).detach();
    for (const part of ["", "G", "V"]) delete own[name + part];
    own[name] = new Parameter(value);
  });
  delete own[name];
  own[`${name}G`] = new Parameter(normExcept(weight.detach(), dim).clone());
  own[`${name}V`] = new Parameter(weight.detach().clone());
  compute();
  return module;
}

/**
 * Undoes {@link weightNorm}.
 * @see torch.nn.utils.remove_weight_norm
 */
export function removeWeightNorm<M extends AnyModule>(module: M, name = "weight"): M {
  uninstall("weight_norm", module, name);
  return module;
}
