import * as torch from "typetorch";

interface Model {
  call(...inputs: torch.Tensor[]): unknown;
}
interface Loss {
  call(output: torch.Tensor, target: torch.Tensor): torch.Tensor;
}
interface Optimizer {
  zeroGrad(): void;
  step(): unknown;
}

/** One step of training: zeroGrad, forward, loss, backward, step. Returns the loss. */
export function trainStep(model: Model, loss: Loss, optimizer: Optimizer, x: torch.Tensor, y: torch.Tensor): () => torch.Tensor {
  return () => {
    optimizer.zeroGrad();
    const value = loss.call(model.call(x) as torch.Tensor, y);
    value.backward();
    optimizer.step();
    return value;
  };
}

/** A model in evaluation mode, called without recording. */
export function inference(model: torch.nn.Module, x: torch.Tensor): () => unknown {
  model.eval();
  return () => torch.noGrad(() => model.call(x));
}
