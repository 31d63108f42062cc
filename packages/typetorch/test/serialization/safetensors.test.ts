/**
 * safetensors against the Python package: what it writes, accepts, refuses and slices was recorded by fixtures/recordSafetensors.py.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as torch from "../../src/index.ts";
import { dtypes } from "../../src/core/dtype.ts";

interface Fixture {
  headers: { name: string; file: string; tensors?: [string, string, number[], string][]; error?: string; stricter?: string }[];
  written: {
    name: string;
    file: string;
    metadata: Record<string, string> | null;
    tensors: [string, string, number[], string][];
  }[];
  slices: [string, number[] | string, number[]?][];
  sharing: [string, boolean][];
}
// this file runs from dist/test/serialization
const fixtures = join(dirname(fileURLToPath(import.meta.url)), "../../../test/fixtures");
const fixture = JSON.parse(readFileSync(join(fixtures, "safetensors.json"), "utf8")) as Fixture;
const folder = mkdtempSync(join(tmpdir(), "typetorch-safetensors-"));
after(() => rmSync(folder, { recursive: true }));

const decode = (text: string) => new Uint8Array(Buffer.from(text, "base64"));
const dtypeOf: Record<string, torch.DType> = { F32: torch.float32, U8: torch.uint8 };
const dtypeNamed = (name: string) => dtypes.find((dtype) => dtype.name === name);
const bytesOf = (x: torch.Tensor) => Buffer.from(x.data.buffer, x.data.byteOffset, x.data.byteLength);

/** A row-major tensor of these bytes. */
function fromBytes(bytes: Uint8Array, dtype: torch.DType, shape: readonly number[]): torch.Tensor {
  const x = torch.empty(shape, { dtype });
  new Uint8Array(x.data.buffer, x.data.byteOffset, bytes.length).set(bytes);
  return x;
}

for (const { name, file, tensors, error, stricter } of fixture.headers) {
  const refused = error !== undefined || stricter !== undefined;
  test(`a header with ${name} is ${refused ? `refused${stricter ? `: ${stricter}` : ""}` : "read as the Python package reads it"}`, () => {
    if (refused) {
      // the reference's own words, but where they are those of its JSON parser
      const phrase = error === undefined || error.includes("JSON") ? "Error while deserializing: " : error.split(/ in | `/)[0]!;
      const known = phrase.startsWith("Error") && !/slic|shape, data type/.test(phrase) ? phrase : "tensor `a`";
      assert.throws(
        () => torch.loadSafetensors(decode(file)),
        (e: Error) => e instanceof torch.SerializationError && e.message.includes(known),
      );
      return;
    }
    const loaded = torch.loadSafetensors(decode(file));
    assert.deepEqual([...loaded.keys()].sort(), tensors!.map(([key]) => key).sort());
    for (const [key, dtype, shape, data] of tensors!) {
      const x = loaded.get(key)!;
      assert.equal(x.dtype, dtypeOf[dtype]);
      assert.deepEqual(x.shape, shape);
      assert.deepEqual(bytesOf(x), Buffer.from(data, "base64"));
    }
  });
}

for (const { name, file, metadata, tensors } of fixture.written) {
  const supported = tensors.every(([, dtype]) => dtypeNamed(dtype) !== undefined);
  if (!supported) {
    test(`of a file with ${name}, what has a dtype here can be read by name, and the rest is refused by name`, () => {
      using opened = torch.openSafetensors(decode(file));
      for (const [key, dtype, shape, data] of tensors) {
        assert.deepEqual(opened.getShape(key), shape);
        if (dtypeNamed(dtype) !== undefined) assert.deepEqual(bytesOf(opened.getTensor(key)), Buffer.from(data, "base64"));
        else assert.throws(() => opened.getTensor(key), { name: "DTypeError", message: new RegExp(`'${key}' is C64`) });
      }
      assert.throws(() => opened.getTensors(), { name: "DTypeError" });
    });
    continue;
  }
  test(`${name}: read as recorded, and written byte for byte as the Python package writes`, () => {
    const loaded = torch.loadSafetensors(decode(file));
    assert.deepEqual(loaded.metadata === null ? null : Object.fromEntries(loaded.metadata), metadata);
    assert.equal(loaded.size, tensors.length);
    const set = new Map<string, torch.Tensor>();
    for (const [key, dtypeName, shape, data] of tensors) {
      const dtype = dtypeNamed(dtypeName)!;
      const x = loaded.get(key)!;
      assert.equal(x.dtype, dtype);
      assert.deepEqual(x.shape, shape);
      assert.deepEqual(bytesOf(x), Buffer.from(data, "base64"));
      set.set(key, fromBytes(Buffer.from(data, "base64"), dtype, shape));
    }
    assert.deepEqual(Buffer.from(torch.saveSafetensors(set, { metadata })), Buffer.from(file, "base64"));
    const path = join(folder, "written.safetensors");
    torch.saveSafetensors(set, path, { metadata });
    assert.deepEqual(readFileSync(path), Buffer.from(file, "base64"));
  });
}

test("names and notes keep their order and spelling, also those of Object.prototype", () => {
  const notes: [string, string][] = [
    ["z", "1"],
    ["__proto__", "note"],
    ["", ""],
    ["constructor", "\u{1F600}\n"],
  ];
  const loaded = torch.loadSafetensors(
    torch.saveSafetensors(new Map([["__proto__", torch.ones(2)]]), { metadata: new Map(notes) }),
  );
  assert.deepEqual([...loaded.keys()], ["__proto__"]);
  assert.deepEqual([...loaded.metadata!], notes);
});

for (const [index, shape, values] of fixture.slices) {
  test(`getSlice(…).at(${index}) is what safe_open gives`, () => {
    const x = torch.arange(24, { dtype: torch.float32 }).reshape(4, 3, 2);
    using file = torch.openSafetensors(torch.saveSafetensors({ a: x }));
    const indices = JSON.parse(`[${index.replaceAll("'", '"')}]`) as torch.Index[];
    const part = () => file.getSlice("a").at(...indices);
    if (typeof shape === "string") assert.throws(part, (e: Error) => e.message.includes(shape));
    else {
      assert.deepEqual(part().shape, shape);
      assert.deepEqual(Array.from(part().data as Float32Array), values);
    }
  });
}

/** A source of tests that counts what is read of a file in memory. */
function countingBlob(bytes: Uint8Array): { blob: { size: number; slice(a: number, b: number): Blob }; read: () => number } {
  const blob = new Blob([bytes as Uint8Array<ArrayBuffer>]);
  let read = 0;
  return {
    blob: {
      size: blob.size,
      slice(a, b) {
        read += b - a;
        return blob.slice(a, b);
      },
    },
    read: () => read,
  };
}

test("slices of tensors larger than what is read at a time, every dtype, equal those of the tensor in memory, and little else is read", async () => {
  const sliced: [torch.Index[], number][] = [
    [["100:200"], 0.06],
    [[5], 0.01],
    [[":", ":", 3], 1.1],
    [["::7", "1:5"], 1.1],
    [["::70", "1:5"], 0.01],
    [[":", "2::3", ":"], 1.1],
    [["10:20", ":", "2:4"], 0.02],
    [["...", null, "0:1"], 1.1],
    [["1000:", 1], 0.6],
  ];
  for (const dtype of [torch.int8, torch.bfloat16, torch.float32, torch.float64]) {
    const x = torch.randint(-100, 100, [2000, 30, 40]).to(dtype);
    const { blob, read } = countingBlob(torch.saveSafetensors({ before: torch.ones(3).to(dtype), x }));
    const file = await torch.openSafetensorsAsync(blob);
    for (const [indices, part] of sliced) {
      const before = read();
      const result = await file.getSlice("x").at(...indices);
      const expected = x.at(...indices);
      assert.deepEqual(result.shape, expected.shape);
      assert.ok(torch.equal(result, expected), `${dtype} at ${indices.join(", ")}`);
      assert.ok(
        read() - before <= part * x.numel() * dtype.itemsize,
        `${dtype} at ${indices.join(", ")}: ${read() - before} bytes`,
      );
    }
  }
});

for (const [areas, shared] of fixture.sharing) {
  test(`tensors over ${areas} of one storage are ${shared ? "refused, with their names" : "written"}`, () => {
    const x = torch.ones(4);
    const entries = areas.split(" ").map((area, k) => [["a", "b", "c"][k]!, x.at(area.slice(1, -1))] as const);
    if (!shared) assert.equal(torch.loadSafetensors(torch.saveSafetensors(new Map(entries))).size, entries.length);
    else {
      assert.throws(() => torch.saveSafetensors(new Map(entries)), {
        name: "SerializationError",
        message: /Some tensors share memory.*\{('a', )?'b'(, 'c')?\}/,
      });
    }
  });
}

test("views are written in row-major order, and a tensor that is a part of its storage without the rest", () => {
  const x = torch.arange(24).reshape(4, 6);
  const views = {
    transposed: x.t(),
    every: x.clone().at(":", "::2"),
    expanded: torch.ones(1, 3).expand(4, 3),
    scalar: x.clone().at(1, 1),
  };
  const file = torch.saveSafetensors(views);
  const loaded = torch.loadSafetensors(file);
  for (const [name, view] of Object.entries(views)) assert.ok(torch.equal(loaded.get(name)!, view), name);
  assert.ok(file.length < 8 + 400 + (24 + 12 + 1) * 8 + 12 * 4);
});

test("parameters are written, and loaded as plain tensors", () => {
  const linear = new torch.nn.Linear(3, 2);
  const loaded = torch.loadSafetensors(torch.saveSafetensors(linear.stateDict()));
  assert.equal(loaded.get("weight")!.requiresGrad, false);
  const other = new torch.nn.Linear(3, 2);
  other.loadStateDict(loaded);
  assert.ok(torch.equal(other.weight, linear.weight));
});

/** A module whose output layer is its embedding, as in GPT-2. */
class Tied extends torch.nn.Module<[torch.Tensor], torch.Tensor> {
  wte = new torch.nn.Embedding(5, 3);
  lmHead = new torch.nn.Linear(3, 5, { bias: false });
  constructor() {
    super();
    this.lmHead.weight = this.wte.weight;
  }
  override forward(tokens: torch.Tensor): torch.Tensor {
    return this.lmHead.call(this.wte.call(tokens));
  }
}

test("a module with tied weights is saved under one name, which the metadata tells, and loaded from it or the other", () => {
  const model = new Tied();
  assert.throws(() => torch.saveSafetensors(model.stateDict()), { message: /'lm_head.weight', 'wte.weight'/ });
  const bytes = torch.saveSafetensorsModel(model);
  const file = torch.loadSafetensors(bytes);
  assert.deepEqual([...file.keys()], ["lm_head.weight"]);
  assert.deepEqual([...file.metadata!], [["wte.weight", "lm_head.weight"]]);
  for (const name of ["lm_head.weight", "wte.weight"]) {
    const other = new Tied();
    const input = torch.saveSafetensors({ [name]: model.wte.weight });
    assert.equal(String(torch.loadSafetensorsModel(other, input)), "<All keys matched successfully>");
    assert.ok(torch.equal(other.lmHead.weight, model.wte.weight));
    assert.equal(other.lmHead.weight, other.wte.weight);
  }
  const wrong = torch.saveSafetensors({ weight: torch.ones(1) });
  assert.throws(() => torch.loadSafetensorsModel(new Tied(), wrong), {
    name: "StateDictError",
    message: /Missing key.*lm_head.*\n?.*Unexpected key.*"weight"/s,
  });
  const keys = torch.loadSafetensorsModel(new Tied(), wrong, { strict: false });
  assert.deepEqual(keys.unexpectedKeys, ["weight"]);
});

test("what cannot be written is refused with a reason, and no file appears", () => {
  const path = join(folder, "refused.safetensors");
  const x = torch.ones(1);
  const bad: [() => void, RegExp][] = [
    [
      () => torch.saveSafetensors({ a: 1 } as unknown as Record<string, torch.Tensor>, path),
      /Key `a` is invalid, expected torch.Tensor/,
    ],
    [() => torch.saveSafetensors(new Map([[1, x]]) as unknown as Map<string, torch.Tensor>, path), /names must be strings/],
    [() => torch.saveSafetensors({ __metadata__: x }, path), /`__metadata__` cannot be the name/],
    [() => torch.saveSafetensors({ "\ud800": x }, path), /surrogate/],
    [
      () => torch.saveSafetensors({ x }, path, { metadata: { a: 1 } as unknown as Record<string, string> }),
      /metadata maps strings to strings/,
    ],
    [() => torch.saveSafetensors({ x }, path, { maxShardSize: "5 apples" }), /maxShardSize is 5 apples/],
    [
      () => torch.saveSafetensors({ x, y: torch.ones(1) }, join(folder, "refused.bin"), { maxShardSize: 4 }),
      /must end in .safetensors/,
    ],
  ];
  for (const [save, message] of bad) assert.throws(save, (e: Error) => e instanceof torch.TorchError && message.test(e.message));
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes("refused")),
    [],
  );
});

test("a name that is not in the file is refused with those that are", () => {
  using file = torch.openSafetensors(torch.saveSafetensors({ "model.weight": torch.ones(1) }));
  assert.throws(() => file.getTensor("weight"), {
    message: /File does not contain tensor weight\n {2}help: it has 'model.weight'/,
  });
  assert.throws(() => torch.openSafetensors(join(folder, "nowhere.safetensors")), {
    name: "SerializationError",
    message: /nowhere/,
  });
});

test("a closed file reads nothing more, and can be closed again", async () => {
  const path = join(folder, "closed.safetensors");
  torch.saveSafetensors({ a: torch.ones(2) }, path);
  const file = torch.openSafetensors(path);
  const slice = file.getSlice("a");
  file.close();
  file.close();
  assert.deepEqual(file.keys(), ["a"]);
  assert.throws(() => file.getTensor("a"), { name: "SerializationError", message: /closed/ });
  assert.throws(() => slice.at(0), { name: "SerializationError", message: /closed/ });
  const later = await torch.openSafetensorsAsync(path);
  assert.deepEqual((await later.getTensor("a")).tolist(), [1, 1]);
  await later.close();
  await later.close();
  await assert.rejects(later.getTensor("a"), { name: "SerializationError", message: /closed/ });
});

test("a set larger than maxShardSize becomes shards with an index, which loads as one", async () => {
  const state = new Map(Array.from({ length: 7 }, (_, k) => [`layer.${k}.weight`, torch.full([10, 10], k)]));
  const path = join(folder, "model.safetensors");
  torch.saveSafetensors(state, path, { maxShardSize: "900B", metadata: { format: "pt" } });
  const shards = readdirSync(folder).filter((name) => /^model-.*safetensors$/.test(name));
  assert.deepEqual(
    shards,
    [1, 2, 3, 4].map((k) => `model-0000${k}-of-00004.safetensors`),
  );
  assert.equal(existsSync(path), false);
  const index = JSON.parse(readFileSync(`${path}.index.json`, "utf8")) as {
    metadata: object;
    weight_map: Record<string, string>;
  };
  assert.deepEqual(index.metadata, { total_size: 2800 });
  assert.equal(index.weight_map["layer.6.weight"], "model-00004-of-00004.safetensors");
  const shard = readFileSync(join(folder, shards[3]!));
  await torch.saveSafetensorsAsync(state, path, { maxShardSize: 900, metadata: { format: "pt" } });
  assert.deepEqual(readFileSync(join(folder, shards[3]!)), shard);
  for (const input of [`${path}.index.json`, pathToFileURL(`${path}.index.json`)]) {
    const loaded = typeof input === "string" ? torch.loadSafetensors(input) : await torch.loadSafetensorsAsync(input);
    assert.deepEqual([...loaded.keys()], [...state.keys()]);
    for (const [name, x] of state) assert.ok(torch.equal(loaded.get(name)!, x));
    assert.deepEqual([...loaded.metadata!], [["format", "pt"]]);
  }
});

test("an index that names other folders, or does not fit its shards, is refused", () => {
  torch.saveSafetensors({ a: torch.ones(1) }, join(folder, "one.safetensors"));
  const bad: [unknown, RegExp][] = [
    [{ weight_map: { a: "../one.safetensors" } }, /not the name of a shard/],
    [{ weight_map: { a: "/etc/one.safetensors" } }, /not the name of a shard/],
    [{ weight_map: { a: "..\\one.safetensors" } }, /not the name of a shard/],
    [{ weight_map: { a: "one.bin" } }, /not the name of a shard/],
    [{ weight_map: { a: 1 } }, /expected a string/],
    [{ weight_map: [] }, /expected `{`/],
    [{}, /has no weight_map/],
    [7, /expected `{`/],
    [{ weight_map: { a: "one.safetensors", b: "one.safetensors" } }, /'b' is not in one.safetensors/],
    [{ weight_map: { b: "one.safetensors" } }, /'a' is in one.safetensors, but not by the index/],
    [{ weight_map: { a: "missing.safetensors" } }, /missing.safetensors/],
  ];
  const path = join(folder, "bad.index.json");
  for (const [index, message] of bad) {
    writeFileSync(path, JSON.stringify(index));
    assert.throws(
      () => torch.loadSafetensors(path),
      (e: Error) => e instanceof torch.SerializationError && message.test(e.message),
    );
  }
  writeFileSync(path, "{");
  assert.throws(() => torch.loadSafetensors(path), { name: "SerializationError", message: /invalid JSON in the index/ });
});

test("a server's file is read by ranges, with progress, and of one tensor only its bytes", async () => {
  const big = torch.randn(300, 1000);
  torch.saveSafetensors({ big, small: torch.arange(5) }, join(folder, "served.safetensors"));
  const bytes = readFileSync(join(folder, "served.safetensors"));
  let sent = 0;
  const server = createServer((request, response) => {
    const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "");
    if (range === null) throw new Error("no range was asked for");
    const [from, to] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    sent += to + 1 - from;
    response.writeHead(206, { "content-range": `bytes ${from}-${to}/${bytes.length}`, "content-length": to + 1 - from });
    response.end(bytes.subarray(from, to + 1));
  }).listen(0, "127.0.0.1");
  try {
    await new Promise((resolve) => server.once("listening", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/served.safetensors`;
    const file = await torch.openSafetensorsAsync(url);
    assert.deepEqual((await file.getTensor("small")).tolist(), [0, 1, 2, 3, 4]);
    assert.ok(sent < 600_000, `${sent} bytes were sent`);
    await file.close();
    const heard: [number, number][] = [];
    const loaded = await torch.loadSafetensorsAsync(url, { progress: (done, total) => heard.push([done, total]) });
    assert.ok(torch.equal(loaded.get("big")!, big));
    assert.deepEqual(heard.at(-1), [bytes.length, bytes.length]);
    assert.ok(heard.length > 2);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test("a loaded tensor has memory of its own", () => {
  const bytes = torch.saveSafetensors({ x: torch.ones(3) });
  const { x } = Object.fromEntries(torch.loadSafetensors(bytes));
  bytes.fill(0);
  assert.deepEqual(x!.tolist(), [1, 1, 1]);
});

/** A fixed stream of numbers below 1, so that a failure can be repeated. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

test("5,000 mutations of valid files load or are refused with a typed error, fast and without large allocations", () => {
  const random = numbers(1);
  const pick = (n: number) => Math.floor(random() * n);
  const pieces = [
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    '"',
    "0",
    "9",
    "99999999",
    "-",
    "1e9",
    "18446744073709551615",
    "null",
    "\\u0000",
    "F64",
    "F8_E4M3",
    "__metadata__",
    " ",
  ];
  const files = fixture.written.map(({ file }) => decode(file));
  let loaded = 0;
  let slowest = 0;
  const before = process.memoryUsage().arrayBuffers;
  for (let k = 0; k < 5000; k++) {
    const original = files[pick(files.length)]!;
    const headerEnd = 8 + Number(new DataView(original.buffer, original.byteOffset).getBigUint64(0, true));
    let bytes = Buffer.from(original);
    for (let times = 1 + pick(3); times > 0; times--) {
      const at = pick(3) > 0 ? pick(headerEnd) : headerEnd + pick(Math.max(bytes.length - headerEnd, 1));
      const kind = pick(6);
      if (kind === 0) bytes[at % bytes.length]! ^= 1 << pick(8);
      else if (kind === 1) bytes = bytes.subarray(0, at);
      else if (kind === 2)
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(pieces[pick(pieces.length)]!), bytes.subarray(at)]);
      else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + pick(20))]);
      else if (kind === 4) bytes[pick(8) % Math.max(bytes.length, 1)] = pick(256);
      else {
        const text = Buffer.from(pieces[pick(pieces.length)]!);
        bytes = Buffer.concat([bytes.subarray(0, at), text, bytes.subarray(at + text.length)]);
        if (bytes.length >= 8 && pick(2) === 0) bytes.writeBigUInt64LE(BigInt(headerEnd - 8));
      }
      if (bytes.length === 0) break;
    }
    const started = performance.now();
    try {
      for (const x of torch.loadSafetensors(bytes).values()) assert.ok(x.numel() * x.dtype.itemsize <= bytes.length);
      loaded++;
    } catch (error) {
      if (!(error instanceof torch.TorchError)) throw new Error(`mutation ${k}`, { cause: error });
    }
    slowest = Math.max(slowest, performance.now() - started);
  }
  assert.ok(loaded > 100 && loaded < 4900, `${loaded} loaded`);
  assert.ok(slowest < 1000, `the slowest took ${slowest} ms`);
  assert.ok(process.memoryUsage().arrayBuffers - before < 256 << 20);
});

test("a header that is all brackets, names or numbers is refused in time linear in its length", () => {
  for (const piece of ["[", '{"a":', '"a",', "1,", '{"a":{"x":[', "[".repeat(100)]) {
    const header = Buffer.from(`{"a":{"x":${piece.repeat(Math.ceil(4_000_000 / piece.length))}`);
    const file = Buffer.alloc(8 + header.length);
    file.writeBigUInt64LE(BigInt(header.length));
    header.copy(file, 8);
    const started = performance.now();
    assert.throws(() => torch.loadSafetensors(file), { name: "SerializationError" });
    assert.ok(performance.now() - started < 1000);
  }
});
