import * as torch from "typetorch";
import { ResNet18 } from "../models/resnet18.ts";
import { trainStep } from "../training.ts";
import type { Workload } from "../workload.ts";

const { nn, optim } = torch;

export const trainResnet18: Workload = {
  name: "train_resnet18_cifar_b16",
  // 1.814 GFLOP multiply-adds at 224x224; at 32x32 the feature maps are 49 times smaller
  floor: { flops: (3 * 2 * 1.814e9 * 16) / 49 },
  setup() {
    const model = new ResNet18(10);
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
    return trainStep(model, new nn.CrossEntropyLoss(), optimizer, torch.randn(16, 3, 32, 32), torch.randint(0, 10, [16]));
  },
};

export const inferResnet18: Workload = {
  name: "infer_resnet18_224_b1",
  floor: { flops: 2 * 1.814e9 },
  setup() {
    const model = new ResNet18();
    model.eval();
    const x = torch.randn(1, 3, 224, 224);
    return () => torch.noGrad(() => model.call(x));
  },
};
