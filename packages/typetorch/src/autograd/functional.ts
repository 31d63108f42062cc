/**
 * Derivatives of functions as functions: `torch.autograd.functional`.
 */
import { AutogradError } from "../core/errors.ts";
import { type Tensor, Tensor as TensorClass, enableGrad, stack, zerosLike } from "../tensor/core.ts";
import { grad } from "../tensor/autograd/api.ts";

type OneOrMany = Tensor | readonly Tensor[];
type Fn = (...inputs: Tensor[]) => OneOrMany;

export interface FunctionalOptions {
  /** Record, so that the result can be differentiated again. */
  createGraph?: boolean;
  /** Throw when an output does not depend on an input instead of giving zeros. */
  strict?: boolean;
}

const listOf = (x: OneOrMany): readonly Tensor[] => (x instanceof TensorClass ? [x] : x);
const like = <T>(template: OneOrMany, list: readonly T[]): T | readonly T[] =>
  template instanceof TensorClass ? list[0]! : list;

/** Inputs that the derivative is taken for: views of the user's, so that nothing of theirs is touched. */
function prepare(inputs: OneOrMany, createGraph: boolean): Tensor[] {
  return listOf(inputs).map((x) => (createGraph && x.requiresGrad ? x.view(x.shape) : x.detach().requiresGrad_()));
}
const finish = (x: Tensor, createGraph: boolean): Tensor => (createGraph ? x : x.detach());

function gradOrZero(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  gradOutputs: readonly (Tensor | null)[] | null,
  options: { createGraph: boolean; strict: boolean },
): Tensor[] {
  const live = outputs.map((y, i) => ({ y, g: gradOutputs?.[i] ?? null })).filter(({ y }) => y.requiresGrad);
  const results =
    live.length === 0
      ? inputs.map(() => null)
      : grad(
          live.map(({ y }) => y),
          inputs,
          { gradOutputs: live.map(({ g }) => g), createGraph: options.createGraph, retainGraph: true, allowUnused: true },
        );
  return results.map((g, i) => {
    if (g === null && options.strict)
      throw new AutogradError(
        `The output of the user-provided function is independent of input ${i}. This is not allowed in strict mode.`,
      );
    return g ?? zerosLike(inputs[i]!);
  });
}

/**
 * The outputs and v times the Jacobian. As `torch.autograd.functional.vjp`.
 * @example
 * torch.autograd.functional.vjp((w) => w.square(), torch.tensor([1, 2]), torch.ones(2))[1] // tensor([2., 4.])
 */
export function vjp(
  fn: Fn,
  inputs: OneOrMany,
  v: OneOrMany | null = null,
  options: FunctionalOptions = {},
): [OneOrMany, OneOrMany] {
  const { createGraph = false, strict = false } = options;
  return enableGrad(() => {
    const xs = prepare(inputs, createGraph);
    const ys = fn(...xs);
    const list = listOf(ys);
    if (v === null && (list.length !== 1 || list[0]!.numel() !== 1)) {
      throw new AutogradError(
        "The vector v can only be None if the user-provided function returns a single Tensor with a single element.",
      );
    }
    const result = gradOrZero(list, xs, v === null ? null : listOf(v), { createGraph, strict });
    return [
      like(
        ys,
        list.map((y) => finish(y, createGraph)),
      ),
      like(
        inputs,
        result.map((g) => finish(g, createGraph)),
      ),
    ];
  });
}

/**
 * The outputs and the Jacobian times v, by differentiating the transposed product. As `torch.autograd.functional.jvp`.
 * @example
 * torch.autograd.functional.jvp((w) => w.square(), torch.tensor([1, 2]), torch.ones(2))[1] // tensor([2., 4.])
 */
export function jvp(
  fn: Fn,
  inputs: OneOrMany,
  v: OneOrMany | null = null,
  options: FunctionalOptions = {},
): [OneOrMany, OneOrMany] {
  const { createGraph = false, strict = false } = options;
  return enableGrad(() => {
    const xs = prepare(inputs, createGraph);
    if (v === null && (xs.length !== 1 || xs[0]!.numel() !== 1))
      throw new AutogradError(
        "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element.",
      );
    const vs = v === null ? [zerosLike(xs[0]!).add(1)] : listOf(v);
    const ys = fn(...xs);
    const list = listOf(ys);
    const dummies = list.map((y) => zerosLike(y).requiresGrad_());
    const products = gradOrZero(list, xs, dummies, { createGraph: true, strict });
    const result = gradOrZero(products, dummies, vs, { createGraph, strict });
    return [
      like(
        ys,
        list.map((y) => finish(y, createGraph)),
      ),
      like(
        ys,
        result.map((g) => finish(g, createGraph)),
      ),
    ];
  });
}

type Nested = Tensor | readonly Tensor[] | readonly (readonly Tensor[])[];

/**
 * All first derivatives: for output i and input j a tensor of shape (…output i, …input j). As `torch.autograd.functional.jacobian`.
 * @example
 * torch.autograd.functional.jacobian((x) => x.mul(x), torch.tensor([1, 2])) // tensor([[2., 0.], [0., 4.]])
 */
export function jacobian(fn: (input: Tensor) => Tensor, inputs: Tensor, options?: FunctionalOptions): Tensor;
export function jacobian(fn: Fn, inputs: OneOrMany, options?: FunctionalOptions): Nested;
export function jacobian(fn: Fn, inputs: OneOrMany, options: FunctionalOptions = {}): Nested {
  const { createGraph = false, strict = false } = options;
  return enableGrad(() => {
    const xs = prepare(inputs, createGraph);
    const ys = fn(...xs);
    const rows = listOf(ys).map((y) => {
      const flat = y.reshape([-1]);
      const columns = xs.map(() => [] as Tensor[]);
      for (let k = 0; k < flat.numel(); k++) {
        gradOrZero([flat.select(0, k)], xs, null, { createGraph, strict }).forEach((g, j) => {
          columns[j]!.push(g);
        });
      }
      const blocks = columns.map((c, j) =>
        finish(
          c.length === 0 ? y.reshape([...y.shape, ...xs[j]!.shape.map(() => 0)]) : stack(c).view([...y.shape, ...xs[j]!.shape]),
          createGraph,
        ),
      );
      return inputs instanceof TensorClass ? blocks[0]! : blocks;
    });
    return (ys instanceof TensorClass ? rows[0]! : rows) as Nested;
  });
}

/**
 * All second derivatives of a scalar function: for inputs i and j a tensor of shape (…input i, …input j). As `torch.autograd.functional.hessian`.
 * @example
 * torch.autograd.functional.hessian((w) => w.pow(3).sum(), torch.tensor([1, 2])) // tensor([[6., 0.], [0., 12.]])
 */
export function hessian(fn: (input: Tensor) => Tensor, inputs: Tensor, options?: FunctionalOptions): Tensor;
export function hessian(fn: Fn, inputs: OneOrMany, options?: FunctionalOptions): Nested;
export function hessian(fn: Fn, inputs: OneOrMany, options: FunctionalOptions = {}): Nested {
  const gradient = (...xs: Tensor[]): OneOrMany => {
    const tracked = xs.map((x) => (x.requiresGrad ? x : x.detach().requiresGrad_()));
    const y = fn(...tracked) as Tensor;
    if (!(y instanceof TensorClass) || y.numel() !== 1)
      throw new AutogradError("The Tensor returned by the function given to hessian should contain a single element");
    return like(inputs, gradOrZero([y], tracked, null, { createGraph: true, strict: options.strict ?? false })) as OneOrMany;
  };
  return jacobian(gradient, inputs, options);
}

/**
 * The value of a scalar function and its Hessian times v. As `torch.autograd.functional.hvp`.
 * @example
 * torch.autograd.functional.hvp((w) => w.pow(3).sum(), torch.tensor([1, 2]), torch.ones(2))[1] // tensor([6., 12.])
 */
export function hvp(fn: Fn, inputs: OneOrMany, v: OneOrMany, options: FunctionalOptions = {}): [Tensor, OneOrMany] {
  const { createGraph = false, strict = false } = options;
  return enableGrad(() => {
    const xs = prepare(inputs, createGraph);
    const y = fn(...xs) as Tensor;
    const first = gradOrZero([y], xs, null, { createGraph: true, strict });
    const result = gradOrZero(first, xs, listOf(v), { createGraph, strict });
    return [
      finish(y, createGraph),
      like(
        inputs,
        result.map((g) => finish(g, createGraph)),
      ),
    ];
  });
}

/**
 * The value of a scalar function and v times its Hessian, which is symmetric. As `torch.autograd.functional.vhp`.
 * @example
 * torch.autograd.functional.vhp((w) => w.pow(3).sum(), torch.tensor([1, 2]), torch.ones(2))[1] // tensor([6., 12.])
 */
export function vhp(fn: Fn, inputs: OneOrMany, v: OneOrMany, options: FunctionalOptions = {}): [Tensor, OneOrMany] {
  return hvp(fn, inputs, v, options);
}
