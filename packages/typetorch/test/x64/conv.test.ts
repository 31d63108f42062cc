import { Conv } from "../../src/backends/cpu/x64/conv.ts";
import { openNative } from "../../src/platform/index.ts";
import { testConv } from "../cpu/convCases.ts";
import { guardPages } from "../cpu/guarded.ts";

const native = openNative();
const levels = native?.features.avx512 ? [false, true] : native?.features.avx2 ? [false] : [];

for (const avx512 of levels) testConv(avx512 ? "avx512" : "avx2", new Conv(native!, { avx512 }), guardPages(native!));
