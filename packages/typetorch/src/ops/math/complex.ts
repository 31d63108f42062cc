/**
 * Parts of complex numbers, for real tensors: identities.
 */
import { NotSupportedError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link conj}. */
    conj(): Tensor;
    /** See {@link conjPhysical}. */
    conjPhysical(): Tensor;
    conjPhysical_(): this;
    /** See {@link resolveConj}. */
    resolveConj(): Tensor;
    /** See {@link resolveNeg}. */
    resolveNeg(): Tensor;
    isConj(): boolean;
    isNeg(): boolean;
  }
}

/** The complex conjugate: a real tensor itself. As `torch.conj`. */
export function conj(input: Tensor): Tensor {
  return input;
}
/** The complex conjugate in its own memory, as `torch.conj_physical`; a real tensor itself. */
export function conjPhysical(input: Tensor): Tensor {
  return input;
}
/** The tensor with a pending conjugation done, as `torch.resolve_conj`: real tensors have none. */
export function resolveConj(input: Tensor): Tensor {
  return input;
}
/** The tensor with a pending negation done, as `torch.resolve_neg`: there is none. */
export function resolveNeg(input: Tensor): Tensor {
  return input;
}
/** The real part: a real tensor itself. As `torch.real`. */
export function real(input: Tensor): Tensor {
  return input;
}
/** The imaginary part, which real tensors do not have. As `torch.imag`. */
export function imag(_input: Tensor): Tensor {
  throw new NotSupportedError(
    "imag is not implemented for tensors with non-complex dtypes.",
    "a real tensor's imaginary part is zero",
  );
}
method("conj", conj);
method("conjPhysical", conjPhysical);
method("conjPhysical_", conjPhysical);
method("resolveConj", resolveConj);
method("resolveNeg", resolveNeg);
method("isConj", () => false);
method("isNeg", () => false);
