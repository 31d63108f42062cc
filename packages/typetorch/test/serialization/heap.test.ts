/**
 * What a pickle's objects take of the heap: that the account of it is right, and that a pickle that makes far more than it is long is refused.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as torch from "../../src/index.ts";
import { PickleAccount } from "../../src/serialization/pickleAccount.ts";
import { checkTree } from "../../src/serialization/pickleTree.ts";
import { findTorchGlobal } from "../../src/serialization/torchGlobals.ts";
import { unpickle } from "../../src/serialization/unpickler.ts";
import { subjectOf } from "./fuzz.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** Looks at the heap each time that so many bytes were counted. */
class ObservedAccount extends PickleAccount {
  most = 0;
  private readonly step: number;
  private next: number;
  constructor(pickleBytes: number, step: number, maxBytes: number | null = null) {
    super(pickleBytes, 0, maxBytes);
    this.step = step;
    this.next = step;
  }
  override spend(bytes: number): void {
    super.spend(bytes);
    if (this.spent < this.next) return;
    this.next = this.spent + this.step;
    this.most = Math.max(this.most, heap());
  }
}

function run(pickle: Uint8Array, account: PickleAccount): void {
  const { value } = unpickle(pickle, { findGlobal: findTorchGlobal, persistentLoad: () => null, account });
  checkTree(value, account);
}

/** Bytes that the account says a pickle's objects take, and the most that they really took at a time. */
function measure(pickle: Uint8Array): { counted: number; real: number } {
  const dry = new PickleAccount(0, 0, 2 ** 40);
  run(pickle, dry);
  const observed = new ObservedAccount(0, dry.spent / 8, 2 ** 40);
  const before = heap();
  run(pickle, observed);
  return { counted: dry.spent, real: observed.most - before };
}

const ascii = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));
const global = (name: string): number[] => ascii(`c${name.replace(/\.(?=\w+$)/, "\n")}\n`);

/** Opcodes that make one object each: of few bytes, as a hostile pickle would have them. */
const kinds: Record<string, number[]> = {
  "an empty dict": ascii("}"),
  "an empty dict in the memo": ascii("}\x94"),
  "an empty list": ascii("]"),
  "an empty set": [0x8f],
  "a list of one": ascii("]\x94K\x01a"),
  "a list of three, filled one by one": ascii("]K\x01aK\x01aK\x01a"),
  "a dict of two": ascii("}(K\x01NK\x02Nu"),
  "a tuple of one": ascii("K\x01\x85"),
  "a tuple of three": ascii("NNN\x87"),
  None: ascii("N"),
  "a mark": ascii("("),
  "the same again": ascii("2"),
  "a float": [0x47, 1, 2, 3, 4, 5, 6, 7, 8],
  "a large int": [0x8a, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  "a string": [0x8c, 2, 0x61, 0x62],
  "a longer string": [0x8c, 20, ...ascii("abcdefghijklmnopqrst")],
  "a string beyond ASCII": [0x8c, 4, 0xe6, 0x97, 0xa5, 0x61],
  bytes: [0x43, 1, 7],
  "more bytes": [0x43, 100, ...new Array<number>(100).fill(1)],
  "a frozenset of one": [0x28, 0x4b, 1, 0x91],
  "an OrderedDict": ascii("h\x00)R"),
};

/** A pickle that makes many objects of a kind and is None itself. */
function repeated(name: string, count: number): Uint8Array {
  const start = name === "an OrderedDict" ? [...global("collections.OrderedDict"), 0x71, 0] : [0x5d, 0x71, 0];
  return Uint8Array.from([...start, ...Array.from({ length: count }, () => kinds[name]!).flat(), 0x4e, 0x2e]);
}

for (const name of Object.keys(kinds)) {
  test(`the account of what ${name} takes is what the heap says`, () => {
    const { counted, real } = measure(repeated(name, ["None", "a mark", "the same again"].includes(name) ? 200_000 : 20_000));
    assert.ok(real < counted * 1.15 + 50_000, `${real} bytes for ${counted} counted`);
    assert.ok(real > counted * 0.2 - 50_000, `${real} bytes for ${counted} counted`);
  });
}

test("a pickle that makes far more than it is long is refused, and takes no more until then", () => {
  const refused = ["an empty dict", "an empty dict in the memo", "an empty list", "an empty set", "an OrderedDict"];
  for (const name of refused) {
    const pickle = repeated(name, 100_000 / kinds[name]!.length);
    const account = new ObservedAccount(pickle.length, 500_000);
    const before = heap();
    assert.throws(
      () => run(pickle, account),
      /^UnpicklingError: the pickle makes objects of more than 5,\d{3},\d{3} bytes of memory/,
      name,
    );
    const real = account.most - before;
    assert.ok(real < 1.15 * (2 ** 20 + 40 * pickle.length), `${name}: ${real} bytes of heap for a pickle of ${pickle.length}`);
    const file = subjectOf(torch.save([])).repack(pickle);
    assert.throws(() => torch.load(file), torch.UnpicklingError);
    assert.equal(torch.load(file, { maxBytes: 1e8 }), null);
  }
});

test("copies of a large argument are counted: a few bytes of pickle each", () => {
  const large = [0x28, ...new Array<number>(20_000).fill(0x4e), 0x6c, 0x71, 1]; // a list of 20,000, memoised
  for (const name of ["builtins.list", "builtins.tuple", "builtins.frozenset", "torch.Size", "collections.OrderedDict"]) {
    const calls = Array.from({ length: 5000 }, () => ascii("h\0h\x01\x85R")).flat();
    const pickle = Uint8Array.from([...global(name), 0x71, 0, ...large, ...calls, 0x2e]);
    assert.throws(() => run(pickle, new PickleAccount(pickle.length, 0)), torch.UnpicklingError, name);
  }
});
