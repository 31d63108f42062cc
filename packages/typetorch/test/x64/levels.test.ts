import assert from "node:assert/strict";
import { test } from "node:test";
import { nativeLevels } from "../cpu/install.ts";

test("some level was tested, where this is an x86-64 processor with AVX2", { skip: process.arch !== "x64" }, () => {
  assert.ok(nativeLevels.length > 0);
});
