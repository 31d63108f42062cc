import { keepClassNames } from "../../core/className.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Module } from "../module.ts";

/**
 * Gives back its input. Constructor arguments are ignored, so that it can stand in for any layer.
 * @see torch.nn.Identity
 * @example
 * new nn.Identity().call(torch.tensor([-1, 0, 2])) // tensor([-1., 0., 2.])
 */
export class Identity extends Module {
  constructor(..._args: readonly unknown[]) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return input;
  }
}

keepClassNames({ Identity });
