import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { DeviceError, DeviceLostError, OutOfMemoryError } from "../../src/core/errors.ts";
import { classBytes } from "../../src/backends/webgpu/commandQueue.ts";
import { webgpuQueue } from "../../src/backends/webgpu/device.ts";

/** y = scale * x + shift. */
const affine = `
struct Arguments { n: u32, scale: f32, shift: f32, unused: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> args: Arguments;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < args.n) { y[id.x] = args.scale * x[id.x] + args.shift; }
}`;
const addInPlace = `
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { y[id.x] += 1.0; }`;

function affineArguments(n: number, scale: number, shift: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new Uint32Array(bytes.buffer)[0] = n;
  new Float32Array(bytes.buffer).set([scale, shift], 1);
  return bytes;
}

const bytesOf = (values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const floats = (bytes: Uint8Array): number[] => [...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)];

test("a kernel runs on uploaded data, and commands run in their order", () => {
  const queue = webgpuQueue();
  const x = queue.createBuffer(16);
  const y = queue.createBuffer(16);
  const pipeline = queue.pipeline("affine", () => affine, ["read", "read_write"], 16);
  queue.write(x, 0, bytesOf([1, 2, 3, 4]));
  queue.dispatch(pipeline, [x, y], affineArguments(4, 2, 1), 1, 1, 1);
  queue.dispatch(pipeline, [y, x], affineArguments(3, 10, 0), 1, 1, 1); // x[3] stays
  queue.write(y, 4, bytesOf([-1]));
  queue.copy(y, 4, x, 8, 4);
  assert.deepEqual(floats(queue.read(x, 0, 16)), [30, 50, -1, 4]);
  assert.deepEqual(floats(queue.read(y, 0, 16)), [3, -1, 7, 9]);
  queue.destroyBuffer(x);
  queue.destroyBuffer(y);
});

test("many dispatches share a submission, a pipeline is compiled once, a bind group made once", () => {
  const queue = webgpuQueue();
  const x = queue.createBuffer(256);
  queue.write(x, 0, new Uint8Array(256));
  queue.synchronize();
  const before = queue.counters();
  for (let k = 0; k < 1000; k++) {
    const pipeline = queue.pipeline("add in place", () => addInPlace, ["read_write"], 0);
    queue.dispatch(pipeline, [x], new Uint8Array(0), 1, 1, 1);
  }
  assert.equal(floats(queue.read(x, 0, 256))[63], 1000);
  const after = queue.counters();
  assert.equal(after.dispatches - before.dispatches, 1000);
  assert.equal(after.pipelines - before.pipelines, 1);
  assert.equal(after.bindGroups - before.bindGroups, 1);
  assert.equal(after.readBacks - before.readBacks, 1);
  assert.ok(after.submits - before.submits <= 12, `${after.submits - before.submits} submissions`);
  queue.destroyBuffer(x);
});

test("reading asynchronously and synchronously mix, and large data crosses in pieces", async () => {
  const queue = webgpuQueue();
  const n = 3 << 20; // 12 MiB
  const x = queue.createBuffer(n * 4);
  const data = Float32Array.from({ length: n }, (_, k) => k);
  queue.write(x, 0, new Uint8Array(data.buffer));
  const first = queue.readAsync(x, 0, n * 4);
  const second = queue.readAsync(x, 400, 8);
  assert.deepEqual(floats(queue.read(x, 4 * (n - 1), 4)), [n - 1]);
  assert.deepEqual(Buffer.compare(Buffer.from(await first), Buffer.from(data.buffer)), 0);
  assert.deepEqual(floats(await second), [100, 101]);
  await queue.synchronizeAsync();
  queue.destroyBuffer(x);
});

test("buffers that were given back serve the next request of their class", () => {
  const queue = webgpuQueue();
  const before = queue.counters().buffers;
  const inUse = queue.memory.inUse;
  const ids = new Set<number>();
  for (let k = 0; k < 100; k++) {
    const id = queue.createBuffer(77_777);
    ids.add(id);
    queue.destroyBuffer(id);
  }
  assert.equal(ids.size, 1);
  assert.equal(queue.counters().buffers - before, 1);
  assert.equal(queue.memory.inUse, inUse);
  assert.throws(() => queue.destroyBuffer([...ids][0]!), /given back before/);
  for (const n of [1, 256, 257, 1000, 77_777, 1e6, 123_456_789]) {
    const size = classBytes(n);
    assert.ok(size >= n && size % 4 === 0 && (n <= 256 || size < n * 1.125 + 256), `${n} -> ${size}`);
  }
  queue.emptyCache();
  assert.equal(queue.memory.cached, 0);
});

test("pipelines compile while later commands wait for them in order", async () => {
  const queue = webgpuQueue();
  const x = queue.createBuffer(256);
  queue.write(x, 0, new Uint8Array(256));
  for (let k = 1; k <= 8; k++) {
    const pipeline = queue.pipeline(
      `times ${k}`,
      () => addInPlace.replace("+= 1.0", `= y[id.x] * ${k}.0 + 1.0`),
      ["read_write"],
      0,
    );
    queue.dispatch(pipeline, [x], new Uint8Array(0), 1, 1, 1);
  }
  await queue.warmUp();
  let expected = 0;
  for (let k = 1; k <= 8; k++) expected = expected * k + 1;
  assert.equal(floats(queue.read(x, 0, 4))[0], expected);
  queue.destroyBuffer(x);
});

test("a buffer beyond the device's limit is refused with the sizes", () => {
  const queue = webgpuQueue();
  const size = queue.limits.maxStorageBufferBindingSize + 4;
  assert.throws(
    () => queue.createBuffer(size),
    (error: unknown) => error instanceof OutOfMemoryError && error.message.includes(String(size)),
  );
});

test("a kernel that does not compile is named at the next read, and the device goes on", () => {
  const queue = webgpuQueue();
  const x = queue.createBuffer(16);
  const broken = queue.pipeline("broken", () => "@compute @workgroup_size(1) fn main() { let a: f32 = 1i; }", ["read_write"], 0);
  assert.throws(
    () => {
      queue.dispatch(broken, [x], new Uint8Array(0), 1, 1, 1);
      queue.synchronize();
    },
    (error: unknown) => error instanceof DeviceError && /broken does not compile: 1:\d+ .*f32/.test(error.message),
  );
  queue.write(x, 0, bytesOf([5]));
  assert.deepEqual(floats(queue.read(x, 0, 4)), [5]);
  queue.destroyBuffer(x);
});

test("a command that the device refuses is reported once", () => {
  const queue = webgpuQueue();
  const x = queue.createBuffer(256);
  assert.throws(() => {
    queue.copy(x, 0, x, 128, 1 << 20);
    queue.synchronize();
  }, /refused a command/);
  queue.synchronize();
  queue.destroyBuffer(x);
});

test("after a loss everything throws DeviceLostError, and the next use opens a new device", () => {
  const queue = webgpuQueue();
  const x = queue.createBuffer(16);
  queue.write(x, 0, bytesOf([1]));
  queue.destroy();
  const lost = (error: unknown): boolean => error instanceof DeviceLostError && error.message.includes("lost");
  assert.throws(() => queue.read(x, 0, 4), lost);
  assert.throws(() => queue.createBuffer(4), lost);
  const next = webgpuQueue();
  assert.notEqual(next, queue);
  const y = next.createBuffer(16);
  next.write(y, 0, bytesOf([2]));
  assert.deepEqual(floats(next.read(y, 0, 4)), [2]);
});

test("a process may end while the device works and compiles: at the end of its script, by exit, by an error", () => {
  const library = new URL("../../src/index.js", import.meta.url).href;
  const work = `import torch from ${JSON.stringify(library)};
const x = torch.ones(64, 64, { device: "webgpu" });
let y = x;
for (let k = 0; k < 40; k++) y = y.matmul(x).mul(0.01).sub(1);`;
  for (const [end, status] of [
    ["", 0],
    ["process.exit(3);", 3],
    ["throw new Error('stop');", 1],
  ] as const) {
    const child = spawnSync(process.execPath, ["--input-type=module", "-e", `${work}\n${end}`], { encoding: "utf8" });
    assert.equal(child.signal, null, child.stderr);
    assert.equal(child.status, status, child.stderr);
  }
});
