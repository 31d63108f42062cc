import assert from "node:assert/strict";
import { test } from "node:test";
import * as optim from "../../src/optim/index.ts";
import { float32, float64, noGrad, ones, randn, type Tensor, tensor, zeros } from "../../src/torch.ts";
import { allClose, fixture } from "../fixtures/optimFixture.ts";

const SHAPES = [[3, 5], [7]];

/** The numbers of recordOptim.py. */
function values(shape: readonly number[], t: number): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return tensor(Array.from({ length: n }, (_, i) => (((i * 37 + t * 17) % 23) - 11) / 8)).reshape(shape);
}

const parameters = (): Tensor[] => SHAPES.map((shape) => values(shape, 100).requiresGrad_());
const flat = (x: Tensor): number[] => x.detach().reshape(-1).toArray() as number[];

type Made = optim.Optimizer & { paramGroups: optim.ParamGroup[] };
type Constructor = new (params: Tensor[], options: object) => Made;
const classes = optim as unknown as Record<string, Constructor>;

function trainTo(optimizer: Made, params: Tensor[], from: number, to: number): void {
  for (let t = from; t < to; t++) {
    params.forEach((p, i) => {
      p.grad = values(SHAPES[i]!, t);
    });
    optimizer.step();
  }
}

for (const c of fixture.optimizers) {
  const title = `${c.name} ${JSON.stringify(c.options)}`;

  test(`${title}: 50 steps as in PyTorch`, () => {
    const params = parameters();
    const optimizer = new classes[c.name]!(params, c.options);
    let done = 0;
    for (const [steps, expected] of Object.entries(c.after)) {
      trainTo(optimizer, params, done, Number(steps));
      done = Number(steps);
      params.forEach((p, i) => {
        assert.ok(
          allClose(flat(p), expected[i]!, 1e-5, 2e-6),
          `parameter ${i} after ${steps} steps: ${flat(p)} instead of ${expected[i]}`,
        );
      });
    }
    assert.equal(done, 50);
  });

  test(`${title}: prints and saves under PyTorch's names`, () => {
    const params = parameters();
    const optimizer = new classes[c.name]!(params, c.options);
    assert.equal(String(optimizer), c.printed);
    trainTo(optimizer, params, 0, 1);
    const saved = optimizer.stateDict();
    assert.deepEqual(Object.keys(saved.state.get(0)!).sort(), [...c.stateKeys].sort());
    assert.deepEqual(Object.keys(saved.param_groups[0]!).sort(), [...c.groupKeys].sort());
    assert.deepEqual(saved.param_groups[0]!.params, [0, 1]);
  });

  test(`${title}: a restored state dict goes on as if nothing had happened`, () => {
    const params = parameters();
    const optimizer = new classes[c.name]!(params, c.options);
    trainTo(optimizer, params, 0, 7);
    const copies = params.map((p) => p.detach().clone().requiresGrad_());
    const restored = new classes[c.name]!(copies, { lr: 0.123 });
    restored.loadStateDict(optimizer.stateDict());
    assert.equal(String(restored), String(optimizer));
    trainTo(optimizer, params, 7, 12);
    trainTo(restored, copies, 7, 12);
    params.forEach((p, i) => {
      assert.deepEqual(flat(copies[i]!), flat(p));
    });
  });
}

for (const c of fixture.lbfgs) {
  test(`LBFGS with lineSearchFn ${c.lineSearchFn}: Rosenbrock's valley as in PyTorch`, () => {
    const x = tensor([-1.2, 1], { dtype: float64 }).requiresGrad_();
    const optimizer = new optim.LBFGS([x], {
      lr: c.lineSearchFn === null ? 0.001 : 1,
      maxIter: 10,
      historySize: 4,
      lineSearchFn: c.lineSearchFn,
    });
    c.losses.forEach((expected, i) => {
      const loss = optimizer.step(() => {
        optimizer.zeroGrad();
        const [a, b] = [x.select(0, 0), x.select(0, 1)];
        const value = a
          .neg()
          .add(1)
          .pow(2)
          .add(b.sub(a.pow(2)).pow(2).mul(100));
        value.backward();
        return value;
      });
      assert.ok(allClose([loss.item()], [expected], 1e-6, 1e-10), `loss ${i}: ${loss.item()} instead of ${expected}`);
      assert.ok(allClose(flat(x), c.points[i]!, 1e-6, 1e-9), `point ${i}: ${flat(x)} instead of ${c.points[i]}`);
    });
    const state = optimizer.stateDict().state.get(0)!;
    assert.equal(state.func_evals, c.funcEvals);
    assert.equal(state.n_iter, c.nIter);
    assert.deepEqual(Object.keys(state).sort(), [...c.stateKeys].sort());
    if (c.lineSearchFn !== null)
      assert.ok(allClose(flat(x), [1, 1], 0, 1e-4), `the valley's lowest point is (1, 1), not ${flat(x)}`);
  });
}

/** The numbers of `fill` in recordOptim.py. */
function small(shape: readonly number[], t: number, factor = 1): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return tensor(Array.from({ length: n }, (_, i) => (((i * 71 + t * 29) % 101) - 50) / 200))
    .reshape(shape)
    .mul(factor);
}

for (const c of fixture.curves) {
  test(`${c.name} ${JSON.stringify(c.options)}: a network's training curve is PyTorch's at each of 50 steps`, () => {
    const x = small([16, 12], 1, 4);
    const y = small([16, 3], 2, 4);
    const params = [[24, 12], [24], [3, 24], [3]].map((shape, i) => small(shape, 3 + i).requiresGrad_());
    const [w1, b1, w2, b2] = params as [Tensor, Tensor, Tensor, Tensor];
    const optimizer = new classes[c.name]!(params, c.options);
    const losses = c.losses.map(() => {
      optimizer.zeroGrad();
      const hidden = x.matmul(w1.t()).add(b1).tanh();
      const loss = hidden.matmul(w2.t()).add(b2).sub(y).square().mean();
      loss.backward();
      optimizer.step();
      return loss.item();
    });
    c.losses.forEach((expected, i) => {
      assert.ok(allClose([losses[i]!], [expected], 1e-4, 1e-5), `step ${i}: ${losses[i]} instead of ${expected}`);
    });
    assert.ok(losses[49]! < losses[0]!);
  });
}

test("parameters without a gradient are left alone, and count no step", () => {
  const params = parameters();
  const optimizer = new optim.Adam(params);
  const before = flat(params[1]!);
  params[0]!.grad = values(SHAPES[0]!, 0);
  optimizer.step();
  assert.deepEqual(flat(params[1]!), before);
  assert.deepEqual([...optimizer.state.keys()], [params[0]]);
});

test("groups have options of their own, and later ones can be added", () => {
  const [a, b] = parameters() as [Tensor, Tensor];
  const optimizer = new optim.SGD([{ params: [a] }], { lr: 0.5 });
  optimizer.addParamGroup({ params: b, lr: 0.25, momentum: 0.9 });
  assert.deepEqual(
    optimizer.paramGroups.map((g) => [g.lr, g.momentum, g.weightDecay]),
    [
      [0.5, 0, 0],
      [0.25, 0.9, 0],
    ],
  );
  const before = flat(b);
  b.grad = values(SHAPES[1]!, 3);
  optimizer.step();
  assert.deepEqual(
    flat(b),
    before.map((v, i) => Math.fround(v + Math.fround(flat(b.grad!)[i]! * -0.25))),
  );
  assert.deepEqual(
    optimizer.stateDict().param_groups.map((g) => g.params),
    [[0], [1]],
  );
  assert.throws(() => optimizer.addParamGroup({ params: [a] }), /some parameters appear in more than one parameter group/);
});

test("wrong arguments are refused in PyTorch's words", () => {
  const p = parameters();
  const refused: [() => unknown, string][] = [
    [() => new optim.Adam([]), "optimizer got an empty parameter list"],
    [() => new optim.SGD(p), "parameter group didn't specify a value of required optimization parameter lr"],
    [() => new optim.SGD(p, { lr: -1 }), "Invalid learning rate: -1"],
    [() => new optim.SGD(p, { lr: 1, momentum: -0.5 }), "Invalid momentum value: -0.5"],
    [() => new optim.SGD(p, { lr: 1, nesterov: true }), "Nesterov momentum requires a momentum and zero dampening"],
    [() => new optim.Adam(p, { betas: [1, 0.9] }), "Invalid beta parameter at index 0: 1"],
    [() => new optim.Adam(p, { betas: [0.9, -1] }), "Invalid beta parameter at index 1: -1"],
    [() => new optim.Adam(p, { eps: -1e-8 }), "Invalid epsilon value: -1e-08"],
    [() => new optim.AdamW(p, { weightDecay: -1 }), "Invalid weight_decay value: -1"],
    [() => new optim.Adadelta(p, { rho: 1.1 }), "Invalid rho value: 1.1"],
    [() => new optim.Adagrad(p, { lrDecay: -0.5 }), "Invalid lr_decay value: -0.5"],
    [() => new optim.NAdam(p, { momentumDecay: -0.2 }), "Invalid momentum_decay value: -0.2"],
    [() => new optim.Rprop(p, { etas: [1, 0.5] }), "Invalid eta values: 1, 0.5"],
    [
      () => new optim.LBFGS([{ params: [p[0]!] }, { params: [p[1]!] }]),
      "LBFGS doesn't support per-parameter options (parameter groups)",
    ],
    [() => new optim.Adam([p[0]!.mul(2)]), "can't optimize a non-leaf Tensor"],
    [() => new optim.Adam([1 as unknown as Tensor]), "optimizer can only optimize Tensors, but one of the params is number"],
    [
      () => new optim.Adam(p[0] as unknown as Tensor[]),
      "params argument given to the optimizer should be an iterable of Tensors or dicts, but got torch.FloatTensor",
    ],
    [
      () => new optim.Adam(p).loadStateDict(new optim.Adam([p[0]!]).stateDict()),
      "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
    ],
    [
      () => new optim.Adam([{ params: [p[0]!] }, { params: [p[1]!] }]).loadStateDict(new optim.Adam(p).stateDict()),
      "loaded state dict has a different number of parameter groups",
    ],
  ];
  for (const [attempt, message] of refused) {
    assert.throws(
      attempt,
      (error: Error) => error.message.split("\n")[0] === message || assert.fail(`${error.message} instead of ${message}`),
    );
  }
});

test("zeroGrad forgets gradients, or fills them with zeros", () => {
  const params = parameters();
  const optimizer = new optim.SGD(params, { lr: 1 });
  params[0]!.grad = values(SHAPES[0]!, 1);
  const kept = params[0]!.grad;
  optimizer.zeroGrad({ setToNone: false });
  assert.equal(params[0]!.grad, kept);
  assert.ok(flat(kept).every((v) => v === 0));
  optimizer.zeroGrad();
  assert.equal(params[0]!.grad, null);
});

test("a closure runs with gradients on, and its loss is returned", () => {
  const x = tensor([3]).requiresGrad_();
  const optimizer = new optim.SGD([x], { lr: 0.25 });
  const loss = noGrad(() =>
    optimizer.step(() => {
      optimizer.zeroGrad();
      const value = x.mul(x).sum();
      value.backward();
      return value;
    }),
  );
  assert.equal(loss.item(), 9);
  assert.equal(x.item(), 1.5);
});

test("hooks run around each step until they are removed", () => {
  const [p] = parameters();
  const optimizer = new optim.SGD([p!], { lr: 1 });
  const log: string[] = [];
  const before = optimizer.registerStepPreHook(() => log.push("before"));
  optimizer.registerStepPostHook(() => log.push("after"));
  optimizer.step();
  before.remove();
  optimizer.step();
  assert.deepEqual(log, ["before", "after", "after"]);
});

test("a step counts as an in-place change: backward through an older use of the parameter throws", () => {
  const w = tensor([2]).requiresGrad_();
  const x = tensor([3]).requiresGrad_();
  const optimizer = new optim.SGD([w], { lr: 0.1 });
  const y = w.mul(x).sum();
  w.grad = tensor([1]);
  optimizer.step();
  assert.throws(() => y.backward(), /modified by an inplace operation/);
});

test("transposed parameters keep their layout, and so does their state", () => {
  const base = values([5, 3], 1);
  const p = base.t().detach().requiresGrad_();
  const q = base.t().contiguous().requiresGrad_();
  const optimizer = new optim.Adam([p, q], { lr: 0.1 });
  for (let t = 0; t < 3; t++) {
    p.grad = values([3, 5], t);
    q.grad = values([3, 5], t);
    optimizer.step();
  }
  assert.deepEqual(flat(p), flat(q));
  assert.deepEqual((optimizer.state.get(p)!.exp_avg as Tensor).strides, [1, 3]);
});

test("float64 parameters have float64 state and a float32 step count", () => {
  const p = tensor([1, 2], { dtype: float64 }).requiresGrad_();
  const optimizer = new optim.AdamW([p]);
  p.grad = tensor([0.5, -0.5], { dtype: float64 });
  optimizer.step();
  const state = optimizer.state.get(p) as Record<string, Tensor>;
  assert.equal(state.exp_avg!.dtype, float64);
  assert.equal(state.step!.dtype, float32);
  assert.equal(state.step!.item(), 1);
  assert.deepEqual(state.step!.shape, []);
});

test("with `differentiable` gradients flow through the step to the rate of another model", () => {
  const scale = tensor([2]).requiresGrad_();
  const p = zeros(3).add(scale);
  p.retainGrad();
  const optimizer = new optim.SGD([p], { lr: 0.5, differentiable: true });
  p.grad = scale.mul(tensor([1, 2, 3]));
  optimizer.step();
  // p = scale - 0.5 * scale * [1, 2, 3]
  p.sum().backward();
  assert.deepEqual(flat(p), [1, 0, -1]);
  assert.deepEqual(flat(scale.grad!), [0]);
});

test("a class of one's own needs only a step for each group", () => {
  class SignSGD extends optim.Optimizer<{ lr?: number }> {
    constructor(params: optim.ParamsInput<{ lr?: number }>, options: { lr?: number } = {}) {
      super(params, { lr: options.lr ?? 0.5 });
    }
    protected override updateGroup(group: optim.ParamGroup<{ lr?: number }>): void {
      noGrad(() => {
        for (const p of group.params) if (p.grad !== null) p.sub_(p.grad.sign().mul(group.lr));
      });
    }
  }
  const p = tensor([1, 1, 1]).requiresGrad_();
  const optimizer = new SignSGD([p]);
  p.grad = tensor([4, -2, 0]);
  optimizer.step();
  assert.deepEqual(flat(p), [0.5, 1.5, 1]);
  assert.equal(String(optimizer), "SignSGD (\nParameter Group 0\n    lr: 0.5\n)");
  assert.throws(() => new optim.Optimizer([p], { lr: 1 }).step(), /neither updateGroup nor step/);
});

test("the memory of a gradient that nobody read is used again, and of one that somebody read it is not", () => {
  const x = randn([300, 300], { requiresGrad: true });
  const optimizer = new optim.SGD([x], { lr: 0 });
  const gradient = (scale: number) => {
    ones([1, 300]).mul(scale).matmul(x).sum().backward(); // makes nothing else of this size
    return x;
  };
  const buffers = new Set<ArrayBuffer>();
  for (let i = 0; i < 20; i++) {
    optimizer.zeroGrad();
    buffers.add(gradient(2).ownGrad!.storage.buffer);
  }
  assert.ok(buffers.size <= 4, `${buffers.size} buffers for 20 gradients`);
  const kept = x.grad!;
  optimizer.zeroGrad();
  gradient(3);
  assert.deepEqual([kept.at(0, 0).item(), x.grad!.at(0, 0).item()], [2, 3]);

  let seen: Tensor | null = null;
  const y = randn([300, 300], { requiresGrad: true });
  y.registerHook((g) => {
    seen ??= g;
  });
  for (const scale of [4, 5, 6]) {
    y.mul(scale).sum().backward();
    y.dropGrad();
  }
  assert.equal(seen!.at(0, 0).item(), 4);
});
