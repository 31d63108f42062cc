/**
 * Runs bad calls, one after the other, in a process of its own: before each call its number is written, so that a crash names it.
 *
 * node execute.js CALLS.jsonl OUTCOMES.jsonl FROM
 */
import fs from "node:fs";
import { Api, camel, Decoder, Missing, type TensorLike } from "../api.ts";
import { isObject, type Json, type Kind } from "../format.ts";
import { overloads, place } from "../signatures.ts";
import { type BadCall, type Detail, entryOf, type Outcome } from "./call.ts";

const [callsFile, outcomesFile, from] = process.argv.slice(2) as [string, string, string];
const api = await Api.load(undefined);
const TorchError = api.torch.TorchError as new () => Error;
const kindOf: Record<string, Kind> = {
  float32: "f32",
  float64: "f64",
  float16: "f16",
  bfloat16: "bf16",
  int64: "i64",
  int32: "i32",
  int16: "i16",
  int8: "i8",
  uint8: "u8",
  bool: "bool",
};

type Callables = Record<string, (...args: unknown[]) => unknown>;

function invoke(call: BadCall, decode: Decoder): unknown {
  const signature = call.overload < 0 ? undefined : overloads(call.op)?.[call.overload];
  const { positional, options } =
    signature === undefined ? { positional: call.args, options: call.kwargs } : place(signature, call.args, call.kwargs);
  const values = positional.map((v) => (v === undefined ? undefined : decode.value(v)));
  if (Object.keys(options).length > 0)
    values.push(Object.fromEntries(Object.entries(options).map(([k, v]) => [camel(k), decode.value(v)])));
  if (call.form === "function") return api.fn(call.op)(...values);
  if (call.form === "module") {
    const module = api.construct(call.op, values) as { call(...args: unknown[]): unknown };
    return module.call(...(call.forward ?? []).map((v) => decode.value(v)));
  }
  if (call.form === "optim") {
    const optimizer = api.construct(call.op, values) as { step(closure?: () => unknown): unknown };
    for (let i = 0; i < call.T.length; i++) {
      const x = decode.tensor(i);
      if (x.requiresGrad && x.dtype.isFloatingPoint) x.grad = api.fn("ones_like")(x) as TensorLike;
    }
    optimizer.step(() => api.fn("tensor")(1));
    return null;
  }
  const [self, ...rest] = values as [TensorLike & Callables, ...unknown[]];
  const name = camel(call.op) + (call.form === "inplace" ? "_" : "");
  if (typeof self[name] !== "function") throw new Missing(`there is no Tensor.${name}`);
  return self[name]!(...rest);
}

function elements(x: TensorLike, digits = 5): (number | string)[] {
  const flat = (x.detach().reshape([-1]).toArray() as unknown[]).map(Number);
  return flat.map((v) => (Number.isFinite(v) ? Number(v.toPrecision(digits)) : Number.isNaN(v) ? "nan" : v > 0 ? "inf" : "-inf"));
}

const count = (x: TensorLike): number => x.shape.reduce((a, b) => a * b, 1);

function tensorsOf(value: unknown, out: TensorLike[], depth = 0): TensorLike[] {
  if (api.isTensor(value)) out.push(value);
  else if (Array.isArray(value)) for (const v of value.slice(0, 8)) tensorsOf(v, out, depth + 1);
  else if (typeof value === "object" && value !== null && depth < 2)
    for (const v of Object.values(value)) tensorsOf(v, out, depth + 1);
  return out;
}

/** Everything about the results, and the gradients of the arguments of a weighted sum of them. */
function details(call: BadCall, decode: Decoder, results: readonly TensorLike[]): Detail[] {
  const describe = (x: TensorLike, name?: string): Detail => ({
    ...(name !== undefined && { name }),
    d: kindOf[x.dtype.name]!,
    s: [...x.shape],
    st: [...x.stride()],
    g: x.requiresGrad,
    fn: /\w+/.exec(String((x as unknown as { gradFn: object | null }).gradFn ?? ""))?.[0] ?? null,
    ...(count(x) <= 400 && !usesRandom(call) && call.form !== "module" && { v: elements(x, 9) }),
  });
  const out = results.map((x) => describe(x));
  const differentiable = results.filter((x) => x.requiresGrad && x.dtype.isFloatingPoint);
  if (differentiable.length === 0 || call.form === "inplace" || call.form === "module" || usesRandom(call)) return out;
  let loss: unknown = null;
  for (const x of differentiable) {
    const weights = Array.from({ length: count(x) }, (_, k) => (((k * 37) % 11) - 5) / 4);
    const w = (api.fn("tensor")(weights, { dtype: x.dtype }) as TensorLike).reshape(x.shape);
    const term = ((x as unknown as Callables).mul!(w) as Callables).sum!();
    loss = loss === null ? term : (loss as Callables).add!(term);
  }
  (loss as Callables).backward!();
  call.T.forEach((entry, i) => {
    if (entry.g !== 1 || !decode.has(i)) return;
    const { grad } = decode.tensor(i);
    if (grad !== null && grad !== undefined) out.push({ ...describe(grad, `grad ${i}`), g: false, fn: null });
  });
  return out;
}

function usesRandom(call: BadCall): boolean {
  return /rand|normal|uniform|dropout|bernoulli|multinomial|poisson|exponential|geometric|cauchy|rrelu|gumbel|^empty|new_empty|resize|fractional/.test(
    call.op,
  );
}

function run(call: BadCall): Outcome {
  const decode = new Decoder(api, { T: call.T.map(entryOf) }, null);
  let before: string[] = [];
  const state = (): string[] =>
    call.T.map((x, i) =>
      decode.has(i) && x.of === undefined && x.s.every((n) => n < 100) ? JSON.stringify(elements(decode.tensor(i))) : "",
    );
  try {
    const walk = (value: Json): void => {
      if (Array.isArray(value)) value.forEach(walk);
      else if (isObject(value)) "$t" in value ? decode.tensor(value.$t as number) : Object.values(value).forEach(walk);
    };
    walk([...call.args, ...Object.values(call.kwargs), ...(call.forward ?? [])]);
    before = state();
    if (typeof api.torch.manualSeed === "function") api.fn("manual_seed")(42);
    const result = invoke(call, decode);
    const tensors = tensorsOf(result, []);
    for (const x of tensors) if (count(x) < 1e6) elements(x); // every element can be read
    if (call.detail) return { details: details(call, decode, tensors) };
    return {
      tensors: tensors.map(
        (x) =>
          [
            kindOf[x.dtype.name]!,
            [...x.shape],
            ...(count(x) <= 24 && !usesRandom(call) && call.form !== "module" ? [elements(x)] : []),
          ] as const as never,
      ),
    };
  } catch (error) {
    if (error instanceof Missing) return { broken: "missing" };
    if (!(error instanceof Error)) return { broken: `threw ${String(error)}` };
    const outcome = { error: error.constructor.name, message: error.message };
    if (!((error as object) instanceof TorchError))
      return {
        ...outcome,
        broken: `${error.constructor.name}: ${error.message}\n${(error.stack ?? "").split("\n").slice(1, 6).join("\n")}`,
      };
    const after = state();
    const half = before.findIndex((text, i) => text !== after[i]);
    if (half >= 0 && before[half] !== "")
      return { ...outcome, broken: `tensor ${half} was changed before the error: ${before[half]} to ${after[half]}` };
    return outcome;
  }
}

const calls = fs
  .readFileSync(callsFile, "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as BadCall);
const file = fs.openSync(outcomesFile, "a");
const progress = fs.openSync(`${outcomesFile}.progress`, "w");
for (let i = Number(from); i < calls.length; i++) {
  fs.writeSync(progress, String(i).padEnd(12), 0);
  const outcome = run(calls[i]!);
  fs.writeSync(file, `${JSON.stringify({ i, ...outcome })}\n`);
}
process.exit(0);
