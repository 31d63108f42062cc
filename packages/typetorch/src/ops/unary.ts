/**
 * How ops of one operand are declared: one expression gives the function, `x.name()`, `x.name_()` and `out`.
 */
import type { Tensor } from '../tensor/tensor.ts';
import { method } from './methods.ts';
import { type Pointwise, type PointwiseDefinition, definePointwise } from './pointwise.ts';

export interface OutOption {
  readonly out?: Tensor;
}

export type Unary = (input: Tensor, options?: OutOption) => Tensor;

/** Declares `name(x)` with its methods; `methodName` is camel-cased by the caller. */
export function unary(methodName: string, definition: PointwiseDefinition): Unary {
  const op: Pointwise = definePointwise(definition, 1);
  const fn: Unary = (input, options) => op([input], undefined, options?.out);
  method(methodName, fn);
  method(`${methodName}_`, (input: Tensor) => op.inPlace([input]));
  return fn;
}
