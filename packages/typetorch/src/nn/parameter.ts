import { keepClassNames } from "../core/className.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Puts the data of another tensor in the place of a tensor's own, whatever its dtype: `tensor.data = data` in PyTorch. */
export function replaceData(tensor: Tensor, data: Tensor): void {
  const target = tensor as unknown as { -readonly [K in keyof Tensor]: Tensor[K] };
  target.storage = data.storage;
  target.dtype = data.dtype;
  target.shape = data.shape;
  target.strides = data.strides;
  target.storageOffset = data.storageOffset;
}

/**
 * A tensor that is a module's parameter: assigned as an attribute of a {@link Module}, it is found by `parameters()` and saved in its `stateDict()`. It
 * shares the memory of `data` and requires grad unless told otherwise.
 * @see torch.nn.Parameter
 * @example
 * class Scale extends nn.Module {
 *   factor = new nn.Parameter(torch.ones(3));
 *   override forward(x: Tensor) { return x.mul(this.factor); }
 * }
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, requiresGrad = true) {
    super(data.storage, data.shape, data.strides, data.storageOffset, data.dtype);
    this.requiresGrad = requiresGrad;
  }
  override toString(): string {
    return `Parameter containing:\n${super.toString()}`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

keepClassNames({ Parameter });
