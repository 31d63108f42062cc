import * as torch from "typetorch";
import { trainStep } from "../training.ts";
import type { Workload } from "../workload.ts";

const { nn, optim } = torch;

/** A step of the multilayer perceptron for digits, also used by the memory measurements. */
export function mlpStep(): () => torch.Tensor {
  const model = new nn.Sequential(
    new nn.Linear(784, 256),
    new nn.ReLU(),
    new nn.Linear(256, 128),
    new nn.ReLU(),
    new nn.Linear(128, 10),
  );
  const optimizer = new optim.Adam(model.parameters());
  return trainStep(model, new nn.CrossEntropyLoss(), optimizer, torch.randn(64, 784), torch.randint(0, 10, [64]));
}

const weights = 784 * 256 + 256 * 128 + 128 * 10;

export const trainMlp: Workload = {
  name: "train_mlp_b64",
  // forward, gradient of the weights, gradient of the inputs (not of the first layer's)
  floor: { flops: 2 * 64 * (3 * weights - 784 * 256), bytes: 4 * 8 * weights },
  setup: mlpStep,
};

export const trainTinyMlp: Workload = {
  name: "train_tiny_mlp_b16",
  floor: { flops: 2 * 16 * 3 * (8 * 32 + 32 * 32 + 32 * 2) },
  setup() {
    const model = new nn.Sequential(
      new nn.Linear(8, 32),
      new nn.Tanh(),
      new nn.Linear(32, 32),
      new nn.Tanh(),
      new nn.Linear(32, 2),
    );
    const optimizer = new optim.SGD(model.parameters(), { lr: 1e-2, momentum: 0.9 });
    return trainStep(model, new nn.MSELoss(), optimizer, torch.randn(16, 8), torch.randn(16, 2));
  },
};
