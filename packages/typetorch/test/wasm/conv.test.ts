import "./onWasm.ts";
import { allocate, release } from "../../src/backends/cpu/memory.ts";
import { wasm } from "../../src/backends/cpu/target.ts";
import { WasmConv } from "../../src/backends/cpu/wasm/conv.ts";
import { emitConvolutions } from "../../src/backends/cpu/wasm/convCode.ts";
import { ProductCodes } from "../../src/backends/cpu/wasm/productCode.ts";
import { testConv } from "../cpu/convCases.ts";
import { canaries } from "../cpu/guarded.ts";

testConv("wasm", new WasmConv(new ProductCodes(wasm!, emitConvolutions)), canaries(allocate, release), 0.5);
