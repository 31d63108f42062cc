import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import * as browser from "../../src/platform/browser.ts";
import * as platform from "../../src/platform/index.ts";
import { openNative as openNativeLayer } from "../../src/platform/native.ts";
import * as node from "../../src/platform/node.ts";
import type { Platform } from "../../src/platform/types.ts";

// out[0] = in[0] + in[1], doubles: movsd xmm0, [rdi + 8]; addsd xmm0, [rdi + 16]; movsd [rdi + 24], xmm0; ret
const addCode = Uint8Array.of(
  ...[0xf2, 0x0f, 0x10, 0x47, 0x08],
  ...[0xf2, 0x0f, 0x58, 0x47, 0x10],
  ...[0xf2, 0x0f, 0x11, 0x47, 0x18],
  ...[0xc3],
);

/** Where there must be a native layer; elsewhere there is nothing to test. */
const expected = process.arch === "x64" && (process.platform === "linux" || process.platform === "darwin");
const nativeTest = expected ? test : test.skip;
/** What reads /proc. */
const linuxTest = process.platform === "linux" ? nativeTest : test.skip;

function opened(): NonNullable<ReturnType<typeof platform.openNative>> {
  const native = platform.openNative();
  assert.ok(native, "no native layer on x86-64");
  return native;
}

test("node and browser export the same names, those of Platform", () => {
  const a: Platform = node;
  const b: Platform = browser;
  assert.deepEqual(Object.keys(a).sort(), Object.keys(b).sort());
  assert.equal(platform.platformName, "node");
});

test("the browser platform has no native layer and refuses files with a cure", () => {
  assert.equal(browser.openNative(), null);
  assert.throws(() => browser.readFile("x.pt"), /fetch/);
});

nativeTest("installed code runs, and its address is a multiple of 64", () => {
  const native = opened();
  const block = new Float64Array(4);
  block[0] = native.installCode(addCode);
  assert.equal(block[0] % 64, 0);
  block[1] = 1.5;
  block[2] = 2;
  native.call(native.addressOf(block.buffer));
  assert.equal(block[3], 3.5);
});

nativeTest("code written over more than one chunk of executable memory runs", () => {
  const native = opened();
  const padded = new Uint8Array(300_000).fill(0x90);
  padded.set(addCode, padded.length - addCode.length);
  const block = new Float64Array(4);
  const address = native.addressOf(block.buffer);
  for (let k = 0; k < 12; k++) {
    block[0] = native.installCode(padded);
    block[1] = k;
    block[2] = 1;
    native.call(address);
    assert.equal(block[3], k + 1);
  }
});

linuxTest("without memfd code runs from one writable mapping", () => {
  const native = openNativeLayer({ memfd: false });
  assert.ok(native);
  const block = new Float64Array(4);
  block[1] = 20;
  block[2] = 22;
  block[0] = native.installCode(addCode);
  native.call(native.addressOf(block.buffer));
  assert.equal(block[3], 42);
  const mapping = readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .find((line) => {
      const [first, last] = line
        .split(" ")[0]!
        .split("-")
        .map((address) => Number.parseInt(address, 16));
      return first! <= block[0]! && block[0]! < last!;
    });
  assert.match(mapping!, / rwxp /);
});

linuxTest("code is never writable where it runs", () => {
  const native = opened();
  const address = native.installCode(addCode);
  for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
    const [range, permissions] = line.split(" ");
    const [first, last] = range!.split("-").map((text) => Number.parseInt(text, 16));
    if (first! <= address && address < last!) {
      assert.equal(permissions, "r-xs");
      return;
    }
  }
  assert.fail("the code is not mapped");
});

nativeTest("without koffi: no native layer, one warning, and memory without addresses", () => {
  const folder = mkdtempSync(join(tmpdir(), "typetorch-platform-"));
  try {
    cpSync(fileURLToPath(new URL("../../../package.json", import.meta.url)), join(folder, "package.json"));
    cpSync(fileURLToPath(new URL("../../src/", import.meta.url)), join(folder, "dist/src"), { recursive: true });
    const script = `
      import { openNative } from ${JSON.stringify(`file://${folder}/dist/src/platform/index.js`)};
      import { allocate, emptyCache, release, typedArrayOf } from ${JSON.stringify(`file://${folder}/dist/src/backends/cpu/memory.js`)};
      import { float32 } from ${JSON.stringify(`file://${folder}/dist/src/core/dtype.js`)};
      const kept = [4, 100, 1e6].map((nbytes) => allocate(nbytes));
      for (const [k, storage] of kept.entries()) typedArrayOf(storage, float32).fill(k);
      console.log(openNative(), kept.map((storage) => [storage.address, typedArrayOf(storage, float32).at(-1)]).join());
      for (const storage of kept) release(storage);
      emptyCache();`;
    const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
      env: { ...process.env, TYPETORCH_TARGET: "js" },
    });
    assert.equal(child.stdout, "null 0,0,0,1,0,2\n", child.stderr);
    assert.equal(
      child.stderr.match(/kernels run as WebAssembly or JavaScript, more slowly: Cannot find module 'koffi'/g)?.length,
      1,
      child.stderr,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** The size of a cache as Linux knows it, or where a virtual machine has no such files, as the C library does. */
function cacheBytes(index: number, name: string): number {
  const file = `/sys/devices/system/cpu/cpu0/cache/index${index}/size`;
  if (existsSync(file)) return Number.parseInt(readFileSync(file, "utf8"), 10) * 1024;
  return Number(spawnSync("getconf", [name], { encoding: "utf8" }).stdout);
}

linuxTest("features agree with /proc/cpuinfo", () => {
  const { features } = opened();
  const flags = new Set(/^flags\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))![1]!.split(" "));
  assert.equal(features.avx2, flags.has("avx2"));
  assert.equal(features.fma, flags.has("fma"));
  assert.equal(features.f16c, flags.has("f16c"));
  assert.equal(
    features.avx512,
    ["avx512f", "avx512bw", "avx512dq", "avx512vl"].every((flag) => flags.has(flag)),
  );
  assert.equal(features.avx512Vnni, flags.has("avx512_vnni"));
  assert.equal(features.avx512Bf16, flags.has("avx512_bf16"));
  assert.equal(features.avx512Fp16, flags.has("avx512_fp16"));
  assert.equal(features.l1d, cacheBytes(0, "LEVEL1_DCACHE_SIZE"));
  assert.equal(features.l2, cacheBytes(2, "LEVEL2_CACHE_SIZE"));
});

nativeTest("addressOf: views of one buffer, shared buffers and code of other threads have one address space", async () => {
  const native = opened();
  const shared = new SharedArrayBuffer(32);
  const block = new Float64Array(shared);
  block[0] = native.installCode(addCode);
  block[1] = 40;
  block[2] = 2;
  const source = `
    import { workerData } from "node:worker_threads";
    const { openNative } = await import(workerData.url);
    openNative().call(workerData.address);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: { url: new URL("../../src/platform/index.js", import.meta.url).href, address: native.addressOf(shared) },
  });
  await new Promise((resolve, reject) => worker.on("exit", resolve).on("error", reject));
  assert.equal(block[3], 42);
});

nativeTest("guarded buffer: the last byte can be written, the next one kills the process", () => {
  const script = (index: string, at: string): string => `
    const { openNative } = await import(${JSON.stringify(new URL("../../src/platform/index.js", import.meta.url).href)});
    const native = openNative();
    const guarded = native.guardedBuffer(1000, { at: "${at}" });
    const block = new Float64Array(2);
    block[0] = native.installCode(Uint8Array.of(0xf2, 0x48, 0x0f, 0x2c, 0x47, 0x08, 0xc6, 0x00, 0x01, 0xc3)); // mov byte [block[1]], 1
    block[1] = guarded.address + (${index});
    native.call(native.addressOf(block.buffer));
    console.log("value", new Uint8Array(guarded.buffer, guarded.byteOffset, 1000)[${index}]);
    guarded.free();`;
  const runs = (index: string, at: string) =>
    spawnSync(process.execPath, ["--input-type=module", "-e", script(index, at)], { encoding: "utf8" });
  for (const [index, at] of [
    ["999", "end"],
    ["0", "start"],
  ] as const) {
    const inside = runs(index, at);
    assert.equal(inside.stdout, "value 1\n", inside.stderr);
    assert.equal(inside.status, 0);
  }
  assert.equal(runs("1000", "end").signal, "SIGSEGV");
  assert.equal(runs("-1", "start").signal, "SIGSEGV");
});

test("hardwareThreads and memoryLimit are sensible", () => {
  const threads = platform.hardwareThreads();
  assert.ok(Number.isInteger(threads) && threads >= 1);
  assert.ok(platform.memoryLimit() > 2 ** 27);
});

test("warn: once for each distinct text", async () => {
  const seen: string[] = [];
  const listener = (warning: Error): void => void (warning.name === "TypeTorchWarning" && seen.push(warning.message));
  process.on("warning", listener);
  platform.warn("platform test warning");
  platform.warn("platform test warning");
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off("warning", listener);
  assert.deepEqual(seen, ["platform test warning"]);
});
