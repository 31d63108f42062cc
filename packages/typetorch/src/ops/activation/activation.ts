/**
 * What activations share: how they are called in place, and which dtypes they take.
 */
import type { DType } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import { kernelName } from "../../core/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Pointwise } from "../pointwise.ts";

export interface InplaceOption {
  /** Change the input itself. Default: false. */
  inplace?: boolean;
}

/**
 * A check that throws in PyTorch's words unless the dtype is floating.
 * @__NO_SIDE_EFFECTS__
 */
export function floatingOnly(kernel: string): (compute: DType) => void {
  return (compute) => {
    if (!compute.isFloatingPoint) {
      throw new DTypeError(
        `"${kernel}" not implemented for '${kernelName(compute)}'`,
        "convert the input to a floating dtype: x.to(torch.float32)",
      );
    }
  };
}

/** Whether the trailing argument asks to work in place: `relu(x, true)` or `relu(x, { inplace: true })`. */
export function inPlaceAsked(options: boolean | InplaceOption | undefined): boolean {
  return typeof options === "object" ? options.inplace === true : options === true;
}

/** Runs an activation of one operand. */
export function activate(op: Pointwise, input: Tensor, own: readonly number[] | undefined, inplace: boolean | undefined): Tensor {
  if (own === undefined) return inplace === true ? op.op.oneInPlace(input) : op.op.one(input);
  return inplace === true ? op.inPlace([input], own) : op([input], own);
}
