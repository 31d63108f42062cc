/**
 * The angle of a point.
 */
import { checkArguments } from "../arguments.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
import type { OutOption } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link atan2}. */
    atan2(other: Tensor, options?: OutOption): Tensor;
    atan2_(other: Tensor): this;
    arctan2(other: Tensor, options?: OutOption): Tensor;
    arctan2_(other: Tensor): this;
  }
}

const op = definePointwise(
  {
    name: "atan2",
    compute: "float",
    tensors: "all",
    forward: ([y, x]) => y!.atan2(x!),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const [y, x] = operands as [T, T];
      const scale = g.mul(x.mul(x).add(y.mul(y)).reciprocal());
      return [scale.mul(x), scale.mul(y.neg())];
    },
  },
  2,
);

/**
 * The angle in radians of the points (other, input), in [-π, π]. As `torch.atan2`.
 * @example
 * torch.arctan2(torch.tensor([3, 5]), torch.tensor([4, 2])) // tensor([0.6435, 1.1903])
 */
export function atan2(input: Tensor, other: Tensor, options?: OutOption): Tensor {
  checkArguments("atan2(Tensor input, Tensor other, options? options, {Tensor out})", input, other, options);
  return op([input, other], undefined, options?.out);
}
const inPlace = (input: Tensor, other: Tensor): Tensor => op.inPlace([input, other]);
export { atan2 as arctan2 };
method("atan2", atan2);
method("atan2_", inPlace);
method("arctan2", atan2);
method("arctan2_", inPlace);
