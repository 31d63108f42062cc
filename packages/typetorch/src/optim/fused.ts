/**
 * How optimizers run: everything a step does to one element of a parameter is one expression, written once over the algebra `Num<T>`. Over `Expr` it becomes a
 * kernel that reads and writes parameter and state in one pass; over `Tensor` it is ordinary ops through which gradients flow (`differentiable: true`).
 */
import { keepClassNames } from "../core/className.ts";
import type { Operand } from "../backends/backend.ts";
import { typedArrayOf } from "../backends/cpu/memory.ts";
import { type DType, float32 } from "../core/dtype.ts";
import { computeType, type Expr, input, param as scalarLeaf } from "../ir/expr.ts";
import type { Num } from "../ir/num.ts";
import type { MapSpec } from "../ir/spec.ts";
import { runtime } from "../ops/runtime.ts";
import { fullLike, Tensor, tensor, zerosLike } from "../tensor/core.ts";

/**
 * One step for one element. `x`: the parameter, its gradient, then the state tensors. `s`: the scalars of this step, computed in double precision before.
 * Returns the new parameter, then the new state tensors, in the order of `x`.
 */
export type UpdateRule = <T extends Num<T>>(x: readonly T[], s: readonly (T | number)[]) => readonly T[];

/** An update rule and its kernels, one per dtype. */
export class FusedUpdate {
  readonly name: string;
  private readonly rule: UpdateRule;
  /** Tensors that go in: the parameter, its gradient and the state. */
  private readonly tensors: number;
  private readonly scalars: number;
  private readonly specs = new Map<DType, MapSpec>();

  constructor(name: string, rule: UpdateRule, tensors: number, scalars: number) {
    this.name = name;
    this.rule = rule;
    this.tensors = tensors;
    this.scalars = scalars;
  }

  private spec(dtype: DType): MapSpec {
    let spec = this.specs.get(dtype);
    if (spec === undefined) {
      const type = computeType(dtype);
      const x = Array.from({ length: this.tensors }, (_, k) => input(k, type));
      const s = Array.from({ length: this.scalars }, (_, k) => scalarLeaf(k, type));
      const results = this.rule<Expr>(x, s);
      spec = {
        kind: "map",
        name: this.name,
        inputs: x.map(() => dtype),
        outputs: results.map((value) => ({ dtype, value })),
        params: this.scalars,
        compiled: null,
      };
      this.specs.set(dtype, spec);
    }
    return spec;
  }

  /** Changes the parameter `x[0]` and the state `x[2…]` in place. */
  run(x: readonly Tensor[], scalars: readonly number[], differentiable = false): void {
    if (differentiable) {
      const results = this.rule<Tensor>(x, scalars);
      results.forEach((result, k) => {
        x[k === 0 ? 0 : k + 1]!.copy_(result);
      });
      return;
    }
    const parameter = x[0]!;
    const outputs: Operand[] = [parameter];
    for (let k = 2; k < x.length; k++) outputs.push(x[k]!);
    runtime.backendOf(parameter).map(this.spec(parameter.dtype), parameter.shape, x, outputs, scalars);
    for (let k = 0; k < outputs.length; k++) outputs[k]!.storage.version++;
  }
}

/** The variants of an update (`amsgrad` or not, …), made on demand. `flags` is a set of bits. */
export function variants(make: (flags: number) => FusedUpdate): (flags: number) => FusedUpdate {
  const made: (FusedUpdate | undefined)[] = [];
  return (flags) => {
    made[flags] ??= make(flags);
    return made[flags];
  };
}

/** A state tensor of zeros, laid out as the parameter. */
export const zeroState = (param: Tensor): Tensor => zerosLike(param);

/** A state tensor filled with a number, laid out as the parameter. */
export const filledState = (param: Tensor, value: number): Tensor => fullLike(param, value);

/** A 0-d float32 tensor on the CPU, which is how PyTorch keeps step counts. */
export const scalarState = (value: number): Tensor => tensor(value, { dtype: float32, device: "cpu" });

/** Writes a 0-d tensor of {@link scalarState}. */
export function setScalar(state: Tensor, value: number): void {
  typedArrayOf(state.storage, state.dtype)[state.storageOffset] = value;
  state.storage.version++;
}

/** Adds 1 to the step count in a state, and returns it. */
export function nextStep(step: Tensor): number {
  const value = (typedArrayOf(step.storage, step.dtype)[step.storageOffset] as number) + 1;
  setScalar(step, value);
  return value;
}

/** Old checkpoints hold step counts as plain numbers. */
export function scalarFromOld(value: unknown): Tensor {
  return value instanceof Tensor ? value : scalarState(Number(value));
}

keepClassNames({ FusedUpdate });
