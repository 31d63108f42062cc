/**
 * Parts of complex numbers: of complex tensors as views, of real tensors themselves.
 */
import { complex128, complex32, complex64, kernelName } from "../../core/dtype.ts";
import { DTypeError, NotSupportedError, ShapeError } from "../../core/errors.ts";
import { complexNotImplemented } from "../../ir/expr.ts";
import { checkArguments } from "../arguments.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { partsView } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { runtime } from "../runtime.ts";
import { select } from "../views/select.ts";

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

/**
 * A complex tensor of shape (*) as a real one of shape (*, 2), the real and imaginary parts, sharing memory. As `torch.view_as_real`.
 * @example
 * const z = torch.viewAsComplex(torch.tensor([[1, 2], [3, -4]]));
 * torch.viewAsReal(z) // tensor([[ 1.,  2.], [ 3., -4.]])
 */
export function viewAsReal(input: Tensor): Tensor {
  checkArguments("view_as_real(Tensor input)", input);
  if (!input.dtype.isComplex) throw new DTypeError("view_as_real is only supported for complex tensors");
  return partsView(input);
}
/**
 * A floating tensor of shape (*, 2) as a complex one of shape (*), sharing memory. As `torch.view_as_complex`. Complex tensors are for storage: they can be
 * viewed, copied, read, printed, saved and loaded, but not computed with.
 * @example
 * torch.viewAsComplex(torch.tensor([[1, 2], [3, -4.5]])) // tensor([1.+2.0000j, 3.-4.5000j])
 */
export function viewAsComplex(input: Tensor): Tensor {
  checkArguments("view_as_complex(Tensor input)", input);
  const dtype = { f16: complex32, f32: complex64, f64: complex128 }[input.dtype.key as string];
  if (dtype === undefined) {
    throw new DTypeError(
      `view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: ${kernelName(input.dtype)}`,
    );
  }
  const rank = input.shape.length;
  if (rank === 0 || input.shape[rank - 1] !== 2) throw new ShapeError("Tensor must have a last dimension of size 2");
  if (input.strides[rank - 1] !== 1) throw new ShapeError("Tensor must have a last dimension with stride 1");
  if (input.storageOffset % 2 !== 0 || input.strides.slice(0, -1).some((stride) => stride % 2 !== 0)) {
    throw new ShapeError(
      "Tensor must have a stride divisible by 2 for all but last dimension",
      "use view_as_complex(x.contiguous())",
    );
  }
  const strides = input.strides.slice(0, -1).map((stride) => stride / 2);
  return runtime.aliasDtype(input, input.shape.slice(0, -1), strides, input.storageOffset / 2, dtype);
}
/**
 * The complex conjugate: a real tensor itself. As `torch.conj`. Throws for complex tensors, with which there is no arithmetic.
 * @example
 * torch.conj(torch.tensor([1, 2])) // tensor([1., 2.])
 */
export function conj(input: Tensor): Tensor {
  checkArguments("conj(Tensor input)", input);
  if (input.dtype.isComplex) throw complexNotImplemented("conj", input.dtype);
  return input;
}
/**
 * The complex conjugate in its own memory, as `torch.conj_physical`; a real tensor itself.
 * @example
 * torch.conjPhysical(torch.tensor([1, 2])) // tensor([1., 2.])
 */
export function conjPhysical(input: Tensor): Tensor {
  checkArguments("conj_physical(Tensor input)", input);
  return conj(input);
}
/**
 * The tensor with a pending conjugation done, as `torch.resolve_conj`: real tensors have none.
 * @example
 * torch.resolveConj(torch.tensor([1, 2])) // tensor([1., 2.])
 */
export function resolveConj(input: Tensor): Tensor {
  checkArguments("resolve_conj(Tensor input)", input);
  return input;
}
/**
 * The tensor with a pending negation done, as `torch.resolve_neg`: there is none.
 * @example
 * torch.resolveNeg(torch.tensor([1, 2])) // tensor([1., 2.])
 */
export function resolveNeg(input: Tensor): Tensor {
  checkArguments("resolve_neg(Tensor input)", input);
  return input;
}
/**
 * The real part, a view; a real tensor itself. As `torch.real`.
 * @example
 * torch.real(torch.tensor([1, 2])) // tensor([1., 2.])
 */
export function real(input: Tensor): Tensor {
  checkArguments("real(Tensor input)", input);
  return input.dtype.isComplex ? select(viewAsReal(input), -1, 0) : input;
}
/** The imaginary part of a complex tensor, a view; real tensors have none. As `torch.imag`. */
export function imag(input: Tensor): Tensor {
  checkArguments("imag(Tensor input)", input);
  if (input.dtype.isComplex) return select(viewAsReal(input), -1, 1);
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
