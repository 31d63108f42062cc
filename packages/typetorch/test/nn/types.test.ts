/**
 * What the compiler knows of modules: arguments and results of `call`. The assertions are the types; running them shows that they are true.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as torch from "../../src/torch.ts";

const { nn } = torch;
type Tensor = torch.Tensor;

test("call takes forward's arguments and gives its result", () => {
  class Distance extends nn.Module<[a: Tensor, b: Tensor], number> {
    override forward(a: Tensor, b: Tensor): number {
      return a.sub(b).abs().sum().item();
    }
  }
  const d: number = new Distance().call(torch.ones(2), torch.zeros(2));
  assert.equal(d, 2);
  // @ts-expect-error two tensors are needed
  assert.throws(() => new Distance().call(torch.ones(2)));
  const y: Tensor = new nn.Linear(2, 3).call(torch.ones(1, 2));
  assert.deepEqual(y.shape, [1, 3]);
});

test("recurrent layers give tensors for tensors and packed sequences for packed sequences", () => {
  const lstm = new nn.LSTM(2, 3);
  const [out, [h, c]] = lstm.call(torch.ones(4, 1, 2));
  assert.deepEqual(
    [out.shape, h.shape, c.shape],
    [
      [4, 1, 3],
      [1, 1, 3],
      [1, 1, 3],
    ],
  );
  const packed = nn.utils.rnn.packSequence([torch.ones(2, 2), torch.ones(1, 2)]);
  const [packedOut] = lstm.call(packed);
  assert.deepEqual(packedOut.data.shape, [3, 3]);
  const [again] = new nn.GRU(2, 3).call(torch.ones(4, 1, 2), { hx: torch.zeros(1, 1, 3) });
  assert.deepEqual(again.shape, [4, 1, 3]);
});

test("containers keep the type of what they hold", () => {
  const list = new nn.ModuleList([new nn.Linear(1, 2)]);
  assert.equal(list.at(0).outFeatures, 2);
  const dict = new nn.ModuleDict({ a: new nn.Linear(1, 2) });
  assert.equal(dict.get("a").outFeatures, 2);
  const [output, weights] = new nn.MultiheadAttention(4, 2).call(torch.ones(3, 1, 4), torch.ones(3, 1, 4), torch.ones(3, 1, 4));
  assert.deepEqual(
    [output.shape, weights?.shape],
    [
      [3, 1, 4],
      [1, 3, 3],
    ],
  );
  const pooled = new nn.MaxPool2d<[Tensor, Tensor]>(2, { returnIndices: true }).call(torch.ones(1, 1, 4, 4));
  assert.deepEqual(pooled[1].shape, [1, 1, 2, 2]);
});

test("optional arguments go by position, by name or both, but not anything", () => {
  const a = new nn.Conv2d(3, 4, 3, 2, { padding: 1 });
  assert.deepEqual(
    [a.stride, a.padding],
    [
      [2, 2],
      [1, 1],
    ],
  );
  // @ts-expect-error there is no such option
  assert.throws(() => new nn.Conv2d(3, 4, 3, { strides: 2 }), /Conv2d\(\) got an unexpected keyword argument 'strides'/);
  // @ts-expect-error the bias is a boolean
  assert.throws(() => new nn.Linear(3, 4, "yes"), /Linear\(\): argument 'bias' \(position 3\) must be bool, not str/);
});
