/**
 * The tables: type-promotion.json, rng.json and repr.json. Each row is one case.
 */
import { inspect } from "node:util";
import { type Api, Mismatch, Missing, numberOf, type TensorLike } from "./api.ts";
import { read } from "./compare.ts";
import { isObject, type Json, type JsonObject, type Kind } from "./format.ts";

export interface TableCase {
  readonly id: string;
  readonly op: string;
  run(api: Api): void;
}

type Shaped = TensorLike & { at(...index: unknown[]): TensorLike };

function isComplex(kind: string): boolean {
  return kind.endsWith("c64") || kind.endsWith("c128") || kind === "py:1j";
}

/** `t:f32` a vector, `s:f32` a 0-d tensor, `py:1` a Python number. */
function operand(api: Api, text: string): unknown {
  const [form, kind] = text.split(":") as [string, string];
  if (isComplex(text)) api.requireComplex();
  if (form === "py") {
    if (kind === "True") return true;
    return kind === "1" ? 1 : api.fn("scalar")(1, api.dtype("f32"));
  }
  return api.fn("ones")(form === "t" ? [2] : [], { dtype: api.dtype(kind as Kind) });
}

function resultKind(api: Api, run: () => unknown): string {
  let result: unknown;
  try {
    result = run();
  } catch (error) {
    if (error instanceof Missing) throw error;
    if (error instanceof (api.torch.TorchError as new () => Error)) return "error";
    throw error;
  }
  const first = Array.isArray(result)
    ? result[0]
    : api.isTensor(result)
      ? result
      : ((result as Record<string, unknown>).values ?? result);
  if (!api.isTensor(first)) throw new Mismatch("the result is no tensor");
  for (const kind of ["f32", "f64", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "bool"] as const)
    if (api.dtype(kind) === first.dtype) return kind;
  return first.dtype.name;
}

function expectKind(actual: string, expected: string): void {
  if (actual !== expected) throw new Mismatch(`${actual}, expected ${expected}`);
}

export function promotionCases(table: JsonObject): TableCase[] {
  const cases: TableCase[] = [];
  const add = (group: string, op: string, key: string, run: (api: Api) => void) =>
    cases.push({ id: `type-promotion/${group}/${key}`, op, run });
  for (const [key, expected] of Object.entries(table.promote_types as Record<string, Kind>)) {
    const [a, b] = key.split(",") as [Kind, Kind];
    add("promote_types", "promote_types", key, (api) => {
      const types = [a, b].map((kind) => api.dtype(kind));
      expectKind((api.fn("promote_types")(...types) as { name: string }).name, api.dtype(expected).name);
    });
  }
  for (const [key, expected] of Object.entries(table.can_cast as Record<string, boolean>)) {
    const [a, b] = key.split(",") as [Kind, Kind];
    add("can_cast", "can_cast", key, (api) => {
      const got = api.fn("can_cast")(api.dtype(a), api.dtype(b));
      if (got !== expected) throw new Mismatch(`${got}, expected ${expected}`);
    });
  }
  for (const [key, expected] of Object.entries(table.binary as Record<string, string>)) {
    if (expected === "?") continue;
    const [op, left, right] = key.split("|") as [string, string, string];
    add("binary", op, key, (api) => {
      if (isComplex(left) || isComplex(right)) api.requireComplex();
      const a = operand(api, left);
      const b = operand(api, right);
      if (op === "where") {
        const mask = (api.fn("ones")([2], { dtype: api.dtype("bool") }) as TensorLike) ?? null;
        expectKind(
          resultKind(api, () => api.fn("where")(mask, a, b)),
          expected,
        );
        return;
      }
      const run = api.fn(op);
      expectKind(
        resultKind(api, () => run(a, b)),
        expected,
      );
    });
  }
  for (const [key, expected] of Object.entries(table.unary as Record<string, string>)) {
    if (expected === "?") continue;
    const [op, kind] = key.split("|") as [string, Kind];
    add("unary", op, key, (api) => {
      if (isComplex(kind)) api.requireComplex();
      const x = api.fn("ones")([2], { dtype: api.dtype(kind) });
      const function_ = api.fn(op);
      expectKind(
        resultKind(api, () => (op === "softmax" || op === "cumsum" ? function_(x, 0) : function_(x))),
        expected,
      );
    });
  }
  return cases;
}

/** What each row of rng.json is called with, after the seed was set. */
const STREAMS: Record<string, (api: Api) => unknown> = {
  "rand(10)": (api) => api.fn("rand")([10]),
  "rand(10,f64)": (api) => api.fn("rand")([10], { dtype: api.dtype("f64") }),
  "randn(10)": (api) => api.fn("randn")([10]),
  "randn(20)": (api) => api.fn("randn")([20]),
  "randn(10,f64)": (api) => api.fn("randn")([10], { dtype: api.dtype("f64") }),
  "randn(20,f64)": (api) => api.fn("randn")([20], { dtype: api.dtype("f64") }),
  "randint(0,100,10)": (api) => api.fn("randint")(0, 100, [10]),
  "randperm(12)": (api) => api.fn("randperm")(12),
  "bernoulli(0.3*ones(12))": (api) => api.fn("bernoulli")(api.fn("full")([12], 0.3)),
  "uniform_(-2,3)(8)": (api) => method(api.fn("empty")([8]), "uniform_", -2, 3),
  "normal_(1,2)(8)": (api) => method(api.fn("empty")([8]), "normal_", 1, 2),
  "dropout(ones(12),0.5)": (api) => api.fn("nn.functional.dropout")(api.fn("ones")([12]), 0.5),
  "exponential_(1.5)(6)": (api) => method(api.fn("empty")([6]), "exponential_", 1.5),
  "multinomial([.1,.2,.7],8,True)": (api) => api.fn("multinomial")(api.fn("tensor")([0.1, 0.2, 0.7]), 8, { replacement: true }),
  "multinomial([.1,.2,.3,.4],3,False)": (api) =>
    api.fn("multinomial")(api.fn("tensor")([0.1, 0.2, 0.3, 0.4]), 3, { replacement: false }),
  "Linear(3,2).weight": (api) => property(api.construct("nn.Linear", [3, 2]), "weight"),
  "Linear(3,2).bias": (api) => property(api.construct("nn.Linear", [3, 2]), "bias"),
  "Conv2d(1,2,2).weight": (api) => property(api.construct("nn.Conv2d", [1, 2, 2]), "weight"),
  "Embedding(4,3).weight": (api) => property(api.construct("nn.Embedding", [4, 3]), "weight"),
  "LSTM(2,2).weight_hh_l0": (api) => property(api.construct("nn.LSTM", [2, 2]), "weightHhL0"),
  "rand(3) twice": (api) => [api.fn("rand")([3]), api.fn("rand")([3])],
  "randn(3) twice": (api) => [api.fn("randn")([3]), api.fn("randn")([3])],
};

function method(tensor: unknown, name: string, ...args: unknown[]): unknown {
  const found = (tensor as Record<string, unknown>)[name];
  if (typeof found !== "function") throw new Missing(`there is no Tensor.${name}`);
  return found.apply(tensor, args);
}

function property(object: object, name: string): unknown {
  return (object as Record<string, unknown>)[name];
}

/** Rows are equal to the last bit, except float64 normals, where the C library's logarithm and cosine leave 2e-16. */
export function streamCases(rows: readonly JsonObject[]): TableCase[] {
  return rows.flatMap(({ seed, ...streams }) =>
    Object.entries(streams).map(([name, expected]) => ({
      id: `rng/${seed}/${name}`,
      op: name,
      run(api: Api) {
        const make = STREAMS[name];
        if (make === undefined) throw new Error(`the runner does not know the stream ${name}`);
        api.fn("manual_seed")(seed);
        const result = make(api);
        const got = (Array.isArray(result) ? result : [result]).flatMap((t) => read(api, t as Shaped).map(Number));
        const wanted = (expected as Json[]).flat().map((v) => numberOf(v));
        const slack = name.startsWith("randn") && name.includes("f64") ? 4e-16 : 0;
        wanted.forEach((w, i) => {
          if (!(Object.is(got[i], w) || got[i] === w || Math.abs(got[i]! - w) <= slack * Math.max(1, Math.abs(w))))
            throw new Mismatch(`[${i}] is ${got[i]}, expected ${w}`);
        });
        if (got.length !== wanted.length) throw new Mismatch(`${got.length} values, expected ${wanted.length}`);
      },
    })),
  );
}

/** repr.json's Python expressions in our API; a floating literal that Python writes with a point is a number here, tensors of ints get their dtype. */
const EXPRESSIONS: Record<string, (t: Torch) => unknown> = {
  "torch.tensor(1)": (t) => t.tensor(1, { dtype: t.int64 }),
  "torch.tensor(1.5)": (t) => t.tensor(1.5),
  "torch.tensor([1., 2., 3.])": (t) => t.tensor([1, 2, 3]),
  "torch.tensor([1.5, 2.25, -3.125])": (t) => t.tensor([1.5, 2.25, -3.125]),
  "torch.tensor([True, False])": (t) => t.tensor([true, false]),
  "torch.zeros(2, 3)": (t) => t.zeros(2, 3),
  "torch.eye(3)": (t) => t.eye(3),
  "torch.arange(12).reshape(3, 4)": (t) => t.arange(12).reshape(3, 4),
  "torch.arange(24).reshape(2, 3, 4)": (t) => t.arange(24).reshape(2, 3, 4),
  "torch.tensor([123456.789])": (t) => t.tensor([123456.789]),
  "torch.tensor([0.1, 0.22, 0.333])": (t) => t.tensor([0.1, 0.22, 0.333]),
  "torch.tensor([1., 2.], dtype=torch.float64)": (t) => t.tensor([1, 2], { dtype: t.float64 }),
  "torch.tensor([1., 2.5], dtype=torch.float16)": (t) => t.tensor([1, 2.5], { dtype: t.float16 }),
  "torch.tensor([1., 2.5], dtype=torch.bfloat16)": (t) => t.tensor([1, 2.5], { dtype: t.bfloat16 }),
  "torch.tensor([1+2j, 3-4j])": (t) => (t.viewAsComplex as (x: unknown) => unknown)(t.tensor([1, 2, 3, -4]).reshape(2, 2)),
  "torch.tensor([1.], requires_grad=True) * 2": (t) => t.tensor([1], { requiresGrad: true }).mul(2),
  "torch.arange(1100)": (t) => t.arange(1100),
  "torch.zeros(2000, 2)": (t) => t.zeros(2000, 2),
  "torch.nn.Parameter(torch.ones(2))": (t) => new t.nn.Parameter(t.ones(2)),
  "torch.tensor([[-1.0, 20.0], [300.0, -4000.0]])": (t) =>
    t.tensor([
      [-1, 20],
      [300, -4000],
    ]),
  "torch.tensor([0.0001, 0.00001])": (t) => t.tensor([0.0001, 0.00001]),
  "torch.tensor([1000000.0, 2000000.0])": (t) => t.tensor([1000000, 2000000]),
  "torch.tensor([99999999.0])": (t) => t.tensor([99999999]),
  "torch.linspace(0, 1, 7)": (t) => t.linspace(0, 1, 7),
  "torch.tensor(float('inf'))": (t) => t.tensor(Number.POSITIVE_INFINITY),
  "torch.tensor([[1, -20], [300, 4]])": (t) =>
    t.tensor(
      [
        [1, -20],
        [300, 4],
      ],
      { dtype: t.int64 },
    ),
  "torch.ones(1, 1, 1, 1)": (t) => t.ones(1, 1, 1, 1),
  "torch.tensor([1e-45])": (t) => t.tensor([1e-45]),
  "torch.full((3,), 1/3)": (t) => t.full([3], 1 / 3),
  "torch.ones(30)": (t) => t.ones(30),
  "torch.tensor(3.0, requires_grad=True) ** 2": (t) => t.tensor(3, { requiresGrad: true }).pow(2),
  "torch.tensor([2**62, -1])": (t) => t.tensor([2n ** 62n, -1n]),
  "torch.tensor([[True], [False]])": (t) => t.tensor([[true], [false]]),
  "torch.empty(0, 3, dtype=torch.int64)": (t) => t.empty([0, 3], { dtype: t.int64 }),
  "torch.float32": (t) => t.float32,
  "torch.device('cpu')": (t) => t.device("cpu"),
  "torch.nn.Linear(3, 2)": (t) => new t.nn.Linear(3, 2),
  "torch.nn.Conv2d(1, 2, 3, padding=1)": (t) => new t.nn.Conv2d(1, 2, 3, { padding: 1 }),
  "torch.nn.LSTM(3, 4, num_layers=2, batch_first=True)": (t) => new t.nn.LSTM(3, 4, { numLayers: 2, batchFirst: true }),
  "torch.nn.TransformerEncoderLayer(8, 2)": (t) => new t.nn.TransformerEncoderLayer(8, 2),
  "torch.nn.ModuleDict({'a': torch.nn.Linear(1, 1), 'b': torch.nn.ModuleList([torch.nn.Tanh(), torch.nn.Tanh()])})": (t) =>
    new t.nn.ModuleDict({ a: new t.nn.Linear(1, 1), b: new t.nn.ModuleList([new t.nn.Tanh(), new t.nn.Tanh()]) }),
  "torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)": (t) =>
    new t.optim.SGD([new t.nn.Parameter(t.zeros(1))], { lr: 0.1 }),
  "torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])": (t) => new t.optim.Adam([new t.nn.Parameter(t.zeros(1))]),
  "torch.nn.Embedding(5, 3, padding_idx=0)": (t) => new t.nn.Embedding(5, 3, { paddingIdx: 0 }),
  "torch.nn.MultiheadAttention(8, 2)": (t) => new t.nn.MultiheadAttention(8, 2),
};

interface Chain {
  reshape(...shape: number[]): Chain;
  mul(other: number): Chain;
  pow(exponent: number): Chain;
}
type Make = (...args: unknown[]) => Chain;
type Class = new (...args: unknown[]) => object;
type Torch = Record<"tensor" | "zeros" | "eye" | "arange" | "ones" | "linspace" | "full" | "empty" | "device", Make> &
  Record<"int64" | "float16" | "bfloat16" | "float32" | "float64", object> & {
    nn: Record<string, Class>;
    optim: Record<string, Class>;
  } & Record<string, unknown>;

export function reprCases(rows: readonly { expr: string; repr: string }[]): TableCase[] {
  return rows.map(({ expr, repr }) => ({
    id: `repr/${expr}`,
    op: expr,
    run(api: Api) {
      const make = EXPRESSIONS[expr];
      if (make === undefined) throw new Error(`the runner does not know the expression ${expr}`);
      const value = make(api.strict("") as Torch);
      const got = typeof value === "object" && value !== null ? inspect(value) : String(value);
      if (got !== repr) throw new Mismatch(`${JSON.stringify(got)}, expected ${JSON.stringify(repr)}`);
    },
  }));
}

export function isRows(value: Json): value is JsonObject[] {
  return Array.isArray(value) && value.every((v) => isObject(v));
}
