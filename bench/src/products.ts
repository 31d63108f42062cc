/**
 * Matrix products and convolutions by shape: minimum and median time, rate, share of the measured multiply-add peak, and the same work in PyTorch, both sides by
 * turns. With `--layers` the convolutions of networks instead, for a batch of pictures of that size: those first on which the network loses most time.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseCommand, positive } from "@typetorch/command-line";
import * as torch from "typetorch";
import { layersOf, networks } from "./layers.ts";
import { Peak } from "./peak.ts";

interface Product {
  readonly kind: "matmul";
  readonly a: number[];
  readonly aT: boolean;
  readonly b: number[];
  readonly bT: boolean;
}
interface Convolution {
  readonly kind: "forward" | "input" | "weight";
  readonly x: number[];
  readonly w: number[];
  readonly padding: number;
  readonly stride: number;
  readonly groups: number;
}

const product = (a: number[], b: number[], transposed = ""): Product => ({
  ...{ kind: "matmul", a, aT: transposed.includes("a"), b, bT: transposed.includes("b") },
});
const convolution = (name: string, x: number[], w: number[], padding: number, stride = 1, groups = 1): [string, Convolution][] =>
  (["forward", "input", "weight"] as const).map((kind) => [`${name} ${kind}`, { kind, x, w, padding, stride, groups }]);

const products: readonly [string, Product | Convolution][] = [
  ["matmul 512", product([512, 512], [512, 512])],
  ["matmul 1024", product([1024, 1024], [1024, 1024])],
  ["matmul 1024 nt", product([1024, 1024], [1024, 1024], "b")],
  ["matmul 2048", product([2048, 2048], [2048, 2048])],
  ["bmm 96x256x64x256", product([96, 256, 64], [96, 64, 256])],
  ["attention q k", product([48, 128, 32], [48, 128, 32], "b")],
  ["attention a v", product([48, 128, 128], [48, 128, 32])],
  ["tiny 16x8x32", product([16, 8], [8, 32])],
  ["linear 64x784x256", product([64, 784], [256, 784], "b")],
  ["linear weight", product([64, 256], [64, 784], "a")],
  ["linear input", product([64, 256], [256, 784])],
  ["lstm 32x128x512", product([32, 128], [512, 128], "b")],
  ["matrix vector", product([1024, 1024], [1024, 1])],
  ["vector matrix", product([1, 1024], [1024, 1024])],
  ["outer 256x1x256", product([256, 1], [1, 256])],
  ...convolution("conv 3x3 64x56", [16, 64, 56, 56], [64, 64, 3, 3], 1),
  ...convolution("conv mnist 1", [64, 1, 28, 28], [32, 1, 3, 3], 0),
  ...convolution("conv mnist 2", [64, 32, 26, 26], [64, 32, 3, 3], 0),
  ...convolution("conv stride 2", [16, 64, 56, 56], [128, 64, 3, 3], 1, 2),
  ...convolution("conv 512x7", [16, 512, 7, 7], [512, 512, 3, 3], 1),
  ...convolution("conv stem", [4, 3, 224, 224], [64, 3, 7, 7], 3, 2),
  ...convolution("conv depthwise", [16, 64, 56, 56], [64, 1, 3, 3], 1, 1, 64),
];

/** What is timed, and its floating-point operations. */
function make(c: Product | Convolution): { run: () => unknown; flops: number } {
  if (c.kind === "matmul") {
    const [a, b] = [torch.randn(c.a), torch.randn(c.b)];
    const [left, right] = [c.aT ? a.mT : a, c.bT ? b.mT : b];
    const out = left.matmul(right);
    return { run: () => left.matmul(right), flops: 2 * out.numel() * left.shape[left.dim() - 1]! };
  }
  const { stride, padding, groups } = c;
  const x = torch.randn(c.x).requiresGrad_(c.kind === "input");
  const w = torch.randn(c.w).requiresGrad_(c.kind === "weight");
  const forward = () => torch.nn.functional.conv2d(x, w, { stride, padding, groups });
  const y = forward();
  const flops = 2 * y.numel() * c.w[1]! * c.w[2]! * c.w[3]!;
  if (c.kind === "forward") return { run: forward, flops };
  const gradient = torch.randn(y.shape as number[]);
  const inputs = [c.kind === "input" ? x : w];
  return { run: () => torch.autograd.grad([y], inputs, { gradOutputs: [gradient], retainGraph: true }), flops };
}

const { options, words: names } = parseCommand(
  "node bench/dist/src/products.js [NAME…]",
  "Times matrix products and convolutions by shape, here and in PyTorch by turns; without names all of them.",
  {
    rounds: { value: "N", default: "4", help: "turns of each side" },
    milliseconds: { value: "M", default: "60", help: "time for a turn" },
    layers: { value: "NETWORK,…", help: `the convolutions of networks instead: ${networks.join(", ")}` },
    batch: { value: "N", default: "8", help: "pictures of a batch of layers" },
    size: { value: "S", default: "64", help: "height and width of the pictures" },
  },
);
const rounds = positive("rounds", options.rounds);
const milliseconds = positive("milliseconds", options.milliseconds);
const batch = positive("batch", options.batch);
const size = positive("size", options.size);

/** The convolutions of networks, and how often each network has them. */
function casesOfLayers(chosen: readonly string[]): { cases: [string, Convolution][]; counts: Map<string, number> } {
  const unknown = chosen.filter((name) => !networks.includes(name));
  if (unknown.length > 0) throw new Error(`--layers ${unknown}: there are ${networks.join(", ")}`);
  const cases: [string, Convolution][] = [];
  const counts = new Map<string, number>();
  for (const layer of chosen.flatMap((name) => layersOf(name, batch, size))) {
    const { x, w, stride, padding, groups } = layer;
    const layerName = `${x.join("x")} ${w.join("x")}${stride === 1 ? "" : ` /${stride}`}`;
    for (const [name, c] of convolution(layerName, x, w, padding, stride, groups)) {
      if (!counts.has(name) && !(layer.first && c.kind === "input")) cases.push([name, c]);
      counts.set(name, (counts.get(name) ?? 0) + layer.count);
    }
  }
  return { cases, counts };
}
const { cases, counts } =
  options.layers === undefined
    ? { cases: products, counts: new Map<string, number>() }
    : casesOfLayers(options.layers.split(","));

const peak = await Peak.start();
const flopsPeak = peak?.fma() ?? Number.NaN;
await peak?.stop();
const env = { ...process.env };
delete env.OPENBLAS_CORETYPE;
delete env.OPENBLAS_L2_SIZE;
const script = fileURLToPath(new URL("../../torch/products.py", import.meta.url));
const python = spawn("/usr/bin/python3", [script, String(torch.getNumThreads())], { env, stdio: ["pipe", "pipe", "inherit"] });
const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
async function ask(c: Product | Convolution): Promise<number[]> {
  python.stdin.write(`${JSON.stringify({ case: c, milliseconds })}\n`);
  return JSON.parse((await answers.next()).value) as number[];
}

/** Results that are made before anything is timed: until then memory is fresh, and the page faults of fresh memory are no part of a product. */
const freshBytes = 600e6;

/** What is timed, after its memory came into use. */
function prepare(c: Product | Convolution): { run: () => unknown; flops: number } {
  const made = make(c);
  const first = made.run();
  const bytes = 4 * (Array.isArray(first) ? first[0] : (first as torch.Tensor)).numel();
  if (bytes >= 1 << 19) for (let i = 0; i < Math.min(1000, freshBytes / bytes); i++) made.run();
  return made;
}

function sample(run: () => unknown): number[] {
  const times: number[] = [];
  const first = performance.now();
  run();
  const batch = performance.now() - first < 0.02 ? 20 : 1; // the clock is too coarse for less
  const end = performance.now() + milliseconds;
  do {
    const start = performance.now();
    for (let i = 0; i < batch; i++) run();
    times.push((performance.now() - start) / batch);
  } while (performance.now() < end);
  return times;
}
const middle = (times: number[]): number => times.sort((a, b) => a - b)[times.length >> 1]!;

console.log(`multiply-add peak ${(flopsPeak / 1e9).toFixed(0)} GFLOP/s; times in microseconds, ratios PyTorch / here`);
const width = Math.max(...cases.map(([name]) => name.length)) + 2;
const lost: [number, string][] = [];
const totals = new Map<string, [ours: number, theirs: number]>();
for (const [name, c] of cases) {
  if (names.length > 0 && !names.some((n) => name.includes(n))) continue;
  const { run, flops } = prepare(c);
  const [ours, theirs]: [number[], number[]] = [sample(run), await ask(c)];
  for (let round = 1; round < rounds; round++) {
    ours.push(...sample(run));
    theirs.push(...(await ask(c)));
  }
  const [median, torchMedian] = [middle(ours), middle(theirs)];
  const [least, torchLeast] = [ours[0]!, theirs[0]!];
  const time = (ms: number): string => (ms * 1e3).toFixed(1).padStart(9);
  const rate = flops / least / 1e6;
  const count = counts.get(name) ?? 1;
  const line =
    `${(counts.has(name) ? `${count} * ${name}` : name).padEnd(width + 4)}${time(least)}${time(median)}  torch${time(torchLeast)}${time(torchMedian)}  min ${(torchLeast / least).toFixed(2)}` +
    ` median ${(torchMedian / median).toFixed(2)}  ${rate.toFixed(0).padStart(4)} GFLOP/s ${((rate * 1e11) / flopsPeak).toFixed(0)}%`;
  if (options.layers === undefined) console.log(line);
  lost.push([count * (least - torchLeast), line]);
  const total = totals.get(c.kind) ?? [0, 0];
  totals.set(c.kind, [total[0] + count * least, total[1] + count * torchLeast]);
}
if (options.layers !== undefined) {
  for (const [ms, line] of lost.sort((a, b) => b[0] - a[0])) console.log(`${line}  lost ${(ms * 1e3).toFixed(0).padStart(6)}`);
  for (const [kind, [ours, theirs]] of totals) {
    console.log(`${kind}: ${ours.toFixed(2)} ms, torch ${theirs.toFixed(2)} ms, ${(theirs / ours).toFixed(2)}`);
  }
}
python.stdin.end();
