/**
 * `out` for results that are not written by a kernel: checked, resized and copied.
 */
import { type DType, canCast, kernelName } from "../core/dtype.ts";
import { ArgumentTypeError, AutogradError, DTypeError, ShapeError } from "../core/errors.ts";
import { formatShape, sameShape } from "../core/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkArguments } from "./arguments.ts";
import { checkInternalOverlap } from "./layout.ts";
import { runtime } from "./runtime.ts";

/** The element types as this one message of PyTorch has them: as C++ names them. */
const names: Record<string, string> = {
  f32: "float",
  f64: "double",
  f16: "c10::Half",
  bf16: "c10::BFloat16",
  i64: "long int",
  i32: "int",
  i16: "short",
  i8: "signed char",
  u8: "unsigned char",
  bool: "bool",
};

/** C++'s name of a dtype, which some of PyTorch's messages have. */
export const cppName = (dtype: DType): string => names[dtype.key] ?? dtype.name;

/** Throws unless `out` has the dtype that the result will have. */
export function checkOutDtype(dtype: DType, out: Tensor): void {
  if (out.dtype !== dtype)
    throw new DTypeError(`Expected out tensor to have dtype ${cppName(dtype)}, but got ${cppName(out.dtype)} instead`);
}

/** Throws where an output is written that is (part of) an input. */
export function checkNoOverlap(inputs: readonly Tensor[], outs: readonly Tensor[]): void {
  for (const out of outs) {
    checkInternalOverlap(out, "out");
    for (const x of inputs) {
      if (x.storage === out.storage && x.numel() > 0 && out.numel() > 0)
        throw new ShapeError(
          "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. Please clone() the tensor before performing the operation.",
        );
    }
  }
}

const twoOutputs = "out(Tensor[] out)";

/** Computes without history and copies the results to `outs`, which are resized where their shapes differ; returns `outs`. */
export function writeOutputs(
  name: string,
  inputs: readonly Tensor[],
  outs: readonly Tensor[],
  compute: () => readonly Tensor[],
): Tensor[] {
  checkArguments(twoOutputs, outs);
  if (outs.length !== 2) throw new ArgumentTypeError(`${name}(): argument 'out' must be a pair of tensors, not ${outs.length}`);
  if (runtime.recording([...inputs, ...outs])) {
    throw new AutogradError(
      `${name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad.`,
      "leave `out` away, or work inside torch.noGrad(() => …)",
    );
  }
  return runtime.withoutGrad(() => {
    const results = compute();
    results.forEach((result, i) => {
      checkOutDtype(result.dtype, outs[i]!);
    });
    results.forEach((result, i) => {
      const out = outs[i]!;
      if (!sameShape(out.shape, result.shape)) out.resize_(result.shape);
      out.copy_(result);
    });
    return [...outs];
  });
}

/** The result of a composition of ops, or `out` with the result written to it. */
export function toOut(name: string, result: Tensor, out: Tensor | null | undefined): Tensor {
  if (out === null || out === undefined) return result;
  checkArguments("out(Tensor|None out)", out);
  if (runtime.recording([result, out])) {
    throw new AutogradError(
      `${name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad.`,
      "leave `out` away, or work inside torch.noGrad(() => …)",
    );
  }
  checkWritable(result.dtype, out);
  checkInternalOverlap(out, name);
  if (!sameShape(out.shape, result.shape)) out.resize_(result.shape);
  return out.copy_(result);
}

/** The in-place form of a composition of ops: the tensor takes the result's elements. */
export function takeResult(self: Tensor, result: Tensor): Tensor {
  checkWritable(result.dtype, self);
  if (!sameShape(self.shape, result.shape)) {
    throw new ShapeError(
      `output with shape ${formatShape(self.shape)} doesn't match the broadcast shape ${formatShape(result.shape)}`,
    );
  }
  return self.copy_(result);
}

function checkWritable(dtype: DType, out: Tensor): void {
  if (canCast(dtype, out.dtype)) return;
  throw new DTypeError(
    `result type ${kernelName(dtype)} can't be cast to the desired output type ${kernelName(out.dtype)}`,
    "convert the tensor first, or leave `out` or the underscore away",
  );
}
