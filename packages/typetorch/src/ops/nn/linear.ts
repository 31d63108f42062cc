/**
 * The affine map of a linear layer, with its bias added where the product is made.
 */
import { checkArguments } from "../arguments.ts";
import { ShapeError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkSameDtype } from "../linalg/matmul.ts";
import { defineOp } from "../op.ts";
import { broadcastOperand } from "../pointwise.ts";
import { runtime } from "../runtime.ts";

/** x (rows, in), weight (out, in), bias (out): rows of `x weightᵀ + bias`. */
const op = defineOp<null>({
  name: "addmm",
  saves: { inputs: [0, 1] },
  run([x, weight, bias]) {
    const out = runtime.empty([x!.shape[0]!, weight!.shape[0]!], x!.dtype);
    runtime.backendOf(out).gemm({
      a: x!,
      b: transposed(weight!),
      out,
      alpha: 1,
      beta: 0,
      bias: bias ? broadcastOperand(bias, out.shape) : null,
      activation: "none",
    });
    return out;
  },
  backward: ([g], saved) => [
    saved.needs(0) ? g!.mm(saved.input(1)) : null,
    saved.needs(1) ? g!.t().mm(saved.input(0)) : null,
    saved.needs(2) ? g!.sum(0) : null,
  ],
});

function transposed(w: Tensor) {
  return {
    storage: w.storage,
    storageOffset: w.storageOffset,
    shape: [w.shape[1]!, w.shape[0]!],
    strides: [w.strides[1]!, w.strides[0]!],
    dtype: w.dtype,
  };
}

/**
 * `input @ weightᵀ + bias`. input (…, in), weight (out, in), bias (out) or null; result (…, out). As `torch.nn.functional.linear`.
 * @example
 * torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3)).shape // [2, 4]
 */
export function linear(input: Tensor, weight: Tensor, bias: Tensor | { bias?: Tensor | null } | null = null): Tensor {
  checkArguments("linear(Tensor input, Tensor weight, Tensor|options|None? bias, {Tensor|None bias})", input, weight, bias);
  const b = bias === null || runtime.isTensor(bias) ? bias : (bias.bias ?? null);
  if (input.shape.length === 0)
    throw new ShapeError(`both arguments to linear need to be at least 1D, but they are 0D and ${weight.shape.length}D`);
  if (weight.shape.length === 1) {
    const y = input.matmul(weight);
    return b === null ? y : y.add(b);
  }
  if (weight.shape.length !== 2) throw new ShapeError(`linear: weight must be a matrix, but got ${weight.shape.length}-D tensor`);
  const features = input.shape[input.shape.length - 1]!;
  const rows = input.shape.slice(0, -1);
  const count = rows.reduce((x, y) => x * y, 1);
  if (features !== weight.shape[1]) {
    throw new ShapeError(
      `mat1 and mat2 shapes cannot be multiplied (${count}x${features} and ${weight.shape[1]}x${weight.shape[0]})`,
      `linear: the input has ${features} features, the weight ${formatShape(weight.shape)} takes ${weight.shape[1]}; check inFeatures`,
    );
  }
  checkSameDtype("linear", input, weight);
  if (b !== null) checkSameDtype("linear", input, b);
  if (b !== null && (b.shape.length > 1 || (b.numel() !== weight.shape[0] && b.numel() !== 1))) {
    throw new ShapeError(
      `The expanded size of the tensor (${weight.shape[0]}) must match the existing size (${b.shape[0]}) at non-singleton dimension 1.`,
    );
  }
  const x = input.shape.length === 2 ? input : input.reshape([count, features]);
  const bias1 = b !== null && b.shape.length === 0 ? b.reshape([1]).expand([weight.shape[0]!]) : b;
  const y = runtime.call(
    op,
    bias1 === null ? [x, weight] : [x, weight, bias1.shape[0] === weight.shape[0] ? bias1 : bias1.expand([weight.shape[0]!])],
    null,
  );
  return input.shape.length === 2 ? y : y.view([...rows, weight.shape[0]!]);
}
