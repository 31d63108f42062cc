// The same for the device webgpu: training, the ways of reading, errors. The last line is JSON.
import torch, { nn, optim } from "typetorch";

let passed = 0;

function check(what, ok, seen) {
  if (!ok) throw new Error(`${what}: ${seen}`);
  passed++;
}

function close(what, actual, expected, tolerance) {
  check(what, Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)), `${actual} instead of ${expected}`);
}

await torch.webgpu.init();
check("the device", torch.webgpu.isAvailable(), "is not there");

/** Losses of the first and the tenth step. */
function train(device) {
  torch.manualSeed(0);
  const model = new nn.Sequential(
    new nn.Conv2d(1, 4, 3),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(4 * 5 * 5, 5),
  ).to(device);
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  const x = torch.randn(16, 1, 12, 12).to(device);
  const y = torch.randint(0, 5, [16]).to(device);
  const losses = [];
  for (let step = 0; step < 10; step++) {
    optimizer.zeroGrad();
    const loss = nn.functional.crossEntropy(model.call(x), y);
    loss.backward();
    optimizer.step();
    losses.push(loss);
  }
  return [losses[0], losses[9]];
}
const [first, tenth] = train("webgpu");
close("the first loss", first.item(), 1.4775946140289307, 1e-5); // PyTorch's
close("the tenth loss", tenth.item(), 0.5210134387016296, 1e-3);
check("itemAsync()", (await tenth.itemAsync()) === tenth.item(), await tenth.itemAsync());

const a = torch.randn(70, 90);
const b = torch.randn(90, 50);
const product = a.to("webgpu").matmul(b.to("webgpu"));
check("a product", torch.allclose(product.cpu(), a.matmul(b), { atol: 1e-4 }), "gives another result");
check("its softmax", torch.allclose(product.softmax(1).cpu(), a.matmul(b).softmax(1), { atol: 1e-5 }), "gives another result");
const integers = torch.arange(100_000, { device: "webgpu" }).sum().item();
check("64-bit integers", integers === 4_999_950_000, integers);
const sorted = torch.tensor([3, 1, 2], { device: "webgpu" }).sort().values;
check("an op of the host", String(sorted.toArray()) === "1,2,3", sorted.toArray());

let message = "";
try {
  torch.zeros(2, { device: "webgpu" }).add(torch.zeros(2));
} catch (error) {
  message = `${error.name}: ${error.message}`;
}
check("an error", /Expected all tensors to be on the same device/.test(message), message);
const { name } = torch.webgpu.getDeviceProperties();
console.log(JSON.stringify({ passed, name }));
