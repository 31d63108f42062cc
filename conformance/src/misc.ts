/**
 * The cases of misc.jsonl: gradient clipping, packed sequences, weight and spectral norm, initialisation, broadcasting.
 */
import { type Api, Decoder, Mismatch, Missing, numberOf, type TensorLike } from "./api.ts";
import { compareTensor, describe, EXACT, items, read, type Tolerance } from "./compare.ts";
import type { Case, Json, JsonObject, Pools } from "./format.ts";
import { entriesOf, loadState, type ModuleLike } from "./modules.ts";
import { bind } from "./signatures.ts";

type MiscCase = Case & Record<string, Json> & { readonly T: Case["T"] };

function expectNumber(what: string, actual: unknown, expected: number, [rtol, atol]: Tolerance): void {
  if (typeof actual !== "number" || !(Math.abs(actual - expected) <= atol + rtol * Math.abs(expected)))
    throw new Mismatch(`${what}: ${describe(actual)}, expected ${expected}`);
}

function expectList(what: string, actual: unknown, expected: unknown): void {
  const got = JSON.stringify(actual, (_, v: unknown) => (typeof v === "bigint" ? Number(v) : v));
  if (got !== JSON.stringify(expected)) throw new Mismatch(`${what}: ${got}, expected ${JSON.stringify(expected)}`);
}

/** `nn.Linear(4, 3)` and `nn.LSTM(3, 4, bidirectional=True)`, as the cases write them. */
function fromPython(decode: Decoder, source: string): ModuleLike {
  const [, name, list] = /^([\w.]+)\((.*)\)$/.exec(source)!;
  const args: Json[] = [];
  const kwargs: JsonObject = {};
  for (const part of list!.split(", ")) {
    const [key, value] = part.includes("=") ? (part.split("=") as [string, string]) : [null, part];
    const parsed = value === "True" ? true : value === "False" ? false : Number(value);
    if (key === null) args.push(parsed);
    else kwargs[key] = parsed;
  }
  return decode.api.place(decode.construct(name!, args, kwargs) as ModuleLike);
}

function call(decode: Decoder, name: string, args: readonly unknown[], kwargs: JsonObject): unknown {
  const bound = bind(
    name,
    args.map(() => null),
    kwargs,
  );
  const fn = decode.api.fn(name);
  if (bound === null) throw new Error(`${name}: no signature takes ${JSON.stringify(kwargs)}`);
  const rest = decode.bound({ positional: bound.positional.slice(args.length), options: bound.options });
  return fn(...args, ...rest);
}

function indices(api: Api, value: unknown): number[] | null {
  return value === null || value === undefined ? null : read(api, value as TensorLike).map(Number);
}

const kinds: Record<string, (api: Api, c: MiscCase, decode: Decoder, pools: Pools, tol: Tolerance) => void> = {
  clip_grad(api, c, decode, pools, tol) {
    const parameters = (c.grads as number[]).map((index) => {
      const grad = decode.constant(index);
      const parameter = api.place(api.fn("zeros")(grad.shape) as TensorLike).requiresGrad_();
      parameter.grad = grad;
      return parameter;
    });
    const result = call(decode, c.fn as string, [parameters], c.kwargs as JsonObject);
    if (c.result !== null) expectNumber("total norm", api.isTensor(result) ? result.item() : result, numberOf(c.result!), tol);
    (c.after as number[]).forEach((index, i) => {
      compareTensor(api, `gradient ${i}`, parameters[i]!.grad, c.T[index]!, pools, tol);
    });
  },
  packed(api, c, decode, pools, tol) {
    const options = { batch_first: c.batch_first!, enforce_sorted: c.enforce_sorted! };
    const packed = call(
      decode,
      "nn.utils.rnn.pack_padded_sequence",
      [decode.constant(c.input as number), c.lengths],
      options,
    ) as Record<string, unknown>;
    compareTensor(api, "data", packed.data, c.T[c.data as number]!, pools, tol);
    expectList("batch_sizes", indices(api, packed.batchSizes), c.batch_sizes);
    expectList("sorted_indices", indices(api, packed.sortedIndices), c.sorted_indices);
    expectList("unsorted_indices", indices(api, packed.unsortedIndices), c.unsorted_indices);
    const back = call(decode, "nn.utils.rnn.pad_packed_sequence", [packed], {
      batch_first: c.batch_first!,
      padding_value: c.padded_value!,
    });
    const [padded, lengths] = items(api, back, 2, undefined);
    compareTensor(api, "padded", padded, c.T[c.padded as number]!, pools, tol);
    expectList("lengths", indices(api, lengths), c.padded_lengths);
    const lstm = fromPython(decode, c.lstm as string);
    loadState(decode, lstm, c.lstm_state as Record<string, number>);
    const [out, state] = items(api, lstm.call(packed), 2, undefined) as [Record<string, unknown>, unknown];
    const [hn, cn] = items(api, state, 2, undefined);
    const [output] = items(
      api,
      call(decode, "nn.utils.rnn.pad_packed_sequence", [out], { batch_first: c.batch_first! }),
      2,
      undefined,
    );
    compareTensor(api, "lstm output", output, c.T[c.lstm_out as number]!, pools, tol);
    compareTensor(api, "lstm hidden", hn, c.T[c.lstm_hn as number]!, pools, tol);
    compareTensor(api, "lstm cell", cn, c.T[c.lstm_cn as number]!, pools, tol);
  },
  pad_sequence(api, c, decode, pools, tol) {
    const inputs = (c.inputs as number[]).map((index) => decode.constant(index));
    const result = call(decode, "nn.utils.rnn.pad_sequence", [inputs], {
      batch_first: c.batch_first!,
      padding_value: c.padding_value!,
    });
    compareTensor(api, "result", result, c.T[c.out as number]!, pools, tol);
  },
  weight_norm(api, c, decode, pools, tol) {
    const module = call(decode, "nn.utils.weight_norm", [fromPython(decode, c.module as string)], { dim: c.dim! }) as ModuleLike;
    loadState(decode, module, c.state as Record<string, number>);
    const x = decode.constant(c.x as number).requiresGrad_();
    const out = module.call(x) as TensorLike;
    compareTensor(api, "output", out, c.T[c.out as number]!, pools, tol);
    const parameters = new Map(module.namedParameters());
    const names = Object.keys(c.pgrads as JsonObject);
    const grad = (api.torch.autograd as { grad(o: TensorLike[], i: TensorLike[], options: object): TensorLike[] }).grad;
    const grads = grad([out], [x, ...names.map((name) => parameters.get(name)!)], {
      gradOutputs: [decode.constant(c.cot as number)],
    });
    compareTensor(api, "gradient of the input", grads[0], c.T[c.grad_x as number]!, pools, tol);
    names.forEach((name, i) => {
      compareTensor(api, `gradient of ${name}`, grads[i + 1], c.T[(c.pgrads as Record<string, number>)[name]!]!, pools, tol);
    });
  },
  spectral_norm(api, c, decode, pools, tol) {
    const module = call(decode, "nn.utils.spectral_norm", [fromPython(decode, c.module as string)], {
      n_power_iterations: c.n_power_iterations!,
    }) as ModuleLike;
    loadState(decode, module, c.state as Record<string, number>);
    compareTensor(api, "output", module.call(decode.constant(c.x as number)), c.T[c.out as number]!, pools, tol);
    const state = new Map(entriesOf(module.stateDict()));
    for (const [key, index] of Object.entries(c.state_after as Record<string, number>))
      compareTensor(api, `${key} afterwards`, state.get(key), c.T[index]!, pools, tol);
  },
  gain(api, c, _decode, _pools, tol) {
    expectNumber("gain", api.fn("nn.init.calculate_gain")(...(c.args as unknown[])), numberOf(c.out!), tol);
  },
  init_exact(api, c, decode, pools) {
    const tensor = api.place(api.fn("empty")(c.shape) as TensorLike);
    call(decode, c.fn as string, [tensor], c.kwargs as JsonObject);
    compareTensor(api, "tensor", tensor, c.T[c.out as number]!, pools, EXACT);
  },
  init_random(api, c, decode) {
    const shape = c.shape as number[];
    const samples = c.samples as number;
    const kwargs = c.kwargs as JsonObject;
    const values: number[] = [];
    api.fn("manual_seed")(1);
    while (values.length < samples) {
      const tensor = api.fn("empty")(shape) as TensorLike;
      call(decode, c.fn as string, [tensor], kwargs);
      if (c.check !== undefined)
        checkOrthogonal(read(api, tensor).map(Number), shape as [number, number], numberOf(kwargs.gain ?? 1));
      values.push(...read(api, tensor).map(Number));
    }
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
    const expectedStd = numberOf(c.std!);
    // both sides are samples: five standard errors of their difference
    const error = (5 * Math.SQRT2) / Math.sqrt(samples);
    expectNumber("mean", mean, numberOf(c.mean!), [0, error * expectedStd]);
    expectNumber("standard deviation", std, expectedStd, [error, 0]);
    if ((c.fn as string).includes("uniform")) {
      const span = numberOf(c.max!) - numberOf(c.min!);
      expectNumber("minimum", Math.min(...sample(values, Math.min)), numberOf(c.min!), [0, span * 1e-3]);
      expectNumber("maximum", Math.max(...sample(values, Math.max)), numberOf(c.max!), [0, span * 1e-3]);
    }
  },
  broadcast_shapes(api, c) {
    const expected = c.out as Json;
    try {
      const result = api.fn("broadcast_shapes")(...(c.shapes as unknown[]));
      expectList("shape", result, expected);
    } catch (error) {
      if (error instanceof Missing || error instanceof Mismatch) throw error;
      if (Array.isArray(expected)) throw error;
    }
  },
};

/** The extreme of a long list, found without spreading all of it. */
function sample(values: readonly number[], pick: (a: number, b: number) => number): number[] {
  return [values.reduce((a, b) => pick(a, b))];
}

function checkOrthogonal(values: readonly number[], [rows, columns]: readonly [number, number], gain: number): void {
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < columns; j++) {
      let dot = 0;
      for (let r = 0; r < rows; r++) dot += values[r * columns + i]! * values[r * columns + j]!;
      expectNumber(`column ${i} · column ${j}`, dot, i === j ? gain * gain : 0, [0, 1e-4]);
    }
  }
}

export function runMisc(api: Api, source: Case, pools: Pools): void {
  const c = source as MiscCase;
  const run = kinds[c.kind as string];
  if (run === undefined) throw new Error(`the runner does not know the kind ${c.kind}`);
  run(api, c, new Decoder(api, c, pools), pools, (c.tol as unknown as Tolerance | undefined) ?? EXACT);
}
