import assert from "node:assert/strict";
import { test } from "node:test";
import { Generator as CoreGenerator } from "../../src/core/random/generator.ts";
import { fillNormal } from "../../src/core/random/normal.ts";
import * as torch from "../../src/index.ts";

const F = torch.nn.functional;

function seeded<R>(make: () => R): R {
  torch.manualSeed(3);
  return make();
}

/** Numbers as PyTorch prints them: float32 in full. */
function values(x: torch.Tensor): unknown {
  return x.toArray();
}

test("dropout draws PyTorch's mask, and leaves the generator where PyTorch does", () => {
  const x = torch.arange(1, 9).float();
  const y = seeded(() => F.dropout(x, 0.25));
  assert.deepEqual(
    values(y),
    [1.3333333730697632, 2.6666667461395264, 0, 5.333333492279053, 0, 8, 9.333333969116211, 10.666666984558105],
  );
  assert.deepEqual(values(torch.rand(1)), [0.17560523748397827]);
});

test("the gradient of dropout is scaled and masked as the result", () => {
  const x = torch.ones(8).requiresGrad_();
  const y = seeded(() => F.dropout(x, 0.25));
  y.backward(torch.full([8], 3));
  assert.deepEqual(values(x.grad!), values(y.detach().mul(3)));
  assert.equal(y.gradFn!.name(), "MulBackward0");
});

test("dropout in place, without training, with p of 0 and of 1", () => {
  const x = torch.ones(4);
  assert.equal(F.dropout(x, { training: false }), x);
  assert.equal(F.dropout(x, 0), x);
  assert.deepEqual(values(F.dropout(x, 1)), [0, 0, 0, 0]);
  assert.equal(F.dropout(x, { p: 1, inplace: true }), x);
  assert.deepEqual(values(x), [0, 0, 0, 0]);
  assert.throws(() => F.dropout(x, 1.5), /dropout probability has to be between 0 and 1, but got 1\.5/);
  assert.throws(() => F.dropout(torch.arange(3), 0.5), /result type Float can't be cast to the desired output type Long/);
});

test("dropout of whole channels and alpha dropout", () => {
  const channels = seeded(() => F.dropout2d(torch.ones(2, 3, 1, 2), 0.5));
  assert.deepEqual(values(channels.select(3, 0).select(2, 0)), [
    [2, 2, 0],
    [2, 0, 0],
  ]);
  const alpha = seeded(() => F.alphaDropout(torch.arange(1, 9).float(), 0.25, true));
  assert.deepEqual(
    values(alpha),
    [
      1.2484393119812012, 2.1156973838806152, -1.1435441970825195, 3.8502132892608643, -1.1435441970825195, 5.584728717803955,
      6.451986789703369, 7.319244861602783,
    ],
  );
});

test("a transposed tensor: dropout masks rows, fills follow the memory", () => {
  const dropped = seeded(() => F.dropout(torch.ones(2, 3).t(), 0.5));
  assert.deepEqual(values(dropped), [
    [2, 2],
    [0, 2],
    [0, 0],
  ]);
  const filled = seeded(() => torch.empty(2, 3).t().uniform_(-1, 1));
  assert.deepEqual(values(filled), [
    [-0.9914729595184326, -0.9460903406143188],
    [-0.7888612747192383, -0.056771278381347656],
    [-0.42831504344940186, -0.8797674179077148],
  ]);
});

test("long normal fills are PyTorch's", () => {
  const x = seeded(() => torch.randn(2000)).data;
  assert.deepEqual(
    [0, 7, 8, 15, 1999].map((i) => x[i]),
    [-0.07664429396390915, -1.596708059310913, -0.05168096348643303, 0.41633129119873047, 1.185443639755249],
  );
  const y = seeded(() => torch.empty(1030).normal_(2, 0.5)).data;
  assert.deepEqual(
    [0, 1023, 1024, 1029].map((i) => y[i]),
    [1.9616779088974, 2.788403272628784, 3.1561367511749268, 1.4905600547790527],
  );
});

test("the normal kernel and the JavaScript fill agree to the bit", () => {
  for (const [n, mean, std] of [
    [1024, 0, 1],
    [50007, 0, 1],
    [20001, -1e-3, 1e-2],
  ] as const) {
    const expected = new Float32Array(n);
    fillNormal(expected, torch.float32, mean, std, new CoreGenerator().manualSeed(n));
    const x = torch.empty(n).normal_(mean, std, { generator: new torch.Generator().manualSeed(n) });
    assert.deepEqual(new Int32Array((x.data as Float32Array).slice().buffer), new Int32Array(expected.buffer));
  }
});

test("one stream through bernoulli, multinomial, randperm, randint, exponential_ and geometric_", () => {
  torch.manualSeed(3);
  assert.deepEqual(values(torch.bernoulli(torch.tensor([0.1, 0.5, 0.9, 0.5]))), [1, 1, 1, 1]);
  assert.deepEqual(values(torch.multinomial(torch.tensor([0.2, 0.3, 0.5]), 4, true)), [2, 0, 2, 2]);
  assert.deepEqual(values(torch.randperm(6)), [5, 0, 4, 2, 1, 3]);
  assert.deepEqual(values(torch.randint(5, 9, [4])), [7, 5, 5, 5]);
  assert.deepEqual(values(torch.empty(3).exponential_(2)), [0.6330342888832092, 0.050944261252880096, 0.3482980728149414]);
  assert.deepEqual(values(torch.empty(3).geometric_(0.3)), [1, 1, 3]);
});

test("normal with tensors of means and deviations", () => {
  torch.manualSeed(3);
  const mean = torch.tensor([1, 2]);
  const std = torch.tensor([0.1, 0.2]);
  assert.deepEqual(values(torch.normal(mean, std)), [1.0803276300430298, 2.0349667072296143]);
  assert.deepEqual(values(torch.normal(mean)), [1.0889780521392822, 1.386281967163086]);
  assert.deepEqual(values(torch.normal(5, std)), [5.004618167877197, 4.726347923278809]);
  assert.deepEqual(torch.normal(0, 1, [2, 3]).shape, [2, 3]);
  assert.throws(() => torch.normal(mean, torch.tensor([1, -1])), /normal expects all elements of std >= 0\.0/);
});

test("rrelu draws a slope for each element that is not positive", () => {
  const y = seeded(() => F.rrelu(torch.tensor([-1, 2, -3]), { training: true }));
  assert.deepEqual(values(y), [-0.13210587203502655, 2, -0.5542126297950745]);
});

test("the state of the generator can be kept and set", () => {
  torch.manualSeed(11);
  torch.randn(3);
  const state = torch.getRngState();
  const first = values(torch.randn(5));
  torch.setRngState(state);
  assert.deepEqual(values(torch.randn(5)), first);
  assert.equal(torch.initialSeed(), 11);
  assert.throws(() => torch.setRngState(torch.zeros(3)), /RNG state must be a torch\.ByteTensor/);
});

test("random fills write over a tensor in the graph with gradient zero", () => {
  const x = torch.ones(3).requiresGrad_();
  const y = x.mul(2);
  y.uniform_();
  assert.equal(y.gradFn!.name(), "UniformBackward0");
  y.sum().backward();
  assert.deepEqual(values(x.grad!), [0, 0, 0]);
  assert.throws(() => x.normal_(), /a leaf Variable that requires grad is being used in an in-place operation/);
  assert.throws(() => torch.ones(1).expand(3).uniform_(), /more than one element of the written-to tensor/);
});
