/**
 * Matrix products and convolutions on the device against the CPU's, with every kernel that could be chosen.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostKernelRuns } from "../../src/backends/webgpu/index.ts";
import { chosen, tileShapes } from "../../src/backends/webgpu/wgsl/product.ts";
import * as torch from "../../src/torch.ts";

const F = torch.nn.functional;

const kinds = [
  { kind: "direct", rows: 1 },
  { kind: "direct", rows: 4 },
  { kind: "direct", rows: 8 },
  ...tileShapes.map((shape) => ({ kind: "tiled", shape }) as const),
] as const;

/** All kernels, or (to compile fewer pipelines) one with workgroup memory and pieces of k, and one without. */
function withKernels(which: "all" | "some", body: () => void): void {
  const runs = (name: string) => hostKernelRuns().get(name) ?? 0;
  const names = ["gemm", "convForward", "convBackwardInput", "convBackwardWeight"];
  const before = names.map(runs);
  try {
    for (const [i, kind] of kinds.entries()) {
      for (const wanted of [1, 64]) {
        if (which === "some" && !(i === 1 && wanted === 1) && !(i === kinds.length - 1 && wanted === 64)) continue;
        Object.assign(chosen, { kind, wanted });
        body();
      }
    }
  } finally {
    Object.assign(chosen, { kind: null, wanted: null });
  }
  assert.deepEqual(names.map(runs), before, "something ran on the host");
}

function close(actual: torch.Tensor, expected: torch.Tensor, what: string, tolerance = 1e-5): void {
  assert.equal(actual.device.type, "webgpu");
  assert.deepEqual(actual.shape, expected.shape);
  const scale = Math.max(1, Number(expected.abs().max().item()));
  const difference = Number(actual.cpu().sub(expected).abs().max().item());
  assert.ok(difference <= tolerance * scale, `${what}: ${difference} off, of ${scale}`);
}

test("products of matrices, of strided and broadcast ones too", () => {
  torch.manualSeed(1);
  const cases: [string, torch.Tensor, torch.Tensor][] = [
    ["square", torch.randn(33, 40), torch.randn(40, 37)],
    ["transposed", torch.randn(40, 33).t(), torch.randn(37, 40).t()],
    ["long k", torch.randn(5, 900), torch.randn(900, 7)],
    ["one row", torch.randn(1, 70), torch.randn(70, 9)],
    ["batches", torch.randn(3, 9, 20), torch.randn(3, 20, 11)],
    ["broadcast batch", torch.randn(2, 3, 9, 20), torch.randn(3, 20, 11)],
    ["heads", torch.randn(2, 6, 3, 8).transpose(1, 2), torch.randn(2, 6, 3, 8).permute(0, 2, 3, 1)],
    ["every second", torch.randn(20, 30).at("::2", "::3"), torch.randn(10, 16).at(":", "::2")],
  ];
  const expected = cases.map(([, a, b]) => a.matmul(b));
  const onDevice = cases.map(([, a, b]) => [a.to("webgpu"), b.to("webgpu")] as const);
  withKernels("all", () => {
    for (const [i, [a, b]] of onDevice.entries()) close(a.matmul(b), expected[i]!, `${cases[i]![0]} ${JSON.stringify(chosen)}`);
  });
});

test("linear layers: bias, alpha and beta", () => {
  torch.manualSeed(2);
  const [x, w, b] = [torch.randn(19, 30), torch.randn(21, 30), torch.randn(21)];
  const expected = [F.linear(x, w, b), torch.addmm(b, x, w.t(), { alpha: 0.5, beta: 2 })];
  const [dx, dw, db] = [x, w, b].map((t) => t.to("webgpu")) as [torch.Tensor, torch.Tensor, torch.Tensor];
  withKernels("some", () => {
    close(F.linear(dx, dw, db), expected[0]!, "linear");
    close(torch.addmm(db, dx, dw.t(), { alpha: 0.5, beta: 2 }), expected[1]!, "addmm");
  });
});

test("half precision is rounded once", () => {
  torch.manualSeed(3);
  for (const dtype of [torch.float16, torch.bfloat16]) {
    const [a, b] = [torch.randn(9, 40).to(dtype), torch.randn(40, 8).to(dtype)];
    const expected = a.to(torch.float32).matmul(b.to(torch.float32)).to(dtype).to(torch.float32);
    const [da, db] = [a.to("webgpu"), b.to("webgpu")];
    withKernels("some", () =>
      close(da.matmul(db).to(torch.float32), expected, String(dtype), dtype === torch.float16 ? 1e-3 : 8e-3),
    );
  }
});

test("convolutions and their gradients", () => {
  torch.manualSeed(4);
  const cases = [
    { x: [2, 3, 9, 8], w: [4, 3, 3, 3], options: { padding: 1 } },
    { x: [1, 4, 11, 7], w: [6, 2, 3, 2], options: { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2 } },
    { x: [2, 6, 6, 6], w: [6, 1, 3, 3], options: { padding: 1, groups: 6 } },
    { x: [3, 2, 17], w: [5, 2, 4], options: { stride: 3, padding: 2 } },
    { x: [1, 2, 4, 5, 6], w: [3, 2, 2, 2, 2], options: { padding: 1, stride: [1, 2, 1] } },
  ] as const;
  const conv = [F.conv1d, F.conv2d, F.conv3d] as const;
  for (const { x, w, options } of cases) {
    const run = (device: string, [a, b, c]: readonly torch.Tensor[]) => {
      const [p, q, r] = [a!, b!, c!].map((t) => t.to(device).detach().requiresGrad_()) as torch.Tensor[];
      const y = conv[x.length - 3]!(p!, q!, { bias: r!, ...options } as never);
      y.mul(y).sum().backward();
      return [y.detach(), p!.grad!, q!.grad!, r!.grad!];
    };
    const inputs = [torch.randn([...x]), torch.randn([...w]), torch.randn(w[0])];
    const expected = run("cpu", inputs);
    withKernels("some", () => {
      const actual = run("webgpu", inputs);
      for (const [i, name] of ["result", "gradient of x", "of the weight", "of the bias"].entries())
        close(actual[i]!, expected[i]!, `${name} of ${JSON.stringify({ x, w, options, chosen })}`);
    });
  }
});
