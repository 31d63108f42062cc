// A short program that every runtime must be able to run with the packed library: kernels, training, saving. Its numbers are PyTorch's. The last line is JSON.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import torch, { nn, optim } from "typetorch";

let passed = 0;

function check(what, ok, seen) {
  if (!ok) throw new Error(`${what}: ${seen}`);
  passed++;
}

function close(what, actual, expected, tolerance = 2e-5) {
  check(what, Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)), `${actual} instead of ${expected}`);
}

torch.manualSeed(0);
const model = new nn.Sequential(
  new nn.Conv2d(1, 4, 3),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
  new nn.Flatten(),
  new nn.Linear(4 * 5 * 5, 5),
);
const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
const x = torch.randn(16, 1, 12, 12);
const y = torch.randint(0, 5, [16]);
const losses = [];
for (let step = 0; step < 10; step++) {
  optimizer.zeroGrad();
  const loss = nn.functional.crossEntropy(model.call(x), y);
  loss.backward();
  optimizer.step();
  losses.push(loss.item());
}
close("the first loss", losses[0], 1.4775946140289307);
close("the tenth loss", losses[9], 0.5210134387016296, 1e-4);

const a = torch.randn(200, 300);
const b = torch.randn(300, 100);
close("a matrix product", a.matmul(b).abs().mean().item(), 13.825672149658203);
close("softmax", a.softmax(1).max().item(), 0.17423275113105774);
close("exp and log1p", a.exp().log1p().sum().item(), 48177.8671875);
check("integers", torch.arange(1_000_000).sum().item() === 499_999_500_000, "a wrong sum");

// large enough for all threads
const large = torch.ones(384, 384);
check("a large product", large.matmul(large).eq(384).all().item() === true, "not 384 everywhere");

const folder = mkdtempSync(join(tmpdir(), "typetorch-smoke-"));
try {
  const file = join(folder, "model.safetensors");
  torch.saveSafetensors(model.stateDict(), file);
  const copy = new nn.Sequential(
    new nn.Conv2d(1, 4, 3),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(4 * 5 * 5, 5),
  );
  copy.loadStateDict(torch.loadSafetensors(file));
  check("a model saved and loaded", torch.equal(copy.call(x), model.call(x)), "gives other results");
  copy.loadStateDict(await torch.loadSafetensorsAsync(new Uint8Array(readFileSync(file))));
  check("a model loaded from bytes", torch.equal(copy.call(x), model.call(x)), "gives other results");
} finally {
  rmSync(folder, { recursive: true });
}

let message = "";
try {
  torch.zeros(2, 3).matmul(torch.zeros(4, 5));
} catch (error) {
  message = `${error.name}: ${error.message}`;
}
check("an error", /^ShapeError: .*2x3 and 4x5/.test(message), message);

// memory that nobody holds comes back in a loop that never awaits
for (let k = 0; k < 2000; k++) torch.ones(512, 512);
const megabytes = process.memoryUsage().rss / 2 ** 20;
check("2 GB in pieces of a megabyte", megabytes < 1300, `${Math.round(megabytes)} MB are held`);

const { target, availableTargets } = torch.backends.cpu;
console.log(JSON.stringify({ target, targets: availableTargets(), passed, megabytes: Math.round(megabytes) }));
