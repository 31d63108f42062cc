/**
 * What is chosen where something is missing: a processor without machine code, an engine without WebAssembly, one that refuses to compile or to give memory.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

const library = JSON.stringify(new URL("../../src/index.js", import.meta.url).href);

/** Prints the target, the threads, whether the memory is shared, and a sum that large enough kernels computed. */
function run(before: string, after = ""): string {
  const { NODE_TEST_CONTEXT: _, TYPETORCH_TARGET: __, ...env } = process.env;
  const script = `
    import module from "node:module";
    Object.defineProperty(process, "arch", { value: "riscv64" });
    module.syncBuiltinESMExports();
    ${before}
    const { default: torch } = await import(${library});
    const x = torch.ones(300000).mul(3).sqrt().square();
    const shared = x.data.buffer instanceof SharedArrayBuffer;
    console.log(torch.backends.cpu.target, torch.getNumThreads() > 1, shared, Math.round(x.sum().item()));
    ${after}`;
  return execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...env, OMP_NUM_THREADS: "2" },
    encoding: "utf8",
  }).trim();
}

test("a processor without machine code runs WebAssembly, on threads that share the memory", () => {
  assert.equal(run(""), "wasm true true 900000");
});

test("JavaScript is the last resort: no WebAssembly, or a policy that forbids to compile it", () => {
  assert.equal(run("delete globalThis.WebAssembly;"), "js true false 900000");
  assert.equal(
    run("WebAssembly.Module = class { constructor() { throw new WebAssembly.CompileError('forbidden'); } };"),
    "js true false 900000",
  );
});

test("without shared memory there is one thread, and a memory of full size from the beginning", () => {
  const unshared = `
    const Memory = WebAssembly.Memory;
    WebAssembly.Memory = class { constructor(d) { if (d.shared) throw new RangeError("no shared memory"); return new Memory(d); } };`;
  assert.equal(run(unshared), "wasm false false 900000");
});

test("a smaller memory is taken where the engine gives no larger one, and its end is an error", () => {
  const small = `
    const Memory = WebAssembly.Memory;
    WebAssembly.Memory = class { constructor(d) { if (d.maximum > 1024) throw new RangeError("too large"); return new Memory(d); } };`;
  const after = `
    for (let i = 0; i < 200; i++) x.add(i); // 230 MB
    try { torch.zeros(1 << 25); } catch (error) { console.log(error.name); }
    console.log(x.add(1).max().item());`;
  assert.deepEqual(run(small, after).split("\n"), ["wasm true true 900000", "OutOfMemoryError", "4"]);
});
