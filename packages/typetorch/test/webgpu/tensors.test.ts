/**
 * Tensors on the device: moving, mixing, reading, changing, saving; what is refused there; training, and the memory that it takes.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import torch, { nn, optim, type Tensor } from "../../src/index.ts";

const F = nn.functional;
const device = torch.device("webgpu");
const counters = (): NonNullable<ReturnType<typeof torch.webgpu.counters>> => {
  torch.webgpu.synchronize();
  return torch.webgpu.counters()!;
};

test("a tensor moves there and back with its dtype, order in memory and gradient", () => {
  assert.equal(torch.webgpu.isAvailable(), true);
  assert.equal(String(device), "webgpu:0");
  for (const dtype of [
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
  ]) {
    const x = torch.tensor(
      [
        [0, 1, 2],
        [3, 100, 5],
      ],
      { dtype },
    );
    for (const y of [x, x.t(), x.narrow(1, 1, 2)]) {
      const there = y.to("webgpu");
      assert.equal(there.device, device);
      assert.equal(there.dtype, dtype);
      assert.deepEqual(there.cpu().tolist(), y.tolist(), `${dtype}`);
      assert.deepEqual(there.add(1).cpu().tolist(), y.add(1).tolist(), `${dtype}`);
    }
  }
  const flags = torch.tensor([true, false, true]).to("webgpu");
  assert.deepEqual(flags.logicalNot().tolist(), [false, true, false]);
  const x = torch.tensor([1, 2, 3], { requiresGrad: true });
  x.to("webgpu")
    .mul(torch.tensor([4, 5, 6], { device }))
    .sum()
    .backward();
  assert.equal(x.grad!.device.type, "cpu");
  assert.deepEqual(x.grad!.tolist(), [4, 5, 6]);
  const there = x.detach().to(device);
  assert.equal(there.to("webgpu"), there);
  assert.notEqual(there.to("webgpu", torch.float32, { copy: true }), there);
  assert.equal(there.to(x).device.type, "cpu");
});

test("factories make tensors there, and what is made beside a tensor is there too", () => {
  const made = [
    torch.zeros(2, { device }),
    torch.ones(2, { device: "webgpu" }),
    torch.full([2], 7, { device }),
    torch.arange(2, { device }),
    torch.eye(2, { device }),
    torch.rand(2, { device }),
    torch.randperm(4, { device }),
  ];
  for (const x of made) assert.equal(x.device, device);
  const x = torch.tensor(
    [
      [1, 0],
      [0, 3],
    ],
    { device },
  );
  for (const y of [
    torch.zerosLike(x),
    x.newOnes(3),
    torch.randLike(x),
    x.nonzero(),
    x.at(":", [1, 0]),
    x.sort().values,
    F.pad(x, [1, 1]),
  ])
    assert.equal(y.device, device);
  assert.deepEqual(x.nonzero().tolist(), [
    [0, 0],
    [1, 1],
  ]);
  torch.setDefaultDevice("webgpu");
  try {
    assert.equal(torch.getDefaultDevice(), device);
    assert.equal(torch.zeros(2).device, device);
    assert.equal(torch.zeros(2, { device: "cpu" }).device.type, "cpu");
    assert.equal(new nn.Linear(2, 2).weight.device, device);
  } finally {
    torch.setDefaultDevice("cpu");
  }
});

test("tensors of two devices do not mix, but for numbers", () => {
  const x = torch.ones(2, { device });
  const message = /Expected all tensors to be on the same device, but found at least two devices, webgpu:0 and cpu!/;
  assert.throws(() => x.add(torch.ones(2)), message);
  assert.throws(() => x.matmul(torch.ones(2)), message);
  assert.throws(() => torch.cat([x, torch.ones(2)]), message);
  assert.throws(() => torch.tensor(1).add_(x.sum()), /found at least two devices, cpu and webgpu:0/);
  const two = torch.tensor(2, { requiresGrad: true });
  const y = x.mul(two).sum();
  assert.equal(y.device, device);
  y.backward();
  assert.equal(two.grad!.item(), 2);
  assert.equal(two.grad!.device.type, "cpu");
  assert.deepEqual(torch.ones(2).copy_(x.add(1)).tolist(), [2, 2]);
});

test("float64 and complex numbers are refused, as PyTorch's MPS refuses them", () => {
  const refused = {
    name: "DeviceError",
    message: /Cannot convert a webgpu Tensor to float64 dtype as the WebGPU framework doesn't support float64/,
  };
  assert.throws(() => torch.ones(2, { dtype: torch.float64 }).to("webgpu"), refused);
  assert.throws(() => torch.ones(2, { device, dtype: torch.float64 }), refused);
  assert.throws(() => torch.ones(2, { device }).double(), refused);
  assert.throws(() => new nn.Linear(2, 2).to("webgpu").double(), refused);
  assert.equal(new nn.Linear(2, 2).double().to("webgpu", torch.float32).weight.dtype, torch.float32);
  assert.throws(
    () => torch.empty(2, { dtype: torch.complex64 }).to("webgpu"),
    /Trying to convert ComplexFloat to the webgpu backend/,
  );
  assert.throws(() => torch.device("webgpu:1"), /invalid device ordinal/);
  assert.throws(() => torch.device("gpu"), /Expected one of cpu, webgpu device type at start of device string: gpu/);
});

test("reading: item, tolist, printing and iteration, and their asynchronous forms", async () => {
  const x = torch
    .tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { device },
    )
    .mul(2);
  assert.equal(x.at(1, 0).item(), 6);
  assert.equal(await x.at(1, 0).itemAsync(), 6);
  assert.deepEqual(x.t().tolist(), [
    [2, 6],
    [4, 8],
  ]);
  assert.deepEqual(await x.t().toArrayAsync(), [
    [2, 6],
    [4, 8],
  ]);
  assert.deepEqual([...(await x.dataAsync())], [2, 4, 6, 8]);
  assert.equal(String(x), "tensor([[2., 4.],\n        [6., 8.]], device='webgpu:0')");
  assert.equal(await x.toStringAsync(), String(x));
  assert.deepEqual(
    Array.from(x, (row) => row.sum().item()),
    [6, 14],
  );
  assert.equal(
    torch
      .tensor([2n ** 60n], { device })
      .add(1)
      .item(),
    2n ** 60n + 1n,
  );
  const before = counters().readBacks;
  const y = x.add(1);
  assert.deepEqual(y.tolist(), y.tolist());
  assert.equal(counters().readBacks - before, 1, "what was read stays at hand until it changes");
  y.add_(1);
  assert.deepEqual(y.tolist(), [
    [4, 6],
    [8, 10],
  ]);
});

test("changes through views, on the host and on the device, are seen by both", () => {
  const x = torch.zeros(4, { device });
  const view = x.narrow(0, 1, 2);
  view.add_(5);
  x.setAt(0, 9);
  assert.deepEqual(x.tolist(), [9, 5, 5, 0]);
  (x.data as Float32Array)[3] = 7; // a mirror that the device gets before it next uses the tensor
  assert.deepEqual(x.add(1).tolist(), [10, 6, 6, 8]);
  const sorted = view.neg().sort().values; // an op that runs on the host
  assert.deepEqual(sorted.tolist(), [-5, -5]);
  x.resize_(6);
  x.narrow(0, 4, 2).fill_(1);
  assert.deepEqual(x.tolist(), [9, 5, 5, 7, 1, 1]);
  assert.deepEqual(x.add(x.flip(0)).tolist(), [10, 6, 12, 12, 6, 10]);
});

test("a model moves in place, and its state loads from either device", () => {
  torch.manualSeed(3);
  const model = new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4));
  const weight = model.at(0) as nn.Linear;
  const parameters = [...model.parameters()];
  const expected = model.call(torch.ones(2, 3)).tolist();
  model.to("webgpu");
  assert.deepEqual([...model.parameters()], parameters);
  assert.equal(weight.weight.device, device);
  assert.deepEqual(model.stateDict().get("1.num_batches_tracked")!.device, device);
  const again = new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4));
  again.loadStateDict(model.stateDict());
  assert.deepEqual(weight.weight.cpu().tolist(), (again.at(0) as nn.Linear).weight.tolist());
  const bytes = torch.saveSafetensors(model.stateDict());
  model.loadStateDict(torch.loadSafetensors(bytes));
  assert.equal(weight.weight.device, device);
  const optimizer = new optim.Adam(model.parameters());
  model
    .call(torch.ones(2, 3, { device }))
    .sum()
    .backward();
  optimizer.step();
  const other = new optim.Adam(new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4)).to("webgpu").parameters());
  other.loadStateDict(optimizer.stateDict());
  assert.ok(expected);
});

/** The digits' network in small: convolution, pooling, dropout, normalisation, embedding, two losses' worth of ops. */
class SmallNet extends nn.Module<[images: Tensor, hints: Tensor]> {
  readonly conv1 = new nn.Conv2d(1, 4, 3);
  readonly norm = new nn.BatchNorm2d(4);
  readonly conv2 = new nn.Conv2d(4, 8, 3, { padding: 1 });
  readonly fc1 = new nn.Linear(8 * 25, 16);
  readonly layerNorm = new nn.LayerNorm(16);
  readonly embedding = new nn.Embedding(10, 16);
  readonly fc2 = new nn.Linear(16, 10);
  readonly dropout: nn.Dropout;
  constructor(p: number) {
    super();
    this.dropout = new nn.Dropout(p);
  }
  override forward(x: Tensor, hints: Tensor): Tensor {
    x = F.relu(this.norm.call(this.conv1.call(x)));
    x = this.dropout.call(F.maxPool2d(F.relu(this.conv2.call(x)), 2));
    x = F.gelu(this.layerNorm.call(this.fc1.call(x.flatten(1)).add(this.embedding.call(hints))));
    return this.fc2.call(x);
  }
}

function trainer(where: string, p: number): () => Tensor {
  torch.manualSeed(1);
  const model = new SmallNet(p).to(where);
  const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3 });
  const x = torch.randn(8, 1, 12, 12);
  const [images, labels] = [x.to(where), torch.arange(8).to(where)];
  return () => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model.call(images, labels), labels, { labelSmoothing: 0.1 });
    loss.backward();
    optimizer.step();
    return loss;
  };
}

test("twenty steps of training follow the CPU's", () => {
  const [onCpu, onDevice] = [trainer("cpu", 0), trainer("webgpu", 0)];
  for (let k = 0; k < 20; k++) {
    const [expected, got] = [onCpu().item(), onDevice().item()];
    assert.ok(Math.abs(expected - got) < 1e-3, `step ${k}: ${got}, on the CPU ${expected}`);
  }
});

test("a training step reads nothing back, runs no kernel on the host, compiles nothing anew, and is submitted in batches", () => {
  const step = trainer("webgpu", 0.2);
  for (let k = 0; k < 3; k++) step();
  const before = counters();
  const host = new Map(torch.webgpu.hostKernels());
  for (let k = 0; k < 10; k++) step();
  const after = counters();
  const ran = [...torch.webgpu.hostKernels()].filter(([name, times]) => times !== host.get(name)).map(([name]) => name);
  assert.deepEqual(ran, []);
  assert.equal(after.readBacks - before.readBacks, 0);
  assert.equal(after.pipelines - before.pipelines, 0);
  const dispatches = after.dispatches - before.dispatches;
  assert.ok(dispatches > 500, `${dispatches} dispatches`);
  assert.ok(
    after.submits - before.submits <= dispatches / 8,
    `${dispatches} dispatches in ${after.submits - before.submits} submissions`,
  );
});

test("memory stays flat over a thousand steps in one synchronous loop", () => {
  torch.manualSeed(1);
  const model = new nn.Sequential(new nn.Linear(64, 64), new nn.ReLU(), new nn.Linear(64, 8)).to("webgpu");
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const x = torch.randn(16, 64).to("webgpu");
  const step = (): void => {
    optimizer.zeroGrad();
    model.call(x).square().mean().backward();
    optimizer.step();
  };
  step();
  torch.webgpu.emptyCache();
  const base = torch.webgpu.memoryAllocated();
  for (let k = 0; k < 50; k++) step();
  const perStep = (torch.webgpu.memoryAllocated() - base) / 50; // dropped, and not yet found to be gone
  torch.webgpu.resetPeakMemoryStats();
  for (let k = 0; k < 1000; k++) step();
  const most = torch.webgpu.maxMemoryAllocated();
  assert.ok(
    perStep > 0 && most < base + 700 * perStep,
    `at most ${most} bytes, ${base} of them for the model, ${perStep} dropped per step`,
  );
  torch.webgpu.emptyCache();
  // not the same: of what was dropped last, a collection may find some to be alive
  assert.ok(
    torch.webgpu.memoryAllocated() <= base + perStep,
    `${torch.webgpu.memoryAllocated()} bytes, before the steps ${base}`,
  );
  assert.equal(torch.webgpu.memoryReserved(), torch.webgpu.memoryAllocated());
});

test("a tensor that is too large is refused with its size, and the device goes on", () => {
  const { limits } = torch.webgpu.getDeviceProperties();
  const n = Math.floor(limits.maxStorageBufferBindingSize / 4) + 1024;
  assert.throws(() => torch.zeros(n, { device }), {
    name: "OutOfMemoryError",
    message: new RegExp(`tried to allocate ${n * 4} bytes`),
  });
  assert.equal(torch.ones(3, { device }).sum().item(), 3);
});

test("indices that only the device has are looked at there: outside of their range they count as the nearest, and the next wait throws", async () => {
  const x = torch.arange(12, { dtype: torch.float32 }).reshape(4, 3).to("webgpu");
  const onDevice = (list: number[]) => torch.tensor(list.map(BigInt)).to("webgpu").add(0);
  const index = onDevice([1, 9, 0]);
  const rows = x.indexSelect(0, index);
  assert.throws(() => rows.sum().item(), { name: "IndexError", message: /out of range|out of bounds/ });
  assert.deepEqual(rows.select(1, 0).toArray(), [3, 9, 0]); // told once
  assert.deepEqual(
    x
      .at(onDevice([-1, -4]))
      .select(1, 0)
      .toArray(),
    [9, 0],
  );
  x.at(onDevice([-5]));
  await assert.rejects(torch.webgpu.synchronizeAsync(), { name: "IndexError" });
  const base = torch.zeros(6).to("webgpu");
  base.narrow(0, 0, 3).indexFill_(0, onDevice([5]), 7);
  assert.throws(() => torch.webgpu.synchronize(), { name: "IndexError" });
  assert.deepEqual(base.toArray(), [0, 0, 7, 0, 0, 0]); // nothing beyond the view
  const scores = torch.zeros(3, 5).to("webgpu");
  const loss = F.crossEntropy(scores, onDevice([1, 5, -100]));
  await assert.rejects(loss.itemAsync(), { name: "IndexError", message: /Target 5 is out of bounds/ });
  const labels = onDevice([1, 4, -100]);
  assert.ok(Math.abs(F.crossEntropy(scores, labels).item() - Math.log(5)) < 1e-5);
});
