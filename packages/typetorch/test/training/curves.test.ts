/**
 * The same script with the same seed as in PyTorch gives the same training curve: initialisation, data, forward, backward and optimizer at once.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import torch from "../../src/index.ts";

const { nn, optim } = torch;
const recorded = JSON.parse(readFileSync(new URL("../../../test/fixtures/training.json", import.meta.url), "utf8")) as {
  runs: Record<string, { seed: number; losses: number[] }>;
};

class Recurrent extends nn.Module {
  lstm = new nn.LSTM(8, 16, { numLayers: 2, batchFirst: true });
  head = new nn.Linear(16, 5);
  override forward(x: torch.Tensor): torch.Tensor {
    return this.head.call(this.lstm.call(x)[0].select(1, -1));
  }
}

const models: Record<string, { make: () => torch.nn.Module; shape: number[] }> = {
  mlp: {
    make: () =>
      new nn.Sequential(new nn.Linear(20, 32), new nn.ReLU(), new nn.Linear(32, 16), new nn.Tanh(), new nn.Linear(16, 5)),
    shape: [32, 20],
  },
  cnn: {
    make: () =>
      new nn.Sequential(
        new nn.Conv2d(1, 8, 3),
        new nn.ReLU(),
        new nn.Conv2d(8, 16, 3, { stride: 2, padding: 1 }),
        new nn.BatchNorm2d(16),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Flatten(),
        new nn.Linear(144, 5),
      ),
    shape: [16, 1, 14, 14],
  },
  lstm: { make: () => new Recurrent(), shape: [16, 12, 8] },
};
const optimizers: Record<string, (parameters: Iterable<torch.Tensor>) => torch.optim.Optimizer> = {
  sgd: (p) => new optim.SGD(p, { lr: 0.05, momentum: 0.9, weightDecay: 1e-4 }),
  adam: (p) => new optim.Adam(p, { lr: 2e-3 }),
};

for (const [run, { seed, losses: expected }] of Object.entries(recorded.runs)) {
  const [name, optimizerName] = run.split(" ") as [string, string];
  test(`${name} with ${optimizerName} follows PyTorch for ${expected.length} steps`, () => {
    const { make, shape } = models[name]!;
    torch.manualSeed(seed);
    const model = make();
    const optimizer = optimizers[optimizerName]!(model.parameters());
    expected.forEach((wanted, step) => {
      const x = torch.randn(...shape);
      const y = torch.randint(0, 5, [shape[0]!]);
      optimizer.zeroGrad();
      const loss = nn.functional.crossEntropy(model.call(x) as torch.Tensor, y);
      loss.backward();
      optimizer.step();
      const difference = Math.abs(loss.item() - wanted);
      assert.ok(difference <= 1e-4 * Math.abs(wanted) + 1e-5, `step ${step}: ${loss.item()} against PyTorch's ${wanted}`);
    });
  });
}
