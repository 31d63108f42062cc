import "./onWasm.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { allocate, release } from "../../src/backends/cpu/memory.ts";
import { wasm } from "../../src/backends/cpu/target.ts";
import { cutColumns, WasmGemm } from "../../src/backends/cpu/wasm/gemm.ts";
import { emitProducts, ProductCodes } from "../../src/backends/cpu/wasm/productCode.ts";
import { testGemm } from "../cpu/gemmCases.ts";
import { canaries } from "../cpu/guarded.ts";

testGemm("wasm", new WasmGemm(new ProductCodes(wasm!, emitProducts)), canaries(allocate, release), 0.5);

test("columns are cut into panels that cover them once", () => {
  for (const most of [1, 3, 4, 6, 8]) {
    for (let vectors = 1; vectors < 40; vectors++) {
      const { panels, panelVectors, fullPanels, tailVectors } = cutColumns(vectors, most);
      assert.ok(panelVectors <= most && tailVectors <= most && fullPanels <= panels);
      assert.equal(fullPanels * panelVectors + (panels - fullPanels) * tailVectors, vectors);
    }
  }
});
