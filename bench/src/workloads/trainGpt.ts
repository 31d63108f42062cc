import * as torch from "typetorch";
import { GPT } from "../models/gpt.ts";
import { trainStep } from "../training.ts";
import type { Workload } from "../workload.ts";

const { nn, optim } = torch;
const { functional: F } = nn;
const tokens = 8 * 128;
const weights = 4 * 12 * 192 * 192 + 192 * 65;
const attention = 4 * 2 * 2 * 8 * 128 * 128 * 192;

export const trainGpt: Workload = {
  name: "train_gpt_4x192_b8_t128",
  floor: { flops: 3 * (2 * tokens * weights + attention) },
  setup() {
    const model = new GPT();
    const optimizer = new optim.AdamW(model.parameters());
    const loss = { call: (output: torch.Tensor, target: torch.Tensor) => F.crossEntropy(output.flatten(0, 1), target.flatten()) };
    return trainStep(model, loss, optimizer, torch.randint(0, 65, [8, 128]), torch.randint(0, 65, [8, 128]));
  },
};
