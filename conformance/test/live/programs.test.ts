/**
 * The same programs here and in PyTorch itself: printed tensors, modules made from a seed (their printed form, names, first weights), 20 steps of optimizers and schedulers. Needs a
 * Python with torch, named by the environment variable PYTHON; SEED chooses other programs.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import torch, { optim, type Tensor } from "typetorch";
import { Api, camel, Decoder } from "../../src/api.ts";
import type { Json, JsonObject } from "../../src/format.ts";

const script = fileURLToPath(new URL("../../../test/live/programs.py", import.meta.url)); // this file runs from dist/test/live
const recorded = fileURLToPath(new URL("../../../recorded", import.meta.url));
const seed = process.env.SEED ?? String(Date.now() % 1_000_000);

function pytorch<T>(...args: string[]): T[] {
  const { status, stdout, stderr } = spawnSync(process.env.PYTHON ?? "/usr/bin/python3", [script, ...args, seed], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as T[];
}

const camelKeys = (o: object): Record<string, unknown> => Object.fromEntries(Object.entries(o).map(([k, v]) => [camel(k), v]));
const numberOf = (v: number | string): number => Number(v === "inf" ? "Infinity" : v === "-inf" ? "-Infinity" : v);
const list = (x: Tensor): number[] => (x.detach().double().reshape(-1).toArray() as unknown[]).map(Number);

function assertClose(actual: readonly number[], expected: readonly number[], tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((v, i) => {
    const limit = tolerance * Math.max(1, Math.abs(expected[i]!));
    assert.ok(Object.is(v, expected[i]) || Math.abs(v - expected[i]!) <= limit, `${what}[${i}]: ${v}, PyTorch ${expected[i]}`);
  });
}

interface Printed {
  readonly dtype: "float32" | "float64" | "float16" | "bfloat16" | "int64" | "int32" | "uint8" | "bool" | "int8";
  readonly shape: number[];
  readonly values: (number | string)[];
  readonly grad: boolean;
  readonly turned: boolean;
  readonly options: object;
  readonly text: string;
}

test(`tensors print as in PyTorch (SEED=${seed})`, () => {
  try {
    for (const c of pytorch<Printed>("print")) {
      const content =
        c.dtype === "int64" ? BigInt64Array.from(c.values, (v) => BigInt(v)) : Float64Array.from(c.values, numberOf);
      let x = torch.tensor(content).to(torch[c.dtype]).reshape(c.shape);
      if (c.grad) x = x.clone().requiresGrad_();
      torch.setPrintoptions({ profile: "default" });
      torch.setPrintoptions({ sciMode: null });
      torch.setPrintoptions(camelKeys(c.options));
      assert.equal(String(c.turned ? x.t() : x), c.text, JSON.stringify(c.options));
    }
  } finally {
    torch.setPrintoptions({ profile: "default" });
    torch.setPrintoptions({ sciMode: null });
  }
});

interface Made {
  readonly module: string;
  readonly cargs: Json[];
  readonly ckwargs: JsonObject;
  readonly seed: number;
  readonly text: string;
  readonly parameters: string[];
  readonly buffers: string[];
  readonly modules: string[];
  readonly keys: string[];
  readonly state: Record<string, [dtype: string, shape: number[], values: (number | string)[]]>;
}

test(`modules made from a seed have PyTorch's weights, names and printed form (SEED=${seed})`, async () => {
  const decode = new Decoder(await Api.load(undefined), { T: [] }, null);
  // JavaScript has one number type: 2.0 prints as 2 where PyTorch keeps what it was given
  const sameNumbers = (text: string): string => text.replace(/(\d)\.0\b/g, "$1").replace(", sparse=True", "");
  for (const c of pytorch<Made>("modules", recorded)) {
    torch.manualSeed(c.seed);
    const module = decode.construct(c.module, c.cargs, c.ckwargs) as InstanceType<typeof torch.nn.Module>;
    assert.equal(sameNumbers(String(module)), sameNumbers(c.text));
    assert.deepEqual(
      [...module.namedParameters()].map(([k]) => k),
      c.parameters,
      c.module,
    );
    assert.deepEqual(
      [...module.namedBuffers()].map(([k]) => k),
      c.buffers,
      c.module,
    );
    assert.deepEqual(
      [...module.namedModules()].map(([k]) => k),
      c.modules,
      c.module,
    );
    const state = new Map(Object.entries(Object.fromEntries(module.stateDict() as unknown as Iterable<[string, Tensor]>)));
    assert.deepEqual([...state.keys()], c.keys, c.module);
    for (const [key, [dtype, shape, values]] of Object.entries(c.state)) {
      const x = state.get(key)!;
      assert.equal(x.dtype.name, dtype, `${c.module} ${key}`);
      assert.deepEqual([...x.shape], shape, `${c.module} ${key}`);
      assertClose(list(x), values.map(numberOf), 1e-6, `${c.module} ${key}`);
    }
  }
});

interface Trained {
  readonly optimizer: keyof typeof optim;
  readonly options: object;
  readonly dtype: "float32" | "float64";
  readonly start: [number[][], number[]];
  readonly gradients: [number[][], number[]][];
  readonly scheduler: [name: keyof typeof optim.lrScheduler, positional: unknown[], options: object] | null;
  readonly error?: string;
  readonly text: string;
  readonly end: [number[][], number[]];
  readonly rates: number[][];
  readonly state: string[][];
  readonly groups: string[][];
}

interface AnyOptimizer {
  step(): unknown;
  readonly paramGroups: { lr: number }[];
  stateDict(): { state: object; param_groups?: object[]; paramGroups?: object[] };
}

const valuesOf = (o: object): Iterable<object> => (o instanceof Map ? o.values() : Object.values(o)) as Iterable<object>;
const keysOf = (o: object): string[] => (o instanceof Map ? [...(o as Map<string, unknown>).keys()] : Object.keys(o)).sort();

test(`20 steps of optimizers and schedulers go where PyTorch's go (SEED=${seed})`, () => {
  const construct = (space: object, name: string, args: unknown[]): unknown =>
    new (space as Record<string, new (...a: unknown[]) => unknown>)[name]!(...args);
  for (const c of pytorch<Trained>("optimizers")) {
    const what = `${c.optimizer} ${JSON.stringify(c.options)} ${JSON.stringify(c.scheduler)}`;
    const numbers = (values: unknown): Tensor => torch.tensor(values as number[], { dtype: torch[c.dtype] });
    const parameters = c.start.map((values) => numbers(values).requiresGrad_());
    const groups = [{ params: [parameters[0]!] }, { params: [parameters[1]!], lr: 0.05 }];
    const make = (): AnyOptimizer => construct(optim, c.optimizer, [groups, camelKeys(c.options)]) as AnyOptimizer;
    if (c.error !== undefined) {
      assert.throws(make, (error: Error) => error.message.includes(c.error!), `${what}: ${c.error}`);
      continue;
    }
    const optimizer = make();
    assert.equal(String(optimizer), c.text);
    const scheduler =
      c.scheduler === null
        ? null
        : (construct(optim.lrScheduler, c.scheduler[0], [optimizer, ...c.scheduler[1], camelKeys(c.scheduler[2])]) as {
            step(): void;
          });
    c.gradients.forEach((pair, i) => {
      parameters.forEach((x, j) => {
        x.grad = i === 3 && j === 1 ? null : numbers(pair[j]);
      });
      optimizer.step();
      scheduler?.step();
      assertClose(
        optimizer.paramGroups.map(({ lr }) => lr),
        c.rates[i]!,
        1e-9,
        `${what}: rates of step ${i}`,
      );
    });
    parameters.forEach((x, j) => {
      assertClose(list(x), (c.end[j] as number[]).flat(), c.dtype === "float64" ? 1e-10 : 5e-5, `${what}: parameter ${j}`);
    });
    const state = optimizer.stateDict();
    assert.deepEqual([...valuesOf(state.state)].map(keysOf), c.state, what);
    assert.deepEqual((state.param_groups ?? state.paramGroups!).map(keysOf), c.groups, what);
  }
});
