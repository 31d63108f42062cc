/**
 * Files between this library and PyTorch itself: what one saves the other loads. Needs a Python with torch, named by the environment variable PYTHON.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import torch, { nn, optim, type Tensor } from "typetorch";
import { Api } from "../../src/api.ts";
import { Describer } from "../../src/describe.ts";

const script = fileURLToPath(new URL("../../../test/live/files.py", import.meta.url)); // this file runs from dist/test/live
const folder = mkdtempSync(join(tmpdir(), "typetorch-files-"));
after(() => rmSync(folder, { recursive: true }));
const api = await Api.load(undefined);

/** PyTorch's answer to a command of files.py. */
function pytorch(...args: (string | number)[]): unknown {
  const { status, stdout, stderr } = spawnSync(process.env.PYTHON ?? "/usr/bin/python3", [script, ...args.map(String)], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

const describe = (value: unknown) => JSON.parse(JSON.stringify(new Describer(api).describe(value))) as unknown;

/** Floats without the wrapping of integral ones, which the two sides write differently. */
function plain(description: unknown): unknown {
  return JSON.parse(JSON.stringify(description), (_, value: unknown) => {
    if (typeof value !== "object" || value === null) return value;
    const { $f, type, value: inner } = value as { $f?: unknown; type?: unknown; value?: unknown };
    if (typeof $f === "number") return $f;
    return type === "float" && Number.isInteger(inner) ? { type: "int", value: String(inner) } : value;
  });
}

/** Saves here, loads there, saves there, loads here: both must see the same. */
function roundTrip(name: string, value: unknown, weightsOnly: boolean): void {
  const ours = join(folder, `${name}.pt`);
  const theirs = join(folder, `${name}-again.pt`);
  torch.save(value, ours);
  const expected = plain(describe(value));
  assert.deepEqual(plain(pytorch("describe", ours, ...(weightsOnly ? [] : ["FULL"]))), expected, "in PyTorch");
  pytorch("resave", ours, theirs);
  assert.deepEqual(plain(describe(torch.load(theirs))), expected, "back again");
}

const matrix = torch.arange(24).reshape(4, 6).sub(11.5);
const real = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "bool"] as const;
const z = torch.viewAsComplex(torch.randn(3, 4, 2));

test("every dtype, with special values, weights only", () => {
  const tensors: [string, Tensor][] = real.map((name) => [name, matrix.to(torch[name])]);
  tensors.push(["uint8", torch.arange(250).to(torch.uint8)], ["complex64", z], ["complex128", z.to(torch.complex128)]);
  tensors.push(["special", torch.tensor([Number.NaN, Infinity, -Infinity, -0, 1e-45, 3.4e38])]);
  tensors.push(["wide", torch.tensor([2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n])]);
  roundTrip("dtypes", new torch.OrderedDict(tensors), true);
});

test("views that share a storage, strides, offsets, empty and 0-d tensors, weights only", () => {
  roundTrip(
    "views",
    {
      base: matrix,
      row: matrix.select(0, 2),
      column: matrix.select(1, 3),
      transposed: matrix.t(),
      part: matrix.narrow(0, 1, 2).narrow(1, 2, 3),
      expanded: matrix.narrow(0, 0, 1).expand([3, 6]),
      own: matrix.clone(),
      zt: z.t(),
      z,
      empty: torch.zeros(2, 0, 3),
      scalar: torch.tensor(2.5),
      deep: torch.randn(1, 2, 1, 2, 1, 2),
    },
    true,
  );
});

test("parameters, tied weights and a module's state_dict, weights only", () => {
  const weight = new nn.Parameter(torch.randn(3, 2));
  const model = new nn.Sequential(new nn.Linear(4, 3), new nn.BatchNorm1d(3), new nn.ReLU());
  const leaf = torch.ones(2).requiresGrad_();
  roundTrip(
    "parameters",
    { weight, tied: [weight, weight], frozen: new nn.Parameter(torch.ones(1), false), leaf, model: model.stateDict() },
    true,
  );
});

test("nesting of what weights_only knows", () => {
  const shared = [1, 2];
  roundTrip(
    "nested",
    {
      none: null,
      yes: true,
      no: false,
      ints: [0, 255, 256, 65535, 65536, -1, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, 2n ** 63n, -(2n ** 70n) + 1n],
      text: ["", "héllo ✓ 日本 😀", "x".repeat(300), "a\0b", "'\"\\\n"],
      tuple: Object.freeze([1, Object.freeze([]), Object.freeze(["a", Object.freeze([1, 2, 3, 4, 5])])]),
      ordered: new torch.OrderedDict<unknown, unknown>([["b", 1], ["a", new Map([["x", torch.ones(2)]])]]), // biome-ignore format: short
      keys: new Map<unknown, unknown>([[1, "one"], ["1", "text"], [Object.freeze([1, 2]), "tuple"], [null, "none"], [2n ** 80n, "big"]]), // biome-ignore format: short
      shared: [shared, shared],
      size: new torch.Size([2, 3]),
      long: Array.from({ length: 2500 }, (_, i) => `item ${i}`),
      prototype: new Map<string, unknown>([["__proto__", 1], ["constructor", 2]]), // biome-ignore format: short
    },
    true,
  );
});

test("nesting of what only a full load takes", () => {
  const counts = new torch.Counter([["a", 2], ["b", 1]]); // biome-ignore format: short
  const lists = new torch.DefaultDict<string, unknown>([["k", [1]]]);
  lists.factory = "list";
  roundTrip(
    "full",
    {
      floats: [0.5, -0, Number.NaN, Infinity, -Infinity, 1e300, 1e22], // 1.13 takes no floats with weights_only
      halves: new Map([[1.5, "key"]]),
      set: new Set([3]),
      frozen: new torch.FrozenSet(["x"]),
      bytes: [Uint8Array.of(0, 1, 127, 128, 255), new Uint8Array(0)],
      complex: new torch.Complex(1, -2),
      dtype: torch.bfloat16,
      device: [new torch.Device("cpu"), new torch.Device("cuda", 1)],
      counts,
      lists,
      surrogate: "a\ud800b",
    },
    false,
  );
});

test("values of many kinds that PyTorch saves are loaded, or refused with a reason and advice", () => {
  const kinds = pytorch("kinds", folder) as Record<string, unknown>;
  assert.ok(Object.keys(kinds).length > 100);
  for (const [name, expected] of Object.entries(kinds)) {
    if (expected === null) {
      assert.throws(() => torch.load(join(folder, name)), /^(UnpicklingError|SerializationError): .*\n {2}help: ./, name);
    } else assert.deepEqual(plain(describe(torch.load(join(folder, name)))), plain(expected), name);
  }
});

/** The same training as in files.py. */
function train(file: string, steps: number, start?: string): number[] {
  const [first, second] = [new nn.Linear(3, 8), new nn.Linear(8, 1)];
  const model = new nn.Sequential(first, new nn.Tanh(), second);
  const groups = [{ params: first.parameters() }, { params: second.parameters(), lr: 0.02 }];
  const optimizer = new optim.Adam(groups, { lr: 0.01, betas: [0.8, 0.99], weightDecay: 0.01, amsgrad: true });
  const scheduler = new optim.lrScheduler.MultiStepLR(optimizer, [4, 4, 9], { gamma: 0.5 });
  if (start !== undefined) {
    const state = torch.load<Map<string, Map<string, Tensor>>>(start);
    model.loadStateDict(state.get("model")!);
    optimizer.loadStateDict(state.get("optimizer")!);
    scheduler.loadStateDict(state.get("scheduler")!);
  }
  const index = torch.arange(30, { dtype: torch.float64 });
  const x = index.mul(0.37).sin().reshape(10, 3).to(torch.float32);
  const y = index.narrow(0, 0, 10).mul(0.9).cos().reshape(10, 1).to(torch.float32);
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad();
    const loss = nn.functional.mseLoss(model.call(x) as Tensor, y);
    loss.backward();
    optimizer.step();
    scheduler.step();
    losses.push(loss.item());
  }
  torch.save({ model: model.stateDict(), optimizer: optimizer.stateDict(), scheduler: scheduler.stateDict() }, file);
  return losses;
}

function assertClose(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]!) <= 1e-5, `loss ${i} is ${value}, expected ${expected[i]}`);
  });
}

test("a training that began in PyTorch goes on here, and then there again", () => {
  const at = (name: string) => join(folder, `${name}.pt`);
  pytorch("train", at("start"), 3);
  const expected = pytorch("train", at("whole"), 9, at("start")) as number[];
  assert.ok(expected.at(-1)! < expected[0]!);
  assertClose(train(at("here"), 4, at("start")), expected.slice(0, 4));
  assertClose(pytorch("train", at("there"), 5, at("here")) as number[], expected.slice(4));
  assertClose(train(at("home"), 5, at("here")), expected.slice(4));
});
