/**
 * What the recorded cases cannot say of Module: hooks, walking, copies, conversion, loading.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import * as torch from "../../src/torch.ts";

const { nn } = torch;
type Tensor = torch.Tensor;

class Net extends nn.Module {
  fc1 = new nn.Linear(3, 4);
  layerNorm = new nn.LayerNorm(4);
  A_log = new nn.Parameter(torch.zeros(2));
  notSaved = torch.zeros(1);
  declare runningTotal: Tensor;
  declare scratch: Tensor;
  constructor() {
    super();
    this.registerBuffer("runningTotal", torch.zeros(1));
    this.registerBuffer("scratch", torch.zeros(1), { persistent: false });
  }
  override forward(x: Tensor): Tensor {
    return this.layerNorm.call(this.fc1.call(x));
  }
}

test("attributes become snake-case keys, own tensors first; names with capitals or underscores are literal", () => {
  const keys = ["A_log", "running_total", "fc1.weight", "fc1.bias", "layer_norm.weight", "layer_norm.bias"];
  assert.deepEqual([...new Net().stateDict().keys()], keys);
});

test("static keys override the rule", () => {
  class Foreign extends nn.Module {
    static override readonly keys = { layerNorm: "layerNorm" };
    layerNorm = new nn.LayerNorm(2);
    override forward(x: Tensor): Tensor {
      return this.layerNorm.call(x);
    }
  }
  assert.deepEqual([...new Foreign().stateDict().keys()], ["layerNorm.weight", "layerNorm.bias"]);
});

test("a state_dict shares memory, and loading copies into the same parameters", () => {
  const net = new Net();
  const other = new Net();
  const { weight } = net.fc1;
  assert.equal(String(net.loadStateDict(other.stateDict())), "<All keys matched successfully>");
  assert.equal(net.fc1.weight, weight);
  assert.deepEqual(weight.toArray(), other.fc1.weight.toArray());
  net.stateDict().get("fc1.weight")!.fill_(5);
  assert.equal(weight.select(0, 0).select(0, 0).item(), 5);
  assert.ok(net.stateDict().get("fc1.weight")!.requiresGrad === false);
});

test("loading that is not strict tells what did not fit; assign takes the tensors themselves", () => {
  const net = new nn.Linear(1, 1);
  const result = net.loadStateDict({ weight: torch.ones(1, 1), more: torch.ones(1) }, { strict: false });
  assert.deepEqual(result.missingKeys, ["bias"]);
  assert.deepEqual(result.unexpectedKeys, ["more"]);
  const weight = torch.full([1, 1], 3);
  net.loadStateDict({ weight, bias: torch.ones(1) }, { assign: true });
  weight.fill_(4);
  assert.equal(net.weight.item(), 4);
  assert.ok(net.weight instanceof nn.Parameter && net.weight.requiresGrad);
});

test("walking visits shared modules and parameters once", () => {
  const shared = new nn.Linear(2, 2);
  const model = new nn.Sequential(shared, shared, new nn.Sequential({ again: shared }));
  assert.deepEqual(
    [...model.namedParameters()].map(([name]) => name),
    ["0.weight", "0.bias"],
  );
  assert.deepEqual(
    [...model.namedModules()].map(([name]) => name),
    ["", "0", "2"],
  );
  assert.equal([...model.namedParameters({ removeDuplicate: false })].length, 6);
  assert.equal(model.getParameter("2.again.weight"), shared.weight);
  assert.throws(() => model.getSubmodule("2.none"), { message: "Sequential has no attribute `none`" });
});

test("hooks see and replace arguments and results, in order, until they are removed", () => {
  const model = new nn.Identity();
  const seen: string[] = [];
  const pre = model.registerForwardPreHook((_module, args) => {
    seen.push("pre");
    return (args[0] as Tensor).add(1);
  });
  const post = model.registerForwardHook((_module, _args, output) => {
    seen.push("post");
    return (output as Tensor).mul(10);
  });
  model.registerForwardHook(() => void seen.push("first"), { prepend: true });
  assert.equal(model.call(torch.zeros(1)).item(), 10);
  assert.deepEqual(seen, ["pre", "first", "post"]);
  pre.remove();
  post.remove();
  assert.equal(model.call(torch.zeros(1)).item(), 0);
  assert.equal(model.forward(torch.ones(1)).item(), 1);
});

test("converting keeps the parameter objects and leaves integers alone", () => {
  const net = new Net();
  net.registerBuffer("steps", torch.zeros([], { dtype: torch.int64 }));
  const { weight } = net.fc1;
  assert.equal(net.double(), net);
  assert.equal(net.fc1.weight, weight);
  assert.equal(weight.dtype, torch.float64);
  assert.equal(net.getBuffer("steps").dtype, torch.int64);
  assert.equal(net.runningTotal.dtype, torch.float64);
  assert.throws(() => net.to(torch.int64), /nn.Module.to only accepts floating point or complex dtypes/);
});

test("a deep copy has its own tensors and the same sharing", () => {
  const shared = new nn.Linear(2, 2);
  const model = new nn.Sequential(shared, shared);
  const copy = model.deepcopy();
  assert.notEqual(copy.at(0), shared);
  assert.equal(copy.at(0), copy.at(1));
  torch.noGrad(() => shared.weight.fill_(7));
  assert.notEqual((copy.at(0) as torch.nn.Linear).weight.select(0, 0).select(0, 0).item(), 7);
  assert.equal(String(copy), String(model));
});

test("train, eval, requiresGrad_ and zeroGrad reach everything below", () => {
  const net = new Net();
  net.eval();
  assert.ok([...net.modules()].every((m) => !m.training));
  net.train();
  assert.ok([...net.modules()].every((m) => m.training));
  net.call(torch.ones(2, 3)).sum().backward();
  assert.notEqual(net.fc1.weight.grad, null);
  net.zeroGrad();
  assert.equal(net.fc1.weight.grad, null);
  net.requiresGrad_(false);
  assert.ok([...net.parameters()].every((p) => !p.requiresGrad));
  assert.throws(() => net.train("yes" as never), { message: "training mode is expected to be boolean" });
});

test("registration refuses what PyTorch refuses", () => {
  const net = new Net();
  assert.throws(() => net.registerBuffer("a.b", null), { message: 'buffer name can\'t contain "."' });
  assert.throws(() => net.registerBuffer("", null), { message: 'buffer name can\'t be empty string ""' });
  assert.throws(() => net.registerBuffer("fc1", null), { message: "attribute 'fc1' already exists" });
  assert.throws(() => net.registerParameter("p", torch.zeros(1) as never), {
    message: "cannot assign 'Tensor' object to parameter 'p' (torch.nn.Parameter or None required)",
  });
  assert.throws(() => net.addModule("x", 3 as never), { message: "int is not a Module subclass" });
  assert.throws(() => new nn.ModuleList([]).call(torch.zeros(1)), /is missing the required "forward" function/);
});

test("containers behave as lists and dictionaries", () => {
  const list = new nn.ModuleList([new nn.Identity()]);
  list.append(new nn.Linear(1, 1)).insert(0, new nn.Dropout(0.1));
  assert.equal(list.length, 3);
  assert.ok(list.at(-1) instanceof nn.Linear && list[0] instanceof nn.Dropout);
  assert.ok(list.pop(0) instanceof nn.Dropout);
  assert.deepEqual([...list.stateDict().keys()], ["1.weight", "1.bias"]);
  assert.throws(() => list.at(5), { message: "index 5 is out of range" });
  const dict = new nn.ModuleDict({ camelCase: new nn.Linear(1, 1) });
  assert.deepEqual([...dict.stateDict().keys()], ["camelCase.weight", "camelCase.bias"]);
  assert.ok(dict.pop("camelCase") instanceof nn.Linear && dict.length === 0);
  const parameters = new nn.ParameterList([torch.ones(1)]);
  parameters.append(torch.zeros(2));
  assert.deepEqual([...parameters.stateDict().keys()], ["0", "1"]);
  assert.ok([...parameters].every((p) => p.requiresGrad));
});

test("an embedding's padding row gets no gradient and long rows are shortened in place", () => {
  const table = new nn.Embedding(3, 2, { paddingIdx: 0, maxNorm: 1 });
  torch.noGrad(() => table.weight.fill_(2));
  const out = table.call(torch.tensor([0n, 2n, 2n]));
  assert.ok(Math.abs(out.select(0, 1).square().sum().item() - 1) < 1e-5);
  out.sum().backward();
  assert.deepEqual(table.weight.grad!.toArray(), [
    [0, 0],
    [0, 0],
    [2, 2],
  ]);
  assert.throws(() => table.call(torch.tensor([3n])), /index out of range in self/);
});

test("dropout zeroes or doubles in training and does nothing in evaluation", () => {
  const layer = new nn.Dropout(0.5);
  const x = torch.ones(4, 4);
  const y = layer.call(x);
  assert.ok(Array.from(y.data as Float32Array).every((v) => v === 0 || v === 2));
  assert.equal(layer.eval().call(x), x);
});

test("recurrent layers are differentiable twice", () => {
  for (const make of [
    () => new nn.LSTM(2, 3, { batchFirst: true }),
    () => new nn.GRU(2, 3, { bidirectional: true }),
    () => new nn.RNN(2, 3),
  ]) {
    const layer = make().double();
    const x = torch.full([2, 2, 2], 0.3, { dtype: torch.float64 }).requiresGrad_();
    const loss = (scale: number): number => {
      const input = x.detach().mul(scale).requiresGrad_();
      const [output] = layer.call(input) as [Tensor, unknown];
      const [g] = torch.autograd.grad(output.square().sum(), input, { createGraph: true });
      return g!.square().sum().item();
    };
    const input = x.detach().clone().requiresGrad_();
    const [output] = layer.call(input) as [Tensor, unknown];
    const [g] = torch.autograd.grad(output.square().sum(), input, { createGraph: true });
    const [gg] = torch.autograd.grad(g!.square().sum(), input);
    const numeric = (loss(1 + 1e-5) - loss(1 - 1e-5)) / 2e-5;
    const exact = gg!.mul(x.detach()).sum().item();
    assert.ok(Math.abs(numeric - exact) < 1e-6 * Math.max(1, Math.abs(exact)), `${layer.getName()}: ${numeric} and ${exact}`);
  }
});

test("weight norm can be taken away, with the value it had", () => {
  const layer = nn.utils.weightNorm(new nn.Linear(3, 2), { dim: 0 });
  assert.deepEqual([...layer.stateDict().keys()], ["bias", "weight_g", "weight_v"]);
  torch.noGrad(() => (layer as unknown as { weightG: Tensor }).weightG.mul_(2));
  const x = torch.ones(1, 3);
  const before = layer.call(x).toArray();
  layer.call(x).sum().backward();
  nn.utils.removeWeightNorm(layer);
  assert.deepEqual([...layer.stateDict().keys()].sort(), ["bias", "weight"]);
  assert.deepEqual(layer.call(x).toArray(), before);
});

test("spectral norm brings the largest singular value to 1", () => {
  const layer = nn.utils.spectralNorm(new nn.Linear(2, 2, { bias: false }), { nPowerIterations: 50 });
  torch.noGrad(() =>
    (layer as unknown as { weightOrig: Tensor }).weightOrig.copy_(
      torch.tensor([
        [3, 0],
        [0, 1],
      ]),
    ),
  );
  const y = layer.call(torch.tensor([[1, 1]])).toArray() as number[][];
  assert.ok(Math.abs(y[0]![0]! - 1) < 1e-5 && Math.abs(y[0]![1]! - 1 / 3) < 1e-5);
});

test("what a backward hook keeps stays as it was", () => {
  const layer = new nn.Linear(400, 400, { bias: false });
  const kept: torch.Tensor[] = [];
  const handle = layer.registerFullBackwardHook((_module, gradInput, gradOutput) => {
    kept.push(gradInput[0]!, gradOutput[0]!);
  });
  const x = torch.ones(400, 400).requiresGrad_(); // large enough for its memory to be handed on at once
  layer.call(x.mul(2)).mul(3).sum().backward();
  for (let k = 0; k < 4; k++) torch.full([400, 400], 7).add(k);
  assert.deepEqual(kept[1]!.sub(3).abs().max().item(), 0);
  assert.ok(torch.allclose(kept[0]!, torch.full([400, 400], 3).matmul(layer.weight)));
  handle.remove();
});

test("a backward hook sees the gradients of arguments and results and may replace the former", () => {
  const layer = new nn.Linear(2, 2, { bias: false });
  torch.noGrad(() => layer.weight.copy_(torch.eye(2).mul(3)));
  const seen: unknown[] = [];
  const handle = layer.registerFullBackwardHook((module, gradInput, gradOutput) => {
    seen.push(module, gradInput[0]!.toArray(), gradOutput[0]!.toArray());
    return [gradInput[0]!.mul(10)];
  });
  const x = torch.ones(1, 2).requiresGrad_();
  layer.call(x).sum().backward();
  assert.deepEqual(seen, [layer, [[3, 3]], [[1, 1]]]);
  assert.deepEqual(x.grad!.toArray(), [[30, 30]]);
  handle.remove();
  x.grad = null;
  layer.call(x).sum().backward();
  assert.deepEqual(x.grad!.toArray(), [[3, 3]]);
});

test("a deep copy of a module with weight norm follows its own parts", () => {
  const layer = nn.utils.weightNorm(new nn.Linear(2, 2));
  const copy = layer.deepcopy();
  torch.noGrad(() => (layer as unknown as { weightV: Tensor; weightG: Tensor }).weightG.fill_(0));
  const x = torch.ones(1, 2);
  assert.deepEqual(layer.call(x).toArray(), [layer.bias!.toArray()]);
  assert.notDeepEqual(copy.call(x).toArray(), [copy.bias!.toArray()]);
  nn.utils.removeWeightNorm(copy);
  assert.deepEqual([...copy.stateDict().keys()].sort(), ["bias", "weight"]);
});

test("a convolution with its batch norm folded in gives the same in evaluation", () => {
  const conv = new nn.Conv2d(2, 3, 3);
  const norm = new nn.BatchNorm2d(3);
  for (let i = 0; i < 3; i++) norm.call(conv.call(torch.randn(2, 2, 5, 5)));
  conv.eval();
  norm.eval();
  const x = torch.randn(1, 2, 5, 5);
  const fused = nn.utils.fuseConvBnEval(conv, norm);
  const difference = fused
    .call(x)
    .sub(norm.call(conv.call(x)))
    .abs()
    .max()
    .item();
  assert.ok(difference < 1e-5, String(difference));
});

test("root-mean-square norm", () => {
  const layer = new nn.RMSNorm(2, { eps: 0 });
  assert.equal(String(layer), "RMSNorm((2,), eps=0.0, elementwise_affine=True)");
  const y = layer.call(torch.tensor([[3, 4]])).toArray() as number[][];
  assert.ok(Math.abs(y[0]![0]! - 3 / Math.sqrt(12.5)) < 1e-6 && Math.abs(y[0]![1]! - 4 / Math.sqrt(12.5)) < 1e-6);
});

test("parameters and modules print themselves when they are logged", () => {
  const layer = new nn.Linear(1, 1, { bias: false });
  torch.noGrad(() => layer.weight.fill_(2));
  assert.equal(inspect(layer.weight), "Parameter containing:\ntensor([[2.]], requires_grad=True)");
  assert.equal(inspect(layer), "Linear(in_features=1, out_features=1, bias=False)");
});

test("functionalCall computes with other tensors, which get the gradients, and leaves the module alone", () => {
  const model = new nn.Sequential(new nn.Linear(2, 2, { bias: false }), new nn.BatchNorm1d(2));
  const before = [...model.stateDict()].map(([key, value]) => [key, value.toArray()]);
  const weight = torch.eye(2).requiresGrad_();
  const mean = torch.zeros(2);
  const x = torch.tensor([
    [1, 2],
    [3, 5],
  ]);
  const out = nn.utils.stateless.functionalCall(model, { "0.weight": weight, "1.running_mean": mean }, x);
  out.square().sum().backward();
  assert.notEqual(weight.grad, null);
  assert.equal((model.at(0) as torch.nn.Linear).weight.grad, null);
  assert.notDeepEqual(mean.toArray(), [0, 0]);
  const after = [...model.stateDict()].map(([key, value]) => [key, value.toArray()]);
  const unchanged = (list: unknown[][]) => list.filter(([key]) => !/running_var|num_batches/.test(key as string));
  assert.deepEqual(unchanged(after), unchanged(before));
  assert.throws(() => nn.utils.stateless.functionalCall(model, { "0.none": weight }, x), /has no parameter or buffer 0.none/);
});

test("a recurrent layer's gradients are those of its cells one after the other", () => {
  torch.manualSeed(3);
  const lstm = new nn.LSTM(3, 4, { batchFirst: true }).double();
  const cell = new nn.LSTMCell(3, 4).double();
  for (const name of ["weightIh", "weightHh", "biasIh", "biasHh"] as const) {
    torch.noGrad(() => cell[name]!.copy_((lstm as unknown as Record<string, Tensor>)[`${name}L0`]!));
  }
  const x = torch.randn(2, 5, 3, { dtype: torch.float64 });
  const weight = torch.randn(2, 4, { dtype: torch.float64 });
  // Only the last cell state counts: the outputs have no gradient of their own.
  const [, [, cn]] = lstm.call(x);
  cn.squeeze(0).mul(weight).sum().backward();
  let state: [Tensor, Tensor] = [torch.zeros(2, 4, { dtype: torch.float64 }), torch.zeros(2, 4, { dtype: torch.float64 })];
  for (let t = 0; t < 5; t++) state = cell.call(x.select(1, t), state);
  state[1].mul(weight).sum().backward();
  for (const name of ["weightIh", "weightHh", "biasIh", "biasHh"] as const) {
    const own = (lstm as unknown as Record<string, Tensor>)[`${name}L0`]!.grad!;
    const difference = own.sub(cell[name]!.grad!).abs().max().item();
    assert.ok(difference < 1e-12, `${name}: ${difference}`);
  }
  assert.throws(() => lstm.call(torch.zeros(2, 0, 3, { dtype: torch.float64 })), {
    message: "Expected sequence length to be larger than 0 in RNN",
  });
});

test("packed sequences give what each sequence gives alone", () => {
  torch.manualSeed(4);
  for (const layer of [
    new nn.LSTM(2, 3, { bidirectional: true, numLayers: 2 }),
    new nn.GRU(2, 3),
    new nn.LSTM(2, 3, { projSize: 2 }),
  ]) {
    const sequences = [torch.randn(2, 2), torch.randn(4, 2), torch.randn(1, 2)];
    const packed = nn.utils.rnn.packSequence(sequences, { enforceSorted: false });
    const [out] = (layer as torch.nn.GRU).call(packed);
    const [padded, lengths] = nn.utils.rnn.padPackedSequence(out);
    assert.deepEqual(lengths.toArray(), [2, 4, 1]);
    for (const [i, sequence] of sequences.entries()) {
      const [alone] = (layer as torch.nn.GRU).call(sequence);
      const own = padded.select(1, i).narrow(0, 0, sequence.shape[0]!);
      assert.ok(own.sub(alone).abs().max().item() < 1e-6);
    }
  }
});
