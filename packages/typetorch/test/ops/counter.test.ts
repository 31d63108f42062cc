import assert from "node:assert/strict";
import { test } from "node:test";
import { int32 } from "../../src/core/dtype.ts";
import { input } from "../../src/ir/expr.ts";
import type { MapSpec } from "../../src/ir/spec.ts";
import { philox } from "../../src/ops/random/counter.ts";
import { runtime } from "../../src/ops/runtime.ts";
import * as torch from "../../src/torch.ts";

test("Philox4x32-10 gives the known answers of its authors", () => {
  const words = Array.from({ length: 6 }, (_, k) => input(k, "i32"));
  const spec: MapSpec = {
    kind: "map",
    name: "philox",
    inputs: words.map(() => int32),
    outputs: philox(words.slice(0, 4), words.slice(4)).map((value) => ({ dtype: int32, value })),
    params: 0,
    compiled: null,
  };
  const cases: [number[], string][] = [
    [[0, 0, 0, 0, 0, 0], "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
    [[-1, -1, -1, -1, -1, -1], "408f276d 41c83b0e a20bc7c6 6d5451fd"],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0], "d16cfe09 94fdcceb 5001e420 24126ea1"],
  ];
  for (const [values, expected] of cases) {
    const inputs = values.map((v) => torch.tensor([v | 0], { dtype: int32 }));
    const outputs = Array.from({ length: 4 }, () => torch.zeros([1], { dtype: int32 }));
    runtime.backendOf(inputs[0]!).map(spec, [1], inputs, outputs, []);
    const words = outputs.map((x) => (Number(x.item()) >>> 0).toString(16).padStart(8, "0"));
    assert.equal(words.join(" "), expected);
  }
});
