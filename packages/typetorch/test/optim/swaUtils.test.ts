import assert from "node:assert/strict";
import { test } from "node:test";
import * as nn from "../../src/nn/index.ts";
import { swaUtils } from "../../src/optim/index.ts";
import { noGrad, type Tensor, tensor } from "../../src/torch.ts";

const weightsOf = (model: { parameters(): Iterable<Tensor> }) =>
  [...model.parameters()].map((p) => p.detach().reshape(-1).toArray());

function setTo(model: nn.Linear, value: number): void {
  noGrad(() => {
    model.weight.fill_(value);
    model.bias!.fill_(-value);
  });
}

test("AveragedModel holds the mean of the models it was given, in a copy of its own", () => {
  const model = new nn.Linear(2, 1);
  const averaged = new swaUtils.AveragedModel(model);
  for (const value of [1, 2, 6]) {
    setTo(model, value);
    averaged.updateParameters(model);
  }
  assert.deepEqual(weightsOf(averaged), [[3, 3], [-3]]);
  assert.deepEqual(weightsOf(model), [[6, 6], [-6]]);
  assert.equal(averaged.nAveraged.item(), 3);
  assert.deepEqual([...averaged.stateDict().keys()], ["n_averaged", "module.weight", "module.bias"]);
  assert.deepEqual(averaged.call(tensor([[1, 1]])).toArray(), [[3]]);
});

test("avgFn replaces the mean, and buffers are averaged when asked for", () => {
  const model = new nn.BatchNorm1d(1);
  const ema = new swaUtils.AveragedModel(model, {
    avgFn: (average, current) => average.mul(0.5).add(current.mul(0.5)),
    useBuffers: true,
  });
  for (const mean of [4, 0]) {
    model.runningMean!.fill_(mean);
    ema.updateParameters(model);
  }
  assert.deepEqual((ema.module as nn.BatchNorm1d).runningMean!.toArray(), [2]);
});

test("updateBn computes the statistics anew, as a mean over the batches", () => {
  const model = new nn.BatchNorm1d(2, { momentum: 0.3 });
  model.runningMean!.fill_(100);
  model.eval();
  const batches: (Tensor | [Tensor, number])[] = [
    tensor([
      [1, 2],
      [3, 6],
    ]),
    [
      tensor([
        [5, 10],
        [7, 14],
      ]),
      1,
    ],
  ];
  swaUtils.updateBn(batches, model);
  assert.deepEqual(model.runningMean!.toArray(), [4, 8]);
  assert.deepEqual(model.runningVar!.toArray(), [2, 8]);
  assert.equal(model.numBatchesTracked!.item(), 2);
  assert.equal(model.momentum, 0.3);
  assert.equal(model.training, false);
});
