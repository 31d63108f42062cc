import { keepClassNames } from "../../core/className.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Module } from "../module.ts";

/**
 * Gives back its input. Constructor arguments are ignored, so that it can stand in for any layer.
 * @see torch.nn.Identity
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
