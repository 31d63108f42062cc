/**
 * Runs kernels on memory that ends at (or begins behind) a page that must not be touched, or, in WebAssembly, whose neighbouring bytes must stay as they are; the
 * last line printed names the kernel that strayed.
 */
import type { Operand } from "../../src/backends/backend.ts";
import { createCpuBackend, target } from "../../src/backends/cpu/index.ts";
import { allocate, release } from "../../src/backends/cpu/memory.ts";
import { type DType, dtypeOfKey, type DTypeKey } from "../../src/core/dtype.ts";
import { cpu, Storage } from "../../src/core/storage.ts";
import { accumulator, computeType, input } from "../../src/ir/expr.ts";
import type { MapSpec, RowSpec } from "../../src/ir/spec.ts";
import { openNative } from "../../src/platform/index.ts";

const native = openNative();
if (target === "js" || (target !== "wasm" && native === null)) throw new Error("there are no compiled kernels to test");
const backend = createCpuBackend();
const margin = 192;

let frees: (() => void)[] = [];

/** An operand whose last element touches the forbidden page, or whose first one does. */
function guarded(dtype: DType, shape: readonly number[], strides: readonly number[], at: "end" | "start"): Operand {
  let last = 0;
  shape.forEach((n, d) => (last += Math.max(0, n - 1) * strides[d]!));
  const nbytes = (last + 1) * dtype.itemsize;
  const storage = target === "wasm" ? fenced(nbytes) : atPage(nbytes, at);
  return { storage, storageOffset: 0, shape, strides, dtype };
}

function atPage(nbytes: number, at: "end" | "start"): Storage {
  const memory = native!.guardedBuffer(nbytes, { at });
  frees.push(() => memory.free());
  return new Storage(cpu, "external", memory.buffer, memory.byteOffset, nbytes, memory.address);
}

function fenced(nbytes: number): Storage {
  const whole = allocate(nbytes + 2 * margin);
  const offset = whole.byteOffset + margin;
  const fences = [-margin, nbytes].map((d) => new Uint8Array(whole.buffer, offset + d, margin).fill(0xa5));
  frees.push(() => {
    if (fences.some((bytes) => bytes.some((b) => b !== 0xa5))) throw new Error("bytes beside the memory were changed");
    release(whole);
  });
  return new Storage(cpu, "wasm", whole.buffer, offset, nbytes, whole.address + margin);
}

let runs = 0;
function check(name: string, body: () => void): void {
  process.stdout.write(`${name}\n`);
  body();
  runs++;
  for (const free of frees) free();
  frees = [];
}

const keys: DTypeKey[] = ["f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "bool"];
for (const at of ["end", "start"] as const) {
  for (const key of keys) {
    const dtype = dtypeOfKey[key];
    const type = computeType(dtype);
    const x = input(0, type);
    const value = type === "bool" ? x.xor(input(1, type)) : x.add(input(1, type));
    const add: MapSpec = {
      kind: "map",
      name: "add",
      inputs: [dtype, dtype],
      outputs: [{ dtype, value }],
      params: 0,
      compiled: null,
    };
    const copy: MapSpec = {
      kind: "map",
      name: "copy",
      inputs: [dtype],
      outputs: [{ dtype, value: x }],
      params: 0,
      compiled: null,
    };
    const toFloat: MapSpec = {
      kind: "map",
      name: "cast",
      inputs: [dtype],
      outputs: [{ dtype: dtypeOfKey.f32, value: x.cast("f32") }],
      params: 0,
      compiled: null,
    };
    for (const n of [1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 65, 100, 127, 129]) {
      const note = `${at} ${key} ${n}`;
      check(`add ${note}`, () =>
        backend.map(add, [n], [guarded(dtype, [n], [1], at), guarded(dtype, [n], [1], at)], [guarded(dtype, [n], [1], at)], []),
      );
      check(`add strided ${note}`, () =>
        backend.map(
          add,
          [3, n],
          [guarded(dtype, [3, n], [3 * n + 1, 3], at), guarded(dtype, [3, n], [0, 1], at)],
          [guarded(dtype, [3, n], [2 * n, 2], at)],
          [],
        ),
      );
      check(`cast ${note}`, () =>
        backend.map(toFloat, [n], [guarded(dtype, [n], [1], at)], [guarded(dtypeOfKey.f32, [n], [1], at)], []),
      );
      check(`transposed ${note}`, () =>
        backend.map(copy, [37, n], [guarded(dtype, [37, n], [n, 1], at)], [guarded(dtype, [37, n], [1, 37], at)], []),
      );
      if (type === "bool") continue;
      const reduce: RowSpec = {
        kind: "row",
        name: "sum and argmax",
        inputs: [{ dtype, along: "element" }],
        passes: [
          [
            { op: "add", value: x, type },
            { op: "argmax", value: x, type: "i64" },
          ],
        ],
        outputs: [
          { dtype, along: "row", value: accumulator(0, type) },
          { dtype: dtypeOfKey.i64, along: "row", value: accumulator(1, "i64") },
          { dtype, along: "element", value: x.sub(accumulator(0, type)) },
        ],
        params: 0,
        compiled: null,
      };
      check(`row of columns ${note}`, () =>
        backend.row(
          reduce,
          [5, n],
          [1],
          [guarded(dtype, [5, n], [n, 1], at)],
          [guarded(dtype, [5, 1], [1, 1], at), guarded(dtypeOfKey.i64, [5, 1], [1, 1], at), guarded(dtype, [5, n], [n, 1], at)],
          [],
        ),
      );
      check(`row of rows ${note}`, () =>
        backend.row(
          reduce,
          [5, n],
          [0],
          [guarded(dtype, [5, n], [n, 1], at)],
          [guarded(dtype, [1, n], [n, 1], at), guarded(dtypeOfKey.i64, [1, n], [n, 1], at), guarded(dtype, [5, n], [n, 1], at)],
          [],
        ),
      );
    }
  }
}
process.stdout.write(`all ${runs} stayed inside\n`);
