import * as torch from "typetorch";
import { ResNet18 } from "../models/resnet18.ts";
import { inference, trainStep } from "../training.ts";
import type { Workload } from "../workload.ts";

const { nn, optim } = torch;

/** Multiply-adds of a picture of 224x224; at 32x32 the feature maps are 49 times smaller. */
const steps = 1.814e9;

function training(name: string, batch: number, size: number, classes: number): Workload {
  return {
    name,
    floor: { flops: 3 * 2 * steps * batch * (size / 224) ** 2 },
    setup() {
      const model = new ResNet18(classes);
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
      const x = torch.randn(batch, 3, size, size);
      return trainStep(model, new nn.CrossEntropyLoss(), optimizer, x, torch.randint(0, classes, [batch]));
    },
  };
}

export const trainResnet18: Workload = training("train_resnet18_cifar_b16", 16, 32, 10);
export const trainResnet18Batch: Workload = training("train_resnet18_64_b8", 8, 64, 1000);

export const inferResnet18: Workload = {
  name: "infer_resnet18_224_b1",
  floor: { flops: 2 * steps },
  setup: () => inference(new ResNet18(), torch.randn(1, 3, 224, 224)),
};

export const inferResnet18Batch: Workload = {
  name: "infer_resnet18_64_b8",
  floor: { flops: 2 * steps * 8 * (64 / 224) ** 2 },
  setup: () => inference(new ResNet18(), torch.randn(8, 3, 64, 64)),
};
