/**
 * What an op is: how it is run on raw memory and how gradients flow back. Ops only describe; the dispatcher (tensor/dispatch.ts) runs them.
 */
import type { DType } from "../core/dtype.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What a derivative may ask for: the graph node keeps it from the forward. Reading a tensor that was changed in place since throws. */
export interface Saved<A = unknown> {
  readonly attributes: A;
  input(i: number): Tensor;
  output(i: number): Tensor;
  /** What `run` put aside in `extra`. */
  extra(i: number): Tensor;
  inputShape(i: number): readonly number[];
  inputDtype(i: number): DType;
  /** Whether input i needs a gradient: others may be null in the result. */
  needs(i: number): boolean;
}

/** Which inputs and outputs the derivative reads. */
export interface Saves {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

export type Gradients = readonly (Tensor | null)[];

export interface Op<A = unknown> {
  readonly name: string;
  /** What `grad_fn` prints: `MulBackward0`. */
  readonly gradName: string;
  /** The result shares memory with input 0. */
  readonly view: boolean;
  /** Takes complex tensors; views do in any case. */
  readonly complex: boolean;
  /** Computes the result. No gradients are recorded inside. `extra` takes what only the derivative needs; it is null when there will be none. */
  run(inputs: readonly Tensor[], attributes: A, extra: Tensor[] | null): Tensor | Tensor[];
  /** Computes the result into `out`, whose shape and dtype are right; `out` may be inputs[0] itself (in-place). Without it the result of `run` is copied. */
  readonly into: ((out: Tensor, inputs: readonly Tensor[], attributes: A, extra: Tensor[] | null) => void) | null;
  /** The result's dtype, for ops whose result has the shape to which the inputs are broadcast: then `into` writes to a fitting `out` at once. */
  readonly elementwiseDtype: ((attributes: A) => DType) | null;
  /** Null for an op that has no derivative. Gradients come one per input; they may be null where `saved.needs(i)` is false or where they are zero. */
  readonly backward: ((grads: Gradients, saved: Saved<A>) => Gradients) | null;
  /** Which inputs and outputs `backward` reads; bit i of `needs` tells whether input i needs a gradient (bit 30: all from there on). */
  saves(needs: number): Saves;
  /** `backward` may hand gradients to others, who keep them: the engine neither adds into them nor gives their memory back. */
  readonly keepsGradients: boolean;
}

/** How an op whose derivative is written by hand is declared. */
export interface OpDeclaration<A> {
  readonly name: string;
  /** Default: the capitalised camel-case name with `Backward0`. */
  readonly gradName?: string;
  readonly view?: boolean;
  readonly complex?: boolean;
  readonly keepsGradients?: boolean;
  readonly saves?: { readonly inputs?: readonly number[]; readonly outputs?: readonly number[] };
  run(inputs: readonly Tensor[], attributes: A, extra: Tensor[] | null): Tensor | Tensor[];
  into?(out: Tensor, inputs: readonly Tensor[], attributes: A, extra: Tensor[] | null): void;
  backward?(grads: Gradients, saved: Saved<A>): Gradients;
}

export function gradNameOf(name: string): string {
  const words = name.split("_").filter((part) => part.length > 0);
  const joined = words.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("");
  // PyTorch's names have a capital behind a digit too: Log1PBackward0
  return `${joined.replace(/\d[a-z]/g, (pair) => pair.toUpperCase())}Backward0`;
}

/**
 * Declares an op by hand: kernels, views and everything that is not pointwise.
 * @__NO_SIDE_EFFECTS__
 */
export function defineOp<A>(declaration: OpDeclaration<A>): Op<A> {
  const saves: Saves = { inputs: declaration.saves?.inputs ?? [], outputs: declaration.saves?.outputs ?? [] };
  return {
    name: declaration.name,
    gradName: declaration.gradName ?? gradNameOf(declaration.name),
    view: declaration.view ?? false,
    complex: declaration.complex ?? declaration.view ?? false,
    run: declaration.run,
    into: declaration.into ?? null,
    elementwiseDtype: null,
    backward: declaration.backward ?? null,
    saves: () => saves,
    keepsGradients: declaration.keepsGradients ?? false,
  };
}
