/**
 * torch.save and torch.load: what the files recorded in conformance/ do not show.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as torch from "../../src/index.ts";
import { crc32 as crc32OfTable } from "../../src/platform/crc32.ts";
import { crc32 } from "../../src/platform/index.ts";
import { decodeLong, decodeText, encodeLong, encodeText } from "../../src/serialization/pickleText.ts";
import { fileSink } from "../../src/serialization/sink.ts";
import { formats, fuzz, randomNumbers, subjectOf } from "./fuzz.ts";

const { nn, optim } = torch;
const folder = mkdtempSync(join(tmpdir(), "typetorch-checkpoint-"));
after(() => rmSync(folder, { recursive: true }));
const recorded = fileURLToPath(new URL("../../../../../conformance/recorded/checkpoints", import.meta.url));

test("what is saved is loaded: containers, their kinds and the sharing of parts", () => {
  const base = torch.arange(12).reshape(3, 4);
  const list = [1, 2];
  const value = {
    base,
    view: base.t().narrow(0, 1, 2),
    list,
    again: list,
    tuple: Object.freeze([1, "a", Object.freeze([])]),
    map: new Map<unknown, unknown>([[1, "number"], ["1", "string"]]), // biome-ignore format: short
    ordered: new torch.OrderedDict([["x", null]]),
    bytes: Uint8Array.of(0, 128, 255),
    set: new Set([1, 2]),
    big: 2n ** 100n,
    float: torch.scalar(2, torch.float32),
    nothing: undefined,
  };
  const loaded = torch.load<Map<string, unknown>>(torch.save(value));
  assert.deepEqual([...loaded.keys()], Object.keys(value));
  const [first, view] = [loaded.get("base") as torch.Tensor, loaded.get("view") as torch.Tensor];
  assert.ok(first.equal(base) && view.equal(value.view));
  assert.equal(first.storage, view.storage);
  first.fill_(7);
  assert.deepEqual(view.toArray(), [[7, 7, 7], [7, 7, 7]]); // biome-ignore format: short
  assert.equal(loaded.get("list"), loaded.get("again"));
  assert.ok(Object.isFrozen(loaded.get("tuple")) && !Object.isFrozen(loaded.get("list")));
  assert.deepEqual([...(loaded.get("map") as Map<unknown, unknown>)], [[1, "number"], ["1", "string"]]); // biome-ignore format: short
  assert.ok(loaded.get("ordered") instanceof torch.OrderedDict && !(loaded.get("map") instanceof torch.OrderedDict));
  assert.deepEqual(loaded.get("bytes"), value.bytes);
  assert.deepEqual(loaded.get("set"), value.set);
  assert.equal(loaded.get("big"), value.big);
  assert.equal(loaded.get("float"), 2);
  assert.equal(loaded.get("nothing"), null);
});

test("keys that mean something to JavaScript are plain keys", () => {
  const evil = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') as object;
  const loaded = torch.load<Map<string, unknown>>(torch.save(evil));
  assert.deepEqual([...loaded.keys()], ["__proto__", "constructor"]);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  const optimizer = new optim.SGD([torch.ones(1).requiresGrad_()], { lr: 1 });
  const state = { state: new Map(), param_groups: [new Map<string, unknown>([["params", [0]], ["__proto__", { lr: 5 }], ["lr", 2]])] }; // biome-ignore format: short
  optimizer.loadStateDict(state);
  assert.equal(Object.getPrototypeOf(optimizer.paramGroups[0]), Object.prototype);
  assert.equal(optimizer.paramGroups[0]!.lr, 2);
});

test("what cannot be saved is named with its place, and nothing is written", () => {
  const path = join(folder, "refused.pt");
  writeFileSync(path, "old");
  const circular: unknown[] = [];
  circular.push(circular);
  const cases: [unknown, RegExp][] = [
    [{ a: [1, { f: () => 1 }] }, /cannot save a function \(at a\[1\]\.f\)/],
    [{ model: new nn.Linear(1, 1) }, /cannot save an object of the class Linear \(at model\)\n {2}help: save its stateDict\(\)/],
    [{ when: new Date(0) }, /an object of the class Date/],
    [new Map([[[1], 2]]), /a dictionary whose key is a list/],
    [circular, /contains itself/],
    [{ x: torch.viewAsComplex(torch.ones(2, 2).to(torch.float16)) }, /cannot save a tensor of torch.complex32/],
  ];
  for (const [value, message] of cases) {
    assert.throws(() => torch.save(value, path), (error) => error instanceof torch.SerializationError && message.test(error.message), String(message)); // biome-ignore format: short
  }
  const x = torch.ones(4);
  assert.throws(() => torch.save([x, x.view(torch.int32)]), /view the same data as different types/);
  assert.equal(readFileSync(path, "utf8"), "old");
});

test("a tensor of 0 elements, of 0 dimensions and of a storage used in part keep what they are", () => {
  const part = torch.arange(10).narrow(0, 4, 3);
  const loaded = torch.load<torch.Tensor[]>(torch.save([torch.zeros(0, 3), torch.tensor(5), part]));
  assert.deepEqual(loaded.map((x) => [...x.shape]), [[0, 3], [], [3]]); // biome-ignore format: short
  assert.deepEqual(loaded[2]!.toArray(), [4, 5, 6]);
  assert.equal(loaded[2]!.storageOffset, 4);
});

test("mapLocation: the CPU, by name, by function; other devices are refused", () => {
  const file = join(recorded, "cuda.pt"); // saved on cuda:3
  const seen: string[] = [];
  const load = (mapLocation: torch.MapLocation) => torch.load(file, { mapLocation }).get("w")!.device.type;
  assert.equal(torch.load(file).get("w")!.device.type, "cpu");
  assert.equal(load("cpu"), "cpu");
  assert.equal(load(new torch.Device("cpu")), "cpu");
  assert.equal(load({ "cuda:3": "cpu" }), "cpu");
  assert.equal(load(new Map([["cuda:3", "cpu"]])), "cpu");
  assert.equal(
    load((location) => {
      seen.push(location);
      return "cpu";
    }),
    "cpu",
  );
  assert.deepEqual(seen, ["cuda:3"]);
  assert.throws(() => load("cuda:0"), torch.DeviceError);
  assert.throws(() => load(() => "cuda:1"), torch.DeviceError);
  assert.equal(load({ toString: "cuda:1" }), "cpu"); // only its own keys
  assert.equal(load(() => null), "cpu"); // biome-ignore format: short
});

test("errors say which file, what is wrong and what to do", () => {
  const message = (name: string): string => {
    try {
      torch.load(join(recorded, name));
    } catch (error) {
      assert.ok(error instanceof torch.SerializationError);
      return error.message;
    }
    return "loaded";
  };
  assert.match(message("evil_system.pt"), /evil_system\.pt: .*posix\.system/);
  assert.match(message("whole_module.pt"), /torch\.save\(model\.state_dict\(\), path\)/);
  assert.match(message("tar.pt"), /tar archive/);
  assert.match(message("truncated.pt"), /failed finding central directory/);
  assert.match(message("safetensors.pt"), /torch\.loadSafetensors/);
  assert.match(message("sparse.pt"), /to_dense/);
  assert.match(message("crc.pt"), /CRC/);
  assert.throws(() => torch.load(join(folder, "none.pt")), /cannot open '.*none\.pt': No such file or directory/);
});

test("bytes, a Blob, a file URL and a server give the same, with progress", async () => {
  const state = { weight: torch.randn(300, 400), bias: torch.randn(300) };
  const bytes = torch.save(state);
  const path = join(folder, "state.pt");
  await torch.saveAsync(state, path);
  assert.ok(readFileSync(path).equals(bytes));
  assert.deepEqual(await torch.saveAsync(state), bytes);
  const ranges: string[] = [];
  const server = createServer((request, response) => {
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "")!;
    ranges.push(`${from}-${to}`);
    const end = Math.min(Number(to) + 1, bytes.length);
    response
      .writeHead(206, { "Content-Range": `bytes ${from}-${end - 1}/${bytes.length}` })
      .end(bytes.subarray(Number(from), end));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/state.pt`;
  for (const input of [bytes, bytes.slice().buffer, new Blob([bytes]), path, pathToFileURL(path), url]) {
    let last = [0, 0];
    const loaded = await torch.loadAsync(input, { progress: (done, total) => (last = [done, total]) });
    assert.ok(loaded.get("weight")!.equal(state.weight) && loaded.get("bias")!.equal(state.bias));
    assert.ok(last[0]! > 480_000 && last[1] === bytes.length, String(last));
  }
  assert.ok(ranges.length >= 2 && ranges.length < 12, String(ranges));
  server.closeAllConnections();
  server.close();
});

test("mmap: the tensors' memory is the file; changes stay in memory", () => {
  const path = join(folder, "mapped.pt");
  const state = { weight: torch.randn(100, 100), half: torch.ones(7).to(torch.float16), empty: torch.zeros(0) };
  torch.save(state, path);
  const before = readFileSync(path);
  const loaded = torch.load(path, { mmap: true });
  assert.ok(loaded.get("weight")!.equal(state.weight) && loaded.get("half")!.equal(state.half));
  assert.equal(loaded.get("empty")!.numel(), 0);
  loaded.get("weight")!.add_(1);
  assert.ok(loaded.get("weight")!.equal(state.weight.add(1)));
  assert.ok(readFileSync(path).equals(before));
  assert.ok(torch.load(torch.save(loaded)).get("weight")!.equal(state.weight.add(1)));
  torch.save(loaded, path); // over the file that is mapped: the mapping keeps the old one
  assert.ok(torch.load(path).get("weight")!.equal(loaded.get("weight")!));
  assert.throws(() => torch.load(before, { mmap: true }), /f must be a file path in order to use the mmap argument/);
});

test("a module's state_dict: missing, unexpected and mismatching keys at once, and a hint for prefixes", () => {
  const model = new nn.Sequential(new nn.Linear(2, 3), new nn.Linear(3, 1));
  const state = model.stateDict();
  const prefixed = new Map([...state].map(([key, value]) => [`module.${key}`, value]));
  const failure = (to: torch.nn.Module, from: Map<string, torch.Tensor>): string => {
    try {
      to.loadStateDict(from);
    } catch (error) {
      return (error as Error).message;
    }
    return "loaded";
  };
  assert.match(
    failure(model, prefixed),
    /Missing key\(s\) in state_dict: "0\.weight", .*\n\tUnexpected key\(s\).*"module\.0\.weight"/,
  );
  assert.match(failure(model, prefixed), /help: the keys of the state_dict begin with "module\." \(nn\.DataParallel/);
  const wrapper = new (class Wrapper extends nn.Module {
    model = model;
  })();
  assert.match(
    failure(wrapper, state),
    /help: the keys of the module begin with "model\.".*model\.model\.loadStateDict\(state\)/,
  );
  const wrong = new Map(state);
  wrong.delete("0.bias");
  wrong.set("1.weight", torch.ones(2, 2)).set("extra", torch.ones(1));
  const all = failure(model, wrong);
  assert.match(all, /Missing key.*"0\.bias".*\n.*Unexpected key.*"extra".*\n.*size mismatch for 1\.weight/);
  assert.doesNotMatch(all, /help/);
  assert.equal(failure(model, torch.load(torch.save(state))), "loaded");
});

test("the state of optimizers and schedulers goes through a file", () => {
  const setup = () => {
    const weight = torch.ones(3).requiresGrad_();
    const optimizer = new optim.Adam([weight], { lr: 0.1, betas: [0.5, 0.9] });
    return { weight, optimizer, scheduler: new optim.lrScheduler.MultiStepLR(optimizer, [1, 3, 3], { gamma: 0.5 }) };
  };
  const step = ({ weight, optimizer, scheduler }: ReturnType<typeof setup>): void => {
    optimizer.zeroGrad();
    weight
      .mul(torch.tensor([1, 2, 3]))
      .square()
      .sum()
      .backward();
    optimizer.step();
    scheduler.step();
  };
  const [whole, before, later] = [setup(), setup(), setup()];
  for (let i = 0; i < 5; i++) step(whole);
  for (let i = 0; i < 2; i++) step(before);
  const bytes = torch.save({ ...before, optimizer: before.optimizer.stateDict(), scheduler: before.scheduler.stateDict() });
  const saved = torch.load<Map<string, never>>(bytes);
  const optimizerState = saved.get("optimizer")! as Map<string, Map<unknown, unknown>>;
  assert.deepEqual([...optimizerState.get("state")!.keys()], [0]); // Python's ints, not strings
  assert.ok((saved.get("scheduler")! as Map<string, unknown>).get("milestones") instanceof torch.Counter);
  torch.noGrad(() => later.weight.copy_(saved.get("weight")!));
  later.optimizer.loadStateDict(saved.get("optimizer")!);
  later.scheduler.loadStateDict(saved.get("scheduler")!);
  for (let i = 0; i < 3; i++) step(later);
  assert.ok(later.weight.equal(whole.weight));
  assert.deepEqual(later.scheduler.getLastLr(), whole.scheduler.getLastLr());
});

test("numbers and text as pickles write them", () => {
  for (const value of [0n, 1n, -1n, 127n, 128n, -128n, -129n, 255n, 256n, 2n ** 63n, -(2n ** 63n), 2n ** 4000n, -(2n ** 2047n)]) {
    const bytes = encodeLong(value);
    assert.equal(BigInt(decodeLong(bytes)), value);
    const length = value === 0n ? 0 : bytes.length;
    assert.ok(length === 0 || BigInt.asIntN(8 * length - 8, value) !== value, `${value} in ${length} bytes`);
  }
  for (const text of ["", "abc", "é", "日本 😀", "\ud800", "a\udc00\ud800b😀", `${"x".repeat(100)}\udfff`]) {
    assert.equal(decodeText(encodeText(text)), text);
  }
  assert.throws(() => decodeText(Uint8Array.of(0xff)), torch.UnpicklingError);
});

test("the CRC in machine code is that by tables", () => {
  const random = randomNumbers(3);
  for (const length of [0, 1, 1023, 1024, 1025, 1087, 1088, 5000, 100_001]) {
    const bytes = Uint8Array.from({ length: length + 3 }, () => random(256)).subarray(3);
    for (const before of [0, 1, 0xffffffff]) assert.equal(crc32(bytes, before), crc32OfTable(bytes, before), `${length}`);
  }
});

for (const { name, load, files } of formats(recorded)) {
  test(`mutated files of the format ${name} load or are refused: no crash, no hang, no hoard (250 mutations)`, () => {
    const outcome = fuzz(files.map(subjectOf), 250, 20240607, load);
    assert.deepEqual(outcome.failures, []);
    // small legacy files are nearly all pickle
    assert.ok((outcome.loaded > 5 || name === "legacy") && outcome.refused > 100, JSON.stringify(outcome));
    assert.ok(outcome.slowest < 1000, `${outcome.slowest} ms for mutation ${outcome.slowestAt}`);
  });
}

test("the fuzzing notices what takes too much memory", () => {
  const subject = subjectOf(torch.save([1]));
  const held: unknown[] = [];
  const hoards = [() => new Array(1e6).fill(0), () => new Uint8Array(8e6), () => Array.from({ length: 1e5 }, () => new Map())];
  for (const hoard of hoards) assert.equal(fuzz([subject], 1, 1, () => held.push(hoard())).failures.length, 1);
});

test("a save removes temporary files of dead writers only, also those that had its own number", () => {
  const place = mkdtempSync(join(folder, "left-"));
  const path = join(place, "state.pt");
  const { pid: dead } = spawnSync(process.execPath, ["--version"]);
  const sink = fileSink(path); // another save that goes on
  const [ours] = readdirSync(place);
  const named = (pid: number, of = "state.pt") => ours!.replace("state.pt", of).replace(/-\d+-(\d+)-\d+/, `-${pid}-$1-0`);
  const kept = [
    named(process.ppid),
    named(dead, "other.pt"),
    ".state.pt.tmp",
    ours!.replace(/\.[0-9a-f]{8}-\d+/, `.00000000-${dead}`),
  ];
  const next = ours!.replace(/-(\d+)\.tmp$/, (_, n) => `-${Number(n) + 1}.tmp`);
  for (const name of [...kept, named(dead), next]) writeFileSync(join(place, name), "left over");
  torch.save(1, path);
  assert.deepEqual(readdirSync(place).sort(), [...kept, ours!, "state.pt"].sort());
  sink.abort();
  assert.equal(torch.load(path), 1);
  torch.save(2, join(place, "x".repeat(251))); // the temporary file's name is not longer than a name may be
});

/** Resolves once the child has written. */
async function ready(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once("data", () => resolve());
    child.once("error", reject);
  });
}

test("a kill at any moment leaves a complete file", async () => {
  const path = join(folder, "killed.pt");
  const child = fileURLToPath(new URL("killChild.js", import.meta.url));
  const kills = Number(process.env.KILLS ?? 3); // KILLS=50 for more
  let last = 0;
  for (let i = 0; i < kills; i++) {
    const saving = spawn(process.execPath, [child, path], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise((resolve) => saving.once("exit", resolve));
    await ready(saving);
    await new Promise((resolve) => setTimeout(resolve, 60 + Math.random() * 150));
    saving.kill("SIGKILL");
    await ended;
    if (!readdirSync(folder).includes("killed.pt")) continue; // killed before the first was complete
    const state = torch.load<Map<string, unknown>>(path);
    const round = state.get("round") as number;
    const tensors = state.get("tensors") as torch.Tensor[];
    assert.equal(tensors.length, 8);
    for (const x of tensors) assert.ok(x.eq(round).all().item());
    last = round;
  }
  assert.ok(last > 0, "no file was completed");
  torch.save(1, path); // removes what the killed ones left
  assert.deepEqual(readdirSync(folder).filter((name) => name.startsWith(".killed.pt")), []); // biome-ignore format: short
});
