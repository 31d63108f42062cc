/**
 * The command `npm run bench:webgpu`. What the GPU reaches: products of N x N matrices in float32 and float16, and a training step of the digits' convnet, with the adapter's name
 * and what limits each: arithmetic against the device, or the commands that the host can hand out.
 */
import { parseOptions, positive } from "@typetorch/command-line";
import * as torch from "typetorch";

const { nn, optim } = torch;
const { functional: F } = nn;
const options = parseOptions("npm run bench:webgpu --", "Measures products of matrices and a training step on the GPU.", {
  size: { value: "N", default: "4096", help: "rows and columns of the matrices" },
  seconds: { value: "S", default: "2", help: "time for each measurement" },
  json: { help: "print one JSON object for each" },
});
const size = positive("size", options.size);
const seconds = positive("seconds", options.seconds, false);
if (!torch.webgpu.isAvailable()) {
  console.error("there is no WebGPU adapter here: in Node install the package `webgpu` and a Vulkan, Metal or D3D12 driver");
  process.exit(1);
}
const { name, features } = torch.webgpu.getDeviceProperties();
const device = "webgpu";

interface Measured {
  readonly ms: number;
  readonly min: number;
  /** Milliseconds in which the host hands one run to the device. */
  readonly host: number;
}

/** Runs without waiting in between, in batches that take a tenth of a second, and waits after each. */
function measure(run: () => unknown): Measured {
  for (let k = 0; k < 3; k++) run();
  torch.webgpu.synchronize();
  let start = performance.now();
  run();
  torch.webgpu.synchronize();
  const runs = Math.max(1, Math.ceil(100 / (performance.now() - start)));
  const samples: number[] = [];
  const host: number[] = [];
  const end = performance.now() + seconds * 1000;
  do {
    start = performance.now();
    for (let k = 0; k < runs; k++) run();
    host.push((performance.now() - start) / runs);
    torch.webgpu.synchronize();
    samples.push((performance.now() - start) / runs);
  } while (performance.now() < end || samples.length < 3);
  samples.sort((a, b) => a - b);
  host.sort((a, b) => a - b);
  return { ms: samples[samples.length >> 1]!, min: samples[0]!, host: host[host.length >> 1]! };
}

function report(what: string, { ms, min, host }: Measured, flops = 0): void {
  const teraflops = flops / ms / 1e9;
  if (options.json) {
    console.log(JSON.stringify({ name: what, ms, min, hostMs: host, ...(flops > 0 && { teraflops }) }));
    return;
  }
  const rate = flops > 0 ? `, ${teraflops.toFixed(2)} TFLOP/s` : "";
  console.log(
    `${what}: ${ms.toFixed(3)} ms (min ${min.toFixed(3)})${rate}; the host needs ${host.toFixed(3)} ms to hand it over`,
  );
}

console.log(`${name}: shader-f16 ${features.f16}, subgroups ${features.subgroups}, software ${features.software}`);
torch.manualSeed(0);
const a = torch.randn(size, size, { device });
const b = torch.randn(size, size, { device });
report(
  `matmul_${size}_f32`,
  measure(() => a.matmul(b)),
  2 * size ** 3,
);
if (features.f16) {
  const [c, d] = [a.to(torch.float16), b.to(torch.float16)];
  report(
    `matmul_${size}_f16`,
    measure(() => c.matmul(d)),
    2 * size ** 3,
  );
} else console.log(`matmul_${size}_f16: the adapter has no shader-f16`);

class Net extends nn.Module {
  conv1 = new nn.Conv2d(1, 32, 3);
  conv2 = new nn.Conv2d(32, 64, 3);
  drop = new nn.Dropout(0.25);
  fc1 = new nn.Linear(64 * 144, 128);
  fc2 = new nn.Linear(128, 10);
  override forward(x: torch.Tensor): torch.Tensor {
    const y = F.maxPool2d(this.conv2.call(this.conv1.call(x).relu()).relu(), 2);
    return this.fc2.call(this.fc1.call(this.drop.call(y.flatten(1))).relu());
  }
}
const batch = features.software ? 8 : 64;
const model = new Net().to(device);
const optimizer = new optim.Adam(model.parameters());
const x = torch.randn(batch, 1, 28, 28, { device });
const y = torch.randint(0, 10, [batch], { device });
const step = () => {
  optimizer.zeroGrad();
  F.crossEntropy(model.call(x) as torch.Tensor, y).backward();
  optimizer.step();
};
step();
torch.webgpu.synchronize();
const before = torch.webgpu.counters()!;
step();
torch.webgpu.synchronize();
const after = torch.webgpu.counters()!;
console.log(
  `a step: ${after.dispatches - before.dispatches} dispatches in ${after.submits - before.submits} submissions, ${after.readBacks - before.readBacks} read-backs, ${after.pipelines - before.pipelines} new pipelines`,
);
report(`train_digits_b${batch}`, measure(step));
