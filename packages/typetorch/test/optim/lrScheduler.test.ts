import assert from "node:assert/strict";
import { test } from "node:test";
import { Adam, lrScheduler, type Optimizer, SGD } from "../../src/optim/index.ts";
import { SWALR } from "../../src/optim/lrScheduler/swaLR.ts";
import { tensor } from "../../src/torch.ts";
import { allClose, fixture } from "../fixtures/optimFixture.ts";

type Scheduler = lrScheduler.LRScheduler;
type Constructor = new (...args: unknown[]) => Scheduler;
const classes = { ...lrScheduler, SWALR } as unknown as Record<string, Constructor>;

const two = () => [tensor([0, 0]).requiresGrad_(), tensor([0, 0]).requiresGrad_()];

function sgd(momentum = 0): Optimizer {
  const [a, b] = two();
  return new SGD([{ params: [a!] }, { params: [b!], lr: 0.02 }], { lr: 0.1, momentum }) as Optimizer;
}

const rates = (optimizer: Optimizer) => optimizer.paramGroups.map((g) => g.lr);

function assertSame(actual: readonly number[][], expected: readonly number[][]): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((row, i) => {
    assert.ok(allClose(actual[i]!, row, 1e-12, 1e-15), `step ${i}: ${actual[i]} instead of ${row}`);
  });
}

for (const c of fixture.schedulers) {
  const title = `${c.name} ${JSON.stringify([...c.args, c.options])}`;

  test(`${title}: the rates of PyTorch`, () => {
    const optimizer = sgd(c.momentum);
    const scheduler = new classes[c.name]!(optimizer, ...c.args, c.options);
    const lrs: number[][] = [];
    const momenta: number[][] = [];
    for (let i = 0; i < c.lrs.length; i++) {
      lrs.push(rates(optimizer));
      momenta.push(optimizer.paramGroups.map((g) => g.momentum as number));
      assert.deepEqual(scheduler.getLastLr(), rates(optimizer));
      optimizer.step();
      scheduler.step();
    }
    assertSame(lrs, c.lrs);
    assertSame(momenta, c.momenta);
  });

  test(`${title}: saves under PyTorch's names and goes on from there`, () => {
    const optimizer = sgd(c.momentum);
    const scheduler = new classes[c.name]!(optimizer, ...c.args, c.options);
    for (let i = 0; i < 9; i++) {
      optimizer.step();
      scheduler.step();
    }
    const saved = scheduler.stateDict();
    assert.deepEqual(Object.keys(saved).sort(), [...c.keys].sort());
    assert.deepEqual(Object.keys(optimizer.stateDict().param_groups[0]!).sort(), [...c.groupKeys].sort());
    const other = sgd(c.momentum);
    const restored = new classes[c.name]!(other, ...c.args, c.options);
    other.loadStateDict(optimizer.stateDict());
    restored.loadStateDict(saved);
    for (let i = 0; i < 9; i++) {
      for (const o of [optimizer, other]) o.step();
      for (const s of [scheduler, restored]) s.step();
      assert.deepEqual(rates(other), rates(optimizer));
    }
  });
}

test("LambdaLR and MultiplicativeLR take one function or one for each group", () => {
  const a = sgd();
  const byEpoch = new lrScheduler.LambdaLR(a, [(epoch) => 1 / (1 + epoch), (epoch) => 0.5 ** epoch]);
  const b = sgd();
  const times = new lrScheduler.MultiplicativeLR(b, () => 0.5);
  for (const o of [a, b]) o.step();
  byEpoch.step();
  times.step();
  assert.deepEqual(rates(a), [0.05, 0.01]);
  assert.deepEqual(rates(b), [0.05, 0.01]);
  assert.throws(() => new lrScheduler.LambdaLR(a, [() => 1]), /Expected 2 lr_lambdas, but got 1/);
  assert.deepEqual(byEpoch.stateDict().lr_lambdas, [null, null]);
});

test("ReduceLROnPlateau lowers the rates when PyTorch does", () => {
  const optimizer = sgd();
  const scheduler = new lrScheduler.ReduceLROnPlateau(optimizer, "min", {
    factor: 0.5,
    patience: 2,
    cooldown: 1,
    minLr: [0.01, 0.005],
  });
  const lrs = fixture.plateau.metrics.map((metric) => {
    scheduler.step(metric);
    return rates(optimizer);
  });
  assertSame(lrs, fixture.plateau.lrs);
  const { mode_worse: worse, ...state } = scheduler.stateDict();
  assert.equal(worse, Infinity);
  assert.deepEqual(state, fixture.plateau.state);
  scheduler.step(tensor(0.01));
  assert.equal(scheduler.best, Math.fround(0.01));
});

test("SequentialLR hands over at its milestones", () => {
  const optimizer = sgd();
  const { SequentialLR, LinearLR, ExponentialLR, StepLR } = lrScheduler;
  const parts = [
    new LinearLR(optimizer, { startFactor: 0.5, totalIters: 3 }),
    new ExponentialLR(optimizer, 0.9),
    new StepLR(optimizer, 3),
  ];
  const scheduler = new SequentialLR(optimizer, parts, [4, 9]);
  const lrs: number[][] = [];
  for (let i = 0; i < fixture.sequential.length; i++) {
    lrs.push(rates(optimizer));
    optimizer.step();
    scheduler.step();
  }
  assertSame(lrs, fixture.sequential);
  assert.equal((scheduler.stateDict()._schedulers as object[]).length, 3);
  assert.throws(() => new SequentialLR(optimizer, parts, [4]), /one more than the number of milestone points/);
  assert.throws(() => new SequentialLR(sgd(), parts, [4, 9]), /expects all schedulers to belong to the same optimizer/);
});

test("ChainedScheduler lets each scheduler change what the one before left", () => {
  const optimizer = sgd();
  const scheduler = new lrScheduler.ChainedScheduler([
    new lrScheduler.ConstantLR(optimizer, { factor: 0.1, totalIters: 2 }),
    new lrScheduler.ExponentialLR(optimizer, 0.9),
  ]);
  const seen: number[] = [];
  for (let i = 0; i < 4; i++) {
    seen.push(rates(optimizer)[0]!);
    optimizer.step();
    scheduler.step();
  }
  assert.ok(allClose(seen, [0.01, 0.009, 0.081, 0.0729], 1e-12, 0), String(seen));
  assert.throws(
    () => new lrScheduler.ChainedScheduler([new lrScheduler.StepLR(sgd(), 1), new lrScheduler.StepLR(sgd(), 1)]),
    /expects all schedulers to belong to the same optimizer/,
  );
});

test("step(epoch) goes to an epoch by the closed form", () => {
  const made: Record<string, (o: Optimizer) => Scheduler> = {
    StepLR: (o) => new lrScheduler.StepLR(o, 4),
    MultiStepLR: (o) => new lrScheduler.MultiStepLR(o, [3, 8]),
    LinearLR: (o) => new lrScheduler.LinearLR(o),
    CosineAnnealingLR: (o) => new lrScheduler.CosineAnnealingLR(o, 7),
    ExponentialLR: (o) => new lrScheduler.ExponentialLR(o, 0.9),
    PolynomialLR: (o) => new lrScheduler.PolynomialLR(o),
    CosineAnnealingWarmRestarts: (o) => new lrScheduler.CosineAnnealingWarmRestarts(o, 3, { T_mult: 2 }),
  };
  assert.deepEqual(Object.keys(made), Object.keys(fixture.closedForms));
  for (const [name, make] of Object.entries(made)) {
    const optimizer = sgd();
    const scheduler = make(optimizer);
    optimizer.step();
    const lrs = [5, 2, 9].map((epoch) => {
      scheduler.step(epoch);
      return rates(optimizer);
    });
    assertSame(lrs, fixture.closedForms[name]!);
  }
});

test("OneCycleLR turns the first beta of optimizers without momentum", () => {
  const [p] = two();
  const optimizer = new Adam([p!]) as Optimizer;
  const scheduler = new lrScheduler.OneCycleLR(optimizer, 0.1, { totalSteps: 11 });
  assert.deepEqual(optimizer.paramGroups[0]!.betas, [0.95, 0.999]);
  for (let i = 0; i < 10; i++) {
    optimizer.step();
    scheduler.step();
  }
  assert.ok(allClose(optimizer.paramGroups[0]!.betas as number[], [0.95, 0.999], 1e-12, 0));
  scheduler.step();
  assert.throws(() => scheduler.step(), /Tried to step 13 times. The specified number of total steps is 11/);
});

test("wrong arguments are refused in PyTorch's words", () => {
  const o = sgd();
  const [p] = two();
  const refused: [() => unknown, string][] = [
    [() => new lrScheduler.StepLR({} as Optimizer, 1), "Object is not an Optimizer"],
    [
      () => new lrScheduler.StepLR(o, 1, { lastEpoch: 3 }),
      "param 'initial_lr' is not specified in param_groups[0] when resuming an optimizer",
    ],
    [() => new lrScheduler.ConstantLR(o, { factor: 2 }), "Constant multiplicative factor expected to be between 0 and 1."],
    [() => new lrScheduler.LinearLR(o, { startFactor: 2 }), "Starting multiplicative factor expected to be between 0 and 1."],
    [() => new lrScheduler.LinearLR(o, { endFactor: -1 }), "Ending multiplicative factor expected to be between 0 and 1."],
    [() => new lrScheduler.CosineAnnealingWarmRestarts(o, 0), "Expected positive integer T_0, but got 0"],
    [() => new lrScheduler.CosineAnnealingWarmRestarts(o, 1, { T_mult: 1.5 }), "Expected integer T_mult >= 1, but got 1.5"],
    [() => new lrScheduler.CyclicLR(o, [0.1], 1), "expected 2 values for base_lr, got 1"],
    [
      () => new lrScheduler.CyclicLR(new Adam([p!]) as Optimizer, 0.1, 1),
      "optimizer must support momentum with `cycle_momentum` option enabled",
    ],
    [() => new lrScheduler.OneCycleLR(o, 1), "You must define either total_steps OR (epochs AND steps_per_epoch)"],
    [() => new lrScheduler.OneCycleLR(o, 1, { totalSteps: 0 }), "Expected positive integer total_steps, but got 0"],
    [
      () => new lrScheduler.OneCycleLR(o, 1, { totalSteps: 5, pctStart: 2 }),
      "Expected float between 0 and 1 pct_start, but got 2",
    ],
    [() => new lrScheduler.ReduceLROnPlateau(o, { factor: 1 }), "Factor should be < 1.0."],
    [() => new lrScheduler.ReduceLROnPlateau(o, "best" as "min"), "mode best is unknown!"],
    [
      () => new SWALR(o, [1]),
      "swa_lr must have the same length as optimizer.param_groups: swa_lr has 1, optimizer.param_groups has 2",
    ],
  ];
  for (const [attempt, message] of refused) {
    assert.throws(
      attempt,
      (error: Error) => error.message.split("\n")[0] === message || assert.fail(`${error.message} instead of ${message}`),
    );
  }
});

test("a scheduler that steps before its optimizer says so once", (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const optimizer = sgd();
  const scheduler = new lrScheduler.StepLR(optimizer, 1);
  scheduler.step();
  scheduler.step();
  assert.equal(warn.mock.callCount(), 1);
  assert.match(String(warn.mock.calls[0]!.arguments[0]), /Detected call of `lrScheduler.step\(\)` before `optimizer.step\(\)`/);
});

test("verbose prints each change as PyTorch does", (t) => {
  const log = t.mock.method(console, "log", () => {});
  const optimizer = sgd();
  const scheduler = new lrScheduler.ExponentialLR(optimizer, 0.5, { verbose: true });
  optimizer.step();
  scheduler.step();
  const lines = log.mock.calls.map((call) => call.arguments[0]);
  assert.equal(lines[0], "Adjusting learning rate of group 0 to 1.0000e-01.");
  assert.equal(lines[2], "Adjusting learning rate of group 0 to 5.0000e-02.");
});
