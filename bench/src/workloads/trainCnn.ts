import * as torch from "typetorch";
import { trainStep } from "../training.ts";
import type { Workload } from "../workload.ts";

const { nn, optim } = torch;
const conv1 = 2 * 64 * 26 * 26 * 32 * 9;
const conv2 = 2 * 64 * 24 * 24 * 64 * 32 * 9;
const linear = 2 * 64 * (9216 * 128 + 128 * 10);

export const trainCnn: Workload = {
  name: "train_cnn_mnist_b64",
  floor: { flops: 2 * conv1 + 3 * conv2 + 3 * linear },
  setup() {
    const model = new nn.Sequential(
      new nn.Conv2d(1, 32, 3),
      new nn.ReLU(),
      new nn.Conv2d(32, 64, 3),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Dropout(0.25),
      new nn.Flatten(),
      new nn.Linear(9216, 128),
      new nn.ReLU(),
      new nn.Dropout(0.5),
      new nn.Linear(128, 10),
    );
    const optimizer = new optim.Adam(model.parameters());
    return trainStep(model, new nn.CrossEntropyLoss(), optimizer, torch.randn(64, 1, 28, 28), torch.randint(0, 10, [64]));
  },
};
