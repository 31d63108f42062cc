import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/index.ts";

test("flip and roll of long rows", () => {
  const n = 1003;
  const x = torch.arange(3 * n, { dtype: torch.float32 }).view(3, n);
  const flipped = x.flip([1]);
  const rolled = x.roll([5, 1], [1, 0]);
  for (const i of [0, 1, 500, n - 1]) {
    assert.equal(flipped.at(1, i).item(), x.at(1, n - 1 - i).item());
    assert.equal(rolled.at(1, (i + 5) % n).item(), x.at(0, i).item());
  }
  assert.ok(x.t().flip(0, 1).flip([0, 1]).eq(x.t()).all().item());
});

test("repeats and their gradients", () => {
  const x = torch.tensor([1, 2], { requiresGrad: true });
  x.repeat(2, 3).sum().backward();
  assert.deepEqual(x.grad!.toArray(), [6, 6]);
  assert.deepEqual(
    x
      .detach()
      .repeatInterleave(torch.tensor([2n, 0n]))
      .toArray(),
    [1, 1],
  );
  assert.deepEqual(x.repeat(0, 2).shape, [0, 4]);
  assert.throws(() => x.repeat(-1), /Trying to create tensor with negative dimension -2: \[-2\]/);
});

test("triangles of batches, in place and odd widths", () => {
  const x = torch.ones(2, 37, 41);
  assert.equal(x.tril(-1).sum().item(), 2 * ((36 * 37) / 2));
  assert.equal(x.transpose(1, 2).triu(2).sum().item(), 2 * ((35 * 36) / 2));
  x.tril_();
  assert.equal(x.sum().item(), 2 * ((37 * 38) / 2));
});

test("channels last", () => {
  const x = torch.arange(24, { dtype: torch.float32 }).view(1, 2, 3, 4);
  const y = x.contiguous({ memoryFormat: torch.channelsLast });
  assert.deepEqual(y.stride(), [24, 1, 8, 2]);
  assert.ok(y.eq(x).all().item());
  assert.equal(y.contiguous({ memoryFormat: torch.channelsLast }), y);
  assert.throws(() => x.view(24).contiguous({ memoryFormat: torch.channelsLast }), /required rank 4 tensor/);
});
