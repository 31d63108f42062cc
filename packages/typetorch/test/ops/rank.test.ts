import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";

/** Rows long and many enough for kernels; with ties, both zeros, infinities and NaN in some of them. */
function cases(dtype: torch.DType): torch.Tensor[] {
  torch.manualSeed(5);
  const plain = torch.randn(70, 131);
  const ties = torch.randint(-3, 4, [70, 131]).float();
  const special = plain.clone();
  special.select(1, 7).fill_(Infinity);
  special.select(1, 9).fill_(-Infinity);
  special.select(0, 3).narrow(0, 10, 3).fill_(Number.NaN);
  special.select(0, 5).narrow(0, 20, 2).fill_(-0);
  special.select(0, 5).narrow(0, 40, 2).fill_(0);
  const all = dtype.isFloatingPoint ? [plain, ties, special] : [plain.mul(1000), ties];
  return all.map((x) => x.to(dtype));
}
const dtypes = [torch.float32, torch.bfloat16, torch.int16, torch.uint8, torch.int64, torch.float64];
const same = (a: torch.Tensor, b: torch.Tensor): boolean =>
  torch.allclose(a.double(), b.double(), { rtol: 0, atol: 0, equalNan: true });

test("topk gives what sorting gives, in rows, columns, and either order", () => {
  for (const dtype of dtypes) {
    for (const x of cases(dtype)) {
      for (const [dim, largest, k] of [
        [1, true, 5],
        [1, false, 64],
        [0, true, 1],
        [1, true, 131],
      ] as const) {
        const { values, indices } = x.topk(k, dim, largest);
        const sorted = x.sort(dim, largest).values.narrow(dim, 0, k);
        assert.ok(same(values, sorted), `${dtype} ${k}`);
        assert.ok(same(x.gather(dim, indices), values), `${dtype} ${k}`);
      }
    }
  }
});

test("topk of rows without equal elements gives the positions of sorting", () => {
  const x = torch
    .stack(Array.from({ length: 80 }, (_, k) => torch.randperm(100, { generator: new torch.Generator().manualSeed(k) })))
    .float();
  assert.ok(torch.equal(x.topk(10).indices, x.sort(1, true).indices.narrow(1, 0, 10)));
});

test("kthvalue and median give an element of that rank", () => {
  for (const dtype of dtypes) {
    for (const x of cases(dtype)) {
      const sorted = x.sort(1).values;
      for (const k of [1, 66, 131]) {
        const { values, indices } = x.kthvalue(k, 1);
        assert.ok(same(values, sorted.select(1, k - 1)), `${dtype} ${k}`);
        assert.ok(same(x.gather(1, indices.unsqueeze(1)).squeeze(1), values));
      }
      const nan = x.ne(x).any(1);
      const middle = sorted.select(1, 65).double();
      const { values, indices } = x.median(1);
      assert.ok(same(values.double(), middle.where(nan.logicalNot(), Number.NaN)), `${dtype}`);
      assert.ok(same(x.gather(1, indices.unsqueeze(1)).squeeze(1), values));
    }
  }
  const long = torch.randn(100001);
  assert.equal(long.median().item(), long.sort().values.at(50000).item());
});

test("searchsorted and isin find what a search one by one finds", () => {
  torch.manualSeed(6);
  const row = torch.randint(0, 50, [333]).sort().values;
  const values = torch.randint(-3, 55, [20, 31]);
  for (const dtype of [torch.int64, torch.float32, torch.float64, torch.int16, torch.bfloat16]) {
    for (const right of [false, true]) {
      const places = torch.searchsorted(row.to(dtype), values.to(dtype), { right });
      const column = values.unsqueeze(2);
      const expected = (right ? row.le(column) : row.lt(column)).sum(2);
      assert.ok(torch.equal(places, expected), `${dtype} ${right}`);
    }
    assert.ok(torch.equal(torch.isin(values.to(dtype), row.to(dtype)), row.eq(values.unsqueeze(2)).any(2)));
  }
  const nan = torch.tensor([1, 2, Number.NaN]);
  assert.deepEqual(torch.searchsorted(nan, nan).toArray(), [0, 1, 3]);
  assert.deepEqual(torch.isin(nan, nan).toArray(), [true, true, false]);
  const rows = torch.randn(4, 9);
  const { values: sorted, indices: sorter } = rows.sort(1);
  const wanted = torch.randn(4, 40);
  assert.ok(torch.equal(torch.searchsorted(rows, wanted, { sorter }), torch.searchsorted(sorted, wanted)));
  assert.deepEqual(torch.searchsorted(torch.zeros(0), torch.tensor([1, 2])).toArray(), [0, 0]);
});
