import * as torch from "typetorch";
import { MobileNetV2 } from "../models/mobilenetV2.ts";
import { SqueezeNet } from "../models/squeezenet.ts";
import { inference } from "../training.ts";
import type { Workload } from "../workload.ts";

export const inferMobilenet: Workload = {
  name: "infer_mobilenet_v2_224_b1",
  floor: { flops: 2 * 0.301e9 },
  setup: () => inference(new MobileNetV2(), torch.randn(1, 3, 224, 224)),
};

export const inferSqueezenet: Workload = {
  name: "infer_squeezenet_224_b1",
  floor: { flops: 2 * 0.349e9 },
  setup: () => inference(new SqueezeNet(), torch.randn(1, 3, 224, 224)),
};
