import * as torch from "typetorch";
import { trainStep } from "../training.ts";
import type { Workload } from "../workload.ts";

const { nn, optim } = torch;

class Classifier extends nn.Module {
  lstm = new nn.LSTM(64, 128, { batchFirst: true });
  fc = new nn.Linear(128, 10);

  override forward(x: torch.Tensor): torch.Tensor {
    const [output] = this.lstm.call(x);
    return this.fc.call(output.select(1, -1));
  }
}

export const trainLstm: Workload = {
  name: "train_lstm_b32_t50_h128",
  floor: { flops: 3 * 2 * 32 * 50 * (64 + 128) * 4 * 128 },
  setup() {
    const model = new Classifier();
    const optimizer = new optim.Adam(model.parameters());
    return trainStep(model, new nn.CrossEntropyLoss(), optimizer, torch.randn(32, 50, 64), torch.randint(0, 10, [32]));
  },
};
