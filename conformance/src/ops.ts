/**
 * The cases of ops.jsonl and ops-errors.jsonl: one call each, with gradients, second derivatives, changed inputs and aliasing.
 */
import { type Api, camel, Decoder, Mismatch, Missing, type TensorLike } from "./api.ts";
import { compareTensor, compareValue, EXACT, items, type Tolerance } from "./compare.ts";
import { type Case, type Entry, isObject, type Json, type JsonObject, type Pools } from "./format.ts";

export interface OpCase extends Case {
  readonly op: string;
  readonly src?: string;
  readonly args: Json[];
  readonly kwargs: JsonObject;
  readonly out: Json;
  readonly tol?: Tolerance;
  readonly gtol?: Tolerance;
  readonly check?: "shape";
  readonly cot?: [number, number][];
  readonly grads?: [number, number | null][];
  readonly gg?: { cot: [number, number][]; grads: [number, number | null][] };
  readonly mutates?: [number, number | null][];
  readonly post?: string;
}

export interface ErrorCase extends OpCase {
  readonly error: string;
  readonly message: string;
  readonly regex: string;
}

/** Reflected operators: the name of the operation when the left side is a tensor. */
const REFLECTED: Record<string, string> = {
  __radd__: "add",
  __rsub__: "sub",
  __rmul__: "mul",
  __rdiv__: "div",
  __rmod__: "remainder",
  __rpow__: "pow",
  __rmatmul__: "matmul",
  __rand__: "bitwise_and",
  __ror__: "bitwise_or",
  __rxor__: "bitwise_xor",
};
const COMMUTATIVE = new Set(["add", "mul", "bitwise_and", "bitwise_or", "bitwise_xor"]);

/** Recorded through a wrapper that takes the arguments in another order than the function does. */
const REORDERED: Record<string, (args: Json[], kwargs: JsonObject) => Json[]> = {
  where: ([input, condition, other]) => [condition!, input!, other!],
  polygamma: ([input, n], kwargs) => [(n ?? kwargs.n)!, input!],
  "special.polygamma": ([input, n], kwargs) => [(n ?? kwargs.n)!, input!],
  einsum: ([operands, equation]) => [equation!, ...(operands as Json[])],
  sum_to_size: ([input, ...size]) => [input!, typeof size[0] === "number" ? size : size[0]!],
  arange: (args) => args,
};

function isTensorValue(value: Json | undefined): boolean {
  return isObject(value) && "$t" in value;
}

function requireMethod(api: Api, name: string): void {
  if (typeof api.Tensor.prototype[name] !== "function") throw new Missing(`there is no Tensor.${name}`);
}

/** Calls the op of a case as its users would. */
function invoke(api: Api, c: OpCase, decode: Decoder): unknown {
  const { op, args, kwargs } = c;
  if (op === "T" || op === "H" || op === "mT" || op === "mH") {
    const input = decode.tensor((args[0] as { $t: number }).$t) as TensorLike & Record<string, unknown>;
    if (!(op in input)) throw new Missing(`there is no Tensor.${op}`);
    return input[op];
  }
  if (op === "__getitem__") {
    requireMethod(api, "at");
    const input = decode.tensor((args[0] as { $t: number }).$t) as TensorLike & { at(...index: unknown[]): unknown };
    const index = args[1]!;
    const list =
      isObject(index) && "$tuple" in index
        ? (index.$tuple as Json[])
        : Array.isArray(index) && index.some((v) => typeof v !== "number")
          ? index
          : [index];
    return input.at(...list.map((v) => decode.value(v)));
  }
  // PyTorch's own samples give the table before the indices
  const tableFirst = op === "nn.functional.embedding" || op === "nn.functional.embedding_bag";
  if (tableFirst && c.T[(args[0] as { $t: number }).$t]!.d.includes("f")) {
    return api.call(op, [args[1]!, args[0]!, ...args.slice(2)], kwargs, decode);
  }
  if (op === "slice") {
    requireMethod(api, "at");
    const [input, dim = 0, start = null, end = null, step = 1] = args as [
      { $t: number },
      number?,
      (number | null)?,
      (number | null)?,
      number?,
    ];
    const x = decode.tensor(input.$t) as TensorLike & { at(...index: unknown[]): unknown };
    const axis = dim < 0 ? dim + x.shape.length : dim;
    return x.at(...new Array<string>(axis).fill(":"), api.fn("slice")(start, end, step));
  }
  const reflected = REFLECTED[op];
  if (reflected !== undefined) {
    const [self, other] = args as [Json, Json];
    if (!isTensorValue(self)) throw new Missing("numbers have no methods for tensors on their right");
    if (isTensorValue(other)) {
      // PyTorch 1.13's `tensor.__rpow__(other)` makes a new tensor of `other`, which cuts its graph
      if (reflected === "pow") return api.fn("pow")(decode.tensor((other as { $t: number }).$t).detach(), decode.value(self));
      return api.call(reflected, [other, self], kwargs, decode);
    }
    if (COMMUTATIVE.has(reflected)) return api.call(reflected, [self, other], kwargs, decode);
    if (reflected === "sub") return api.call("rsub", [self, other], kwargs, decode);
    if (reflected === "div") {
      const inverse = api.call("reciprocal", [self], {}, decode) as TensorLike & { mul(other: unknown): unknown };
      return inverse.mul(decode.value(other, "s"));
    }
    return api.call(reflected, [other, self], kwargs, decode);
  }
  if (op === "svd_lowrank" || op === "pca_lowrank") {
    // recorded as op(a @ b.mT)
    const [a, b] = args.slice(0, 2).map((v) => decode.value(v)) as [
      TensorLike & { matmul(o: unknown): TensorLike },
      TensorLike & { mT: unknown },
    ];
    const options = Object.fromEntries(Object.entries(kwargs).map(([k, v]) => [camel(k), decode.value(v)]));
    return api.fn(op)(a.matmul(b.mT), options);
  }
  if (op === "linalg.pinv" && c.variant === "singular") {
    // recorded as pinv(a @ b.mT)
    const [a, b] = args.map((v) => decode.value(v)) as [
      TensorLike & { matmul(o: unknown): TensorLike },
      TensorLike & { mT: unknown },
    ];
    return api.fn(op)(a.matmul(b.mT), decode.value(kwargs));
  }
  if (op === "linalg.lstsq" && c.variant === "grad_oriented") {
    // recorded as lstsq(…)[0]
    return (api.call(op, args, kwargs, decode) as unknown[])[0];
  }
  if (op.endsWith("_") && c.grads !== undefined) {
    // recorded on a copy, so that the gradient of the input could be taken
    requireMethod(api, camel(op));
    const [self, ...rest] = args.map((v) => decode.value(v)) as [TensorLike, ...unknown[]];
    return (self.clone() as TensorLike & Record<string, (...a: unknown[]) => unknown>)[camel(op)]!(...rest);
  }
  const inPlace =
    api.lookup(op) === undefined &&
    typeof api.Tensor.prototype[camel(op)] !== "function" &&
    typeof api.Tensor.prototype[`${camel(op)}_`] === "function";
  if (inPlace) {
    const [self, ...rest] = args.map((v) => decode.value(v)) as [
      TensorLike & Record<string, (...a: unknown[]) => unknown>,
      ...unknown[],
    ];
    return self[`${camel(op)}_`]!(...rest, ...(Object.keys(kwargs).length > 0 ? [decode.value(kwargs)] : []));
  }
  const reordered = REORDERED[op]?.(args, kwargs);
  if (reordered === undefined) return api.call(op, args, kwargs, decode);
  const { n: _, ...others } = kwargs;
  return api.call(op, reordered, op.endsWith("polygamma") ? others : kwargs, decode);
}

/** What the recorded outputs are of: ambiguous results (signs, phases) are recorded through a function that removes the ambiguity. */
function post(api: Api, kind: string, result: unknown): unknown {
  type T = TensorLike & { abs(): T; at(...i: unknown[]): T; mH: T; matmul(o: T): T; toDense(): T };
  const parts = () => items(api, result, 3, undefined) as T[];
  const k = (s: T) => s.shape[s.shape.length - 1]!;
  if (kind === "to_dense") return (result as T).toDense();
  if (kind === "lu_LU") return parts().slice(1, 3);
  if (kind === "val_absvec") {
    const [values, vectors] = parts() as [T, T];
    return [values, vectors.abs()];
  }
  const [u, s, third] = parts() as [T, T, T];
  const v = "V" in (result as object) ? third.mH : third; // `svd` gives V, `linalg.svd` its transpose
  if (kind === "svd_S") return s;
  if (kind === "svd_U") return u.at("...", `:${k(s)}`).abs();
  return kind === "svd_S_absVh"
    ? [s, v.at("...", `:${k(s)}`, ":").abs()]
    : [u.at("...", `:${k(s)}`).matmul(v.at("...", `:${k(s)}`, ":")), s];
}

type Grad = (outputs: TensorLike[], inputs: TensorLike[], options: object) => (TensorLike | null)[];

function compareGradients(
  api: Api,
  what: string,
  expected: readonly [number, number | null][],
  actual: readonly (TensorLike | null)[],
  entries: readonly Entry[],
  pools: Pools,
  tolerance: Tolerance,
): void {
  expected.forEach(([input, index], i) => {
    const got = actual[i];
    if (index === null) {
      if (got !== null && got !== undefined) throw new Mismatch(`${what} of input ${input}: expected none, got a tensor`);
    } else compareTensor(api, `${what} of input ${input}`, got, entries[index]!, pools, tolerance);
  });
}

/** Whether the arguments hold no floating tensor: then Python's `2.0` changes the result's dtype and must be passed as a float scalar. */
function needsFloatScalars(c: OpCase): boolean {
  const used: Entry[] = [];
  const walk = (value: Json) => {
    if (Array.isArray(value)) value.forEach(walk);
    else if (isObject(value)) {
      if ("$t" in value) used.push(c.T[value.$t as number]!);
      else Object.values(value).forEach(walk);
    }
  };
  walk(c.args);
  walk(c.kwargs);
  return !used.some((e) => e.d === "f32" || e.d === "f64" || e.d === "f16" || e.d === "bf16");
}

function complexKind(entry: Entry): boolean {
  return entry.d === "c64" || entry.d === "c128";
}

export function runOp(api: Api, c: OpCase, pools: Pools): void {
  if (c.T.some(complexKind)) api.requireComplex();
  const decode = new Decoder(api, c, pools);
  decode.floatScalars = needsFloatScalars(c);
  const run = () => invoke(api, c, decode);
  const noGrad = api.lookup("no_grad")?.value as ((f: () => unknown) => unknown) | undefined;
  // the seed that PyTorch's own samples of random functions set
  if (typeof api.torch.manualSeed === "function") api.fn("manual_seed")(42);
  // an op that changes a leaf in place was recorded without gradients
  let result = c.mutates !== undefined && c.grads === undefined && noGrad !== undefined ? noGrad(run) : run();
  if (c.post !== undefined) result = post(api, c.post, result);

  const outputs = new Map<number, TensorLike>();
  compareValue(api, "result", result, c.out, (what, actual, index) => {
    const entry = c.T[index]!;
    compareTensor(api, what, actual, entry, pools, c.tol ?? EXACT, c.check !== "shape");
    const tensor = actual as TensorLike;
    outputs.set(index, tensor);
    if (entry.alias !== undefined && decode.has(entry.alias) && c.post === undefined) {
      if (tensor.storage !== decode.tensor(entry.alias).storage)
        throw new Mismatch(`${what}: expected a view of input ${entry.alias}, got a copy`);
    }
  });
  for (const [input, after] of c.mutates ?? []) {
    if (after !== null)
      compareTensor(
        api,
        `input ${input} after the call`,
        decode.tensor(input),
        c.T[after]!,
        pools,
        c.tol ?? EXACT,
        c.check !== "shape",
      );
  }
  if (c.grads === undefined || c.cot === undefined) return;
  const grad = (api.torch.autograd as { grad: Grad }).grad;
  const inputs = c.grads.map(([input]) => decode.tensor(input));
  const grads = grad(
    c.cot.map(([output]) => outputs.get(output)!),
    inputs,
    { gradOutputs: c.cot.map(([, cotangent]) => decode.constant(cotangent)), allowUnused: true, createGraph: c.gg !== undefined },
  );
  compareGradients(api, "gradient", c.grads, grads, c.T, pools, c.gtol ?? EXACT);
  if (c.gg === undefined) return;
  const byInput = new Map(c.grads.map(([input], i) => [input, grads[i]!]));
  // A gradient that does not depend on the inputs (of a linear op) need not be part of a graph: its derivative is zero.
  const live = c.gg.cot.filter(([input]) => byInput.get(input)?.requiresGrad);
  const asked = c.gg.grads.map(([input]) => decode.tensor(input));
  const second =
    live.length === 0
      ? asked.map(() => null)
      : grad(
          live.map(([input]) => byInput.get(input)!),
          asked,
          { gradOutputs: live.map(([, cotangent]) => decode.constant(cotangent)), allowUnused: true },
        );
  const zeros = api.torch.zerosLike as (x: TensorLike) => TensorLike;
  const filled = second.map((g, i) => (g === null && c.gg!.grads[i]![1] !== null ? zeros(asked[i]!) : g));
  compareGradients(api, "second derivative", c.gg.grads, filled, c.T, pools, c.gtol ?? EXACT);
}

/** A call that PyTorch refuses: ours must throw one of its own errors, with PyTorch's phrase in the message. */
export function runError(api: Api, c: ErrorCase, pools: Pools): void {
  if (c.T.some(complexKind)) api.requireComplex();
  const decode = new Decoder(api, c, pools);
  const TorchError = api.torch.TorchError as new () => Error;
  try {
    invoke(api, c, decode);
  } catch (error) {
    if (error instanceof Missing) throw error;
    if (!(error instanceof TorchError))
      throw new Mismatch(
        `threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}, expected ${c.error}: ${c.message}`,
      );
    if (api.NotSupported !== undefined && error instanceof api.NotSupported && c.error !== "NotImplementedError")
      throw new Mismatch(`not supported: ${error.message}`);
    if (c.regex !== "" && !new RegExp(c.regex, "s").test(error.message))
      throw new Mismatch(`message "${error.message}", expected /${c.regex}/`);
    return;
  }
  throw new Mismatch(`did not throw, expected ${c.error}: ${c.message}`);
}
