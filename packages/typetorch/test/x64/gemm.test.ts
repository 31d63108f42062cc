import assert from "node:assert/strict";
import { test } from "node:test";
import type { Operand } from "../../src/backends/backend.ts";
import { Gemm } from "../../src/backends/cpu/x64/gemm.ts";
import { int32 } from "../../src/core/dtype.ts";
import { cpu, Storage } from "../../src/core/storage.ts";
import { openNative } from "../../src/platform/index.ts";
import { testGemm } from "../cpu/gemmCases.ts";
import { guardPages } from "../cpu/guarded.ts";

const native = openNative();
const levels = native?.features.avx512 ? [false, true] : native?.features.avx2 ? [false] : [];

for (const avx512 of levels) testGemm(avx512 ? "avx512" : "avx2", new Gemm(native!, { avx512 }), guardPages(native!));

test("other types are refused with nothing done", { skip: native === null }, () => {
  const storage = new Storage(cpu, "buffer", new ArrayBuffer(64), 0, 64, 0);
  const operand: Operand = { storage, storageOffset: 0, shape: [2, 2], strides: [2, 1], dtype: int32 };
  const args = { a: operand, b: operand, out: operand, alpha: 1, beta: 0, bias: null, activation: "none" } as const;
  assert.equal(new Gemm(native!).run(args), false);
});
