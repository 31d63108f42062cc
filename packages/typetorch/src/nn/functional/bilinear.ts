import { checkArguments } from "../../ops/arguments.ts";
import { ShapeError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * `x1^T A x2 + b`: (*, I), (*, J), weight (O, I, J), bias (O) -> (*, O).
 * @see torch.nn.functional.bilinear
 * @example
 * F.bilinear(torch.ones(2, 3), torch.ones(2, 4), torch.ones(5, 3, 4)).shape // [2, 5]
 */
export function bilinear(
  input1: Tensor,
  input2: Tensor,
  weight: Tensor,
  options: Tensor | null | { bias?: Tensor | null } = null,
): Tensor {
  checkArguments(
    "bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor|options|None? options, {Tensor|None bias})",
    input1,
    input2,
    weight,
    options,
  );
  const bias = options !== null && "bias" in options ? (options.bias ?? null) : (options as Tensor | null);
  const rank = input1.shape.length;
  if (rank !== input2.shape.length) {
    throw new ShapeError(`bilinear(): input dimensions do not match: got ${rank} and ${input2.shape.length}`);
  }
  for (let d = 0; d < rank - 1; d++) {
    if (input1.shape[d] !== input2.shape[d]) {
      throw new ShapeError(
        `bilinear(): input batch dimensions do not match at dim ${d}: got ${input1.shape[d]} and ${input2.shape[d]}`,
      );
    }
  }
  const [outputs, left, right] = weight.shape as [number, number, number];
  for (const [name, x, size] of [["input1", input1, left] as const, ["input2", input2, right] as const]) {
    if (x.shape[rank - 1] !== size) {
      throw new ShapeError(`bilinear(): ${name} size does not match weight size: got ${x.shape[rank - 1]} but expected ${size}`);
    }
  }
  const rows = input1.shape.slice(0, -1);
  const x1 = input1.reshape([-1, left]);
  const x2 = input2.reshape([-1, right, 1]);
  const half = x1.matmul(weight.permute([1, 0, 2]).reshape([left, outputs * right])).view([-1, outputs, right]);
  const out = half.matmul(x2).view([...rows, outputs]);
  return bias === null ? out : out.add(bias);
}
