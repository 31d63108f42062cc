import assert from "node:assert/strict";
import { test } from "node:test";
import { fillBernoulli, fillBernoulliEach, fillExponential } from "../../src/core/random/distributions.ts";
import { Generator } from "../../src/core/random/generator.ts";
import { fillRandomFromTo, fillRandperm } from "../../src/core/random/integers.ts";
import { fillNormal } from "../../src/core/random/normal.ts";
import { fillUniform } from "../../src/core/random/uniform.ts";
import type { TypedArray } from "../../src/core/dtype.ts";
import * as torch from "../../src/index.ts";

/** What JavaScript draws value by value, the kernels draw in bulk. Sizes around the least for kernels, around blocks of 624, and beyond one part of 122304 words. */
const sizes = [1024, 1248, 5003, 122304, 130007];
const probabilities = torch.rand(130007);

const fills: readonly {
  readonly name: string;
  readonly dtypes: readonly torch.DType[];
  kernel(x: torch.Tensor, generator: Generator): unknown;
  plain(array: TypedArray, dtype: torch.DType, generator: Generator): void;
}[] = [
  {
    name: "uniform_ from 0",
    dtypes: [torch.float32, torch.float64],
    kernel: (x, generator) => x.uniform_(0, 3, { generator }),
    plain: (array, dtype, generator) => fillUniform(array, dtype, 0, 3, generator),
  },
  {
    name: "uniform_",
    dtypes: [torch.float32, torch.float64, torch.bfloat16],
    kernel: (x, generator) => x.uniform_(-0.7, 1.9, { generator }),
    plain: (array, dtype, generator) => fillUniform(array, dtype, -0.7, 1.9, generator),
  },
  {
    name: "normal_",
    dtypes: [torch.float32],
    kernel: (x, generator) => x.normal_(0.3, 1.7, { generator }),
    plain: (array, dtype, generator) => fillNormal(array, dtype, 0.3, 1.7, generator),
  },
  {
    name: "standard normal",
    dtypes: [torch.float32],
    kernel: (x, generator) => x.normal_(0, 1, { generator }),
    plain: (array, dtype, generator) => fillNormal(array, dtype, 0, 1, generator),
  },
  {
    name: "bernoulli_",
    dtypes: [torch.float32, torch.bool, torch.int64, torch.uint8],
    kernel: (x, generator) => x.bernoulli_(0.3, { generator }),
    plain: (array, dtype, generator) => fillBernoulli(array, dtype, 0.3, generator),
  },
  {
    name: "bernoulli_ of a tensor",
    dtypes: [torch.float32, torch.bool],
    kernel: (x, generator) => x.bernoulli_(probabilities.narrow(0, 0, x.numel()), { generator }),
    plain: (array, dtype, generator) =>
      fillBernoulliEach(array, dtype, probabilities.data.subarray(0, array.length), torch.float32, generator),
  },
  {
    name: "random_",
    dtypes: [torch.int64, torch.int32, torch.int8, torch.uint8, torch.float32, torch.float64, torch.bool],
    kernel: (x, generator) => x.random_(0, x.dtype === torch.bool ? 2 : 101, { generator }),
    plain: (array, dtype, generator) => fillRandomFromTo(array, dtype, 0, dtype === torch.bool ? 2 : 101, generator),
  },
  {
    name: "random_ of a wide range",
    dtypes: [torch.int64, torch.float64],
    kernel: (x, generator) => x.random_(-(2 ** 40), -(2 ** 40) + 0xfffffff1, { generator }),
    plain: (array, dtype, generator) => fillRandomFromTo(array, dtype, -(2 ** 40), -(2 ** 40) + 0xfffffff1, generator),
  },
];

for (const { name, dtypes, kernel, plain } of fills) {
  test(`${name} draws in bulk what it draws one by one, and leaves the generator there`, () => {
    for (const dtype of dtypes) {
      for (const size of sizes) {
        const [ours, theirs] = [new Generator().manualSeed(size), new Generator().manualSeed(size)];
        if (size % 2 === 1) for (const generator of [ours, theirs]) generator.random();
        const x = torch.empty(size, { dtype });
        kernel(x, ours);
        const expected = torch.empty(size, { dtype });
        plain(expected.data, dtype, theirs);
        assert.ok(torch.equal(x, expected), `${dtype} ${size}`);
        assert.deepEqual(ours.getState(), theirs.getState(), `${dtype} ${size}`);
      }
    }
  });
}

test("exponential_ in bulk is that of one by one to a rounding", () => {
  const [ours, theirs] = [new Generator().manualSeed(5), new Generator().manualSeed(5)];
  const x = torch.empty(130007).exponential_(1.5, { generator: ours });
  const expected = torch.empty(130007);
  fillExponential(expected.data, torch.float32, 1.5, theirs);
  assert.ok(torch.allclose(x, expected, 2 ** -23, 0));
  assert.deepEqual(ours.getState(), theirs.getState());
});

test("randperm in bulk is that of one by one", () => {
  for (const size of sizes) {
    for (const dtype of [torch.int64, torch.float32]) {
      const [ours, theirs] = [new Generator().manualSeed(7), new Generator().manualSeed(7)];
      const x = torch.randperm(size, { dtype, generator: ours });
      const expected = torch.empty(size, { dtype });
      fillRandperm(expected.data, dtype, theirs);
      assert.ok(torch.equal(x, expected), `${dtype} ${size}`);
      assert.deepEqual(ours.getState(), theirs.getState());
    }
  }
});

test("a probability outside of [0, 1] is refused by both", () => {
  const p = torch.rand(2000);
  p.setAt([1500], 1.5);
  assert.throws(() => torch.bernoulli(p), /Expected p_in >= 0 && p_in <= 1 to be true, but got false/);
  assert.throws(() => torch.empty(2000).bernoulli_(-0.1), /bernoulli_ expects p to be in \[0, 1\], but got p=-0\.1/);
});

test("dropout of many elements draws the mask of the few", () => {
  torch.manualSeed(1);
  const mask = torch.nn.functional.dropout(torch.ones(5000), 0.25);
  const generator = new Generator().manualSeed(1);
  const expected = torch.empty(5000, { dtype: torch.bool });
  fillBernoulli(expected.data, torch.bool, 0.75, generator);
  assert.ok(torch.equal(mask.ne(0), expected));
});
