/**
 * .npy and .npz against NumPy: what it writes, and what torch.from_numpy makes of it, was recorded by fixtures/recordNumpy.py.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { dtypes } from "../../src/core/dtype.ts";
import * as torch from "../../src/index.ts";
import { ZipWriter } from "../../src/serialization/zipWriter.ts";

interface RecordedArray {
  name: string;
  file: string;
  dtype?: string;
  shape?: number[];
  strides?: number[];
  data?: string;
  error?: string;
  asSaved: boolean;
}
interface Fixture {
  arrays: RecordedArray[];
  archives: { name: string; file: string; arrays: [string, string, number[], string][] }[];
  refused: { name: string; file: string; error: string }[];
}
// this file runs from dist/test/serialization
const fixtures = join(dirname(fileURLToPath(import.meta.url)), "../../../test/fixtures");
const fixture = JSON.parse(readFileSync(join(fixtures, "numpy.json"), "utf8")) as Fixture;
const folder = mkdtempSync(join(tmpdir(), "typetorch-numpy-"));
after(() => rmSync(folder, { recursive: true }));

const decode = (text: string) => new Uint8Array(Buffer.from(text, "base64"));
const dtypeNamed = (name: string) => dtypes.find((dtype) => dtype.name === name);
const bytesOf = (x: torch.Tensor) => {
  const { data } = x.contiguous();
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
};

for (const { name, file, dtype, shape, strides, data, asSaved } of fixture.arrays) {
  if (dtype === undefined || dtypeNamed(dtype) === undefined) {
    test(`an array of ${name} is refused, as torch.from_numpy refuses it`, () => {
      assert.throws(() => torch.loadNpy(decode(file)), { name: "DTypeError", message: /can't convert np\.ndarray of/ });
    });
    continue;
  }
  test(`an array of ${name} loads as in torch.from_numpy${asSaved ? ", and is written byte for byte as np.save does" : ""}`, async () => {
    const x = torch.loadNpy(decode(file));
    assert.equal(x.dtype, dtypeNamed(dtype));
    assert.deepEqual(x.shape, shape);
    if (x.numel() > 1) assert.deepEqual(x.strides, strides);
    assert.deepEqual(bytesOf(x), Buffer.from(data!, "base64"));
    if (asSaved) assert.deepEqual(Buffer.from(torch.saveNpy(x)), Buffer.from(file, "base64"));
    const path = join(folder, "array.npy");
    torch.saveNpy(x, path);
    assert.deepEqual(bytesOf(await torch.loadNpyAsync(path)), bytesOf(x));
  });
}

for (const { name, file, arrays } of fixture.archives) {
  const supported = arrays.every(([, dtype]) => dtypeNamed(dtype) !== undefined);
  assert.ok(supported);
  test(`an archive of ${name} loads, and round trips stored and compressed`, async () => {
    const loaded = torch.loadNpz(decode(file));
    const check = (tensors: Map<string, torch.Tensor>) => {
      assert.deepEqual(
        [...tensors.keys()],
        arrays.map(([key]) => key),
      );
      for (const [key, dtype, shape, data] of arrays) {
        const x = tensors.get(key)!;
        assert.equal(x.dtype, dtypeNamed(dtype));
        assert.deepEqual(x.shape, shape);
        assert.deepEqual(bytesOf(x), Buffer.from(data, "base64"));
      }
    };
    check(loaded);
    check(await torch.loadNpzAsync(new Blob([decode(file)])));
    const stored = torch.saveNpz(loaded);
    const compressed = torch.saveNpz(loaded, { compressed: true });
    assert.ok(compressed.length < stored.length - 7000, "the zeros vanish");
    check(torch.loadNpz(stored));
    check(torch.loadNpz(compressed));
    const path = join(folder, "arrays.npz");
    await torch.saveNpzAsync(loaded, path, { compressed: true });
    assert.deepEqual(readFileSync(path), Buffer.from(compressed));
  });
}

for (const { name, file, error } of fixture.refused) {
  test(`refused like NumPy: ${name} (${error.slice(0, 60)})`, () => {
    assert.throws(
      () => torch.loadNpy(decode(file)),
      (e: Error) => e instanceof torch.SerializationError || e instanceof torch.DTypeError,
    );
  });
}

test("several arrays in one file are refused rather than forgotten", () => {
  const one = torch.saveNpy(torch.ones(2));
  const two = new Uint8Array(2 * one.length);
  two.set(one);
  two.set(one, one.length);
  assert.throws(() => torch.loadNpy(two), { name: "SerializationError", message: /136 bytes follow the array/ });
});

test("a bool of another byte than 0 and 1 is true, and counts as one", () => {
  const file = torch.saveNpy(torch.tensor([true, false, true]));
  file[file.length - 1] = 0xff;
  const x = torch.loadNpy(file);
  assert.deepEqual(x.tolist(), [true, false, true]);
  assert.equal(x.sum().item(), 2);
});

test("bfloat16 is refused, with the cure", () => {
  assert.throws(() => torch.saveNpy(torch.ones(2).to(torch.bfloat16)), { name: "DTypeError", message: /to\(torch\.float32\)/ });
  assert.throws(() => torch.saveNpz({ a: torch.ones(2).to(torch.bfloat16) }), { name: "DTypeError" });
});

test("strided tensors are written by their elements", () => {
  const x = torch.arange(24).reshape(4, 6).at("::2", "1::2");
  assert.deepEqual(torch.loadNpy(torch.saveNpy(x)).tolist(), x.tolist());
  const expanded = torch.ones(1).expand(3, 2);
  assert.deepEqual(torch.loadNpy(torch.saveNpy(expanded)).tolist(), [
    [1, 1],
    [1, 1],
    [1, 1],
  ]);
});

test("an archive whose entries are not arrays, or have one name, is refused", () => {
  const array = torch.saveNpy(torch.ones(1));
  const archive = (...names: string[]) => {
    const zip = new ZipWriter();
    const pieces = [
      ...names.flatMap((name) => [
        ...zip.add(name, [name === "text" ? Buffer.from("not an array") : array], name === "text" ? 12 : array.length),
      ]),
      ...zip.finish(),
    ];
    return Buffer.concat(pieces);
  };
  assert.deepEqual([...torch.loadNpz(archive("a", "b.npy")).keys()], ["a", "b"]);
  assert.throws(() => torch.loadNpz(archive("a", "a.npy")), { name: "SerializationError", message: /two arrays named "a"/ });
  assert.throws(() => torch.loadNpz(archive("a", "text")), { name: "SerializationError", message: /"text" is not an array/ });
  const damaged = torch.saveNpz({ a: torch.ones(100) });
  damaged[damaged.length >> 1] ^= 1;
  assert.throws(() => torch.loadNpz(damaged), { name: "SerializationError", message: /CRC/ });
});

test("a small archive that becomes large needs leave; its memory is not taken before directory and header agree", () => {
  const zeros = torch.zeros(1000, 1000);
  const compressed = torch.saveNpz({ zeros }, { compressed: true });
  assert.ok(compressed.length < 10_000 && torch.loadNpz(compressed).get("zeros")!.equal(zeros)); // below 256 MiB nothing is asked
  assert.throws(() => torch.loadNpz(compressed, { maxBytes: 1e6 }), /become 4000128 bytes, from a file of \d+; at most 1000000 are allowed\n {2}help: .*\{ maxBytes: 4000128 \}/); // biome-ignore format: short
  assert.ok(torch.loadNpz(compressed, { maxBytes: 5e6 }).get("zeros")!.equal(zeros));

  const bomb = torch.saveNpz({ zeros }, { compressed: true });
  const directory = Buffer.from(bomb.buffer, bomb.byteOffset, bomb.length).lastIndexOf("PK\x01\x02");
  const declared = new DataView(bomb.buffer, bomb.byteOffset + directory + 24);
  for (const size of [4_000_129, 4_000_000, 127, 0]) {
    declared.setUint32(0, size, true);
    const before = process.memoryUsage().arrayBuffers;
    assert.throws(() => torch.loadNpz(bomb), torch.SerializationError, `${size}`);
    assert.ok(process.memoryUsage().arrayBuffers - before < 2e6, `${size}`);
  }
});

test("3,000 mutations of .npy and .npz files load or are refused with a typed error, fast", () => {
  let state = 12345;
  const pick = (n: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * n);
  };
  const arrays = fixture.arrays
    .filter(({ dtype }) => dtype !== undefined && dtypeNamed(dtype) !== undefined)
    .map(({ file }) => decode(file));
  const archives = [
    torch.saveNpz({ a: torch.ones(3, 4), b: torch.arange(5) }),
    torch.saveNpz({ a: torch.ones(3, 4), b: torch.arange(5) }, { compressed: true }),
  ];
  let loaded = 0;
  for (let k = 0; k < 3000; k++) {
    const archive = k % 2 === 0;
    const originals = archive ? archives : arrays;
    let bytes = Buffer.from(originals[pick(originals.length)]!);
    for (let times = 1 + pick(3); times > 0 && bytes.length > 0; times--) {
      const at = pick(bytes.length);
      const kind = pick(4);
      if (kind === 0) bytes[at]! ^= 1 << pick(8);
      else if (kind === 1) bytes[at] = pick(256);
      else if (kind === 2) bytes = bytes.subarray(0, at);
      else
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from(["9", "(", ",", "'", "\0", "\xff"][pick(6)]!, "latin1"),
          bytes.subarray(at),
        ]);
    }
    const started = performance.now();
    try {
      if (archive) torch.loadNpz(bytes);
      else torch.loadNpy(bytes);
      loaded++;
    } catch (error) {
      if (!(error instanceof torch.TorchError)) throw new Error(`mutation ${k}`, { cause: error });
    }
    assert.ok(performance.now() - started < 1000);
  }
  assert.ok(loaded > 100 && loaded < 2900, `${loaded} loaded`);
});
