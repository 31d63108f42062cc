import { checkArguments } from "../../ops/arguments.ts";
import { int64 } from "../../core/dtype.ts";
import { extremesOf } from "../../ops/indexing/integers.ts";
import { DTypeError, ValueError } from "../../core/errors.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { zeros } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/**
 * One-hot vectors of class indices: int64 (*) -> int64 (*, numClasses); without a number there are as many classes as the largest index needs.
 * @see torch.nn.functional.one_hot
 * @example
 * F.oneHot(torch.tensor([0n, 2n])) // tensor([[1, 0, 0], [0, 0, 1]])
 */
export function oneHot(input: Tensor, ...rest: Trailing<[numClasses: number], { numClasses?: number }>): Tensor {
  checkArguments("one_hot(Tensor input, ~numClasses, {int numClasses})", input, ...rest);
  const { numClasses = -1 } = trailing<{ numClasses?: number }>(rest, ["numClasses"]);
  if (input.dtype !== int64) {
    throw new DTypeError("one_hot is only applicable to index tensor.", `the input is ${input.dtype}; convert it: x.long()`);
  }
  if (input.numel() === 0) {
    if (numClasses <= 0) throw new ValueError("Can not infer total number of classes from empty tensor.");
    return zeros([...input.shape, numClasses], { dtype: int64, device: input.device });
  }
  const { least, greatest: most } = extremesOf(input.cpu(), null);
  if (least < 0) throw new ValueError("Class values must be non-negative.");
  if (numClasses !== -1 && numClasses < 1) throw new ValueError("num_classes should be positive");
  if (numClasses !== -1 && most >= numClasses) throw new ValueError("Class values must be smaller than num_classes.");
  const count = numClasses === -1 ? most + 1 : numClasses;
  return zeros([...input.shape, count], { dtype: int64, device: input.device }).scatter_(-1, input.unsqueeze(-1), 1);
}
