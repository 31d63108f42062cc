/**
 * Tensors of numbers in a row: `arange`, `linspace`, `logspace`, `eye`.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, float32, float64, getDefaultDtype, int64 } from "../../core/dtype.ts";
import { ValueError } from "../../core/errors.ts";
import { type NumberLike, categoryOfNumber, isNumberLike, numberOf } from "../../core/promotion.ts";
import { computeType, type Expr, param, type ScalarType } from "../../ir/expr.ts";
import { index, load, local, LoopVar } from "../../ir/loops.ts";
import type { LoopSpec } from "../../ir/spec.ts";
import { argument, at, buffer, define, loop, store, vectorLoop } from "../../ir/statements.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { toDtype } from "../memory/copy.ts";
import { runtime } from "../runtime.ts";
import { type FactoryOptions, finish } from "./options.ts";

/** The type in which numbers of a dtype are made before they are converted. */
function workType(dtype: DType): DType {
  const direct = dtype.key === "f32" || dtype.key === "f64" || dtype.key === "i32";
  return direct ? dtype : dtype.isFloatingPoint ? float64 : int64;
}

/** Writes f(0), f(1), … into a new float64 or int64 tensor and converts it. */
function generate(n: number, dtype: DType, f: (i: number) => number): Tensor {
  const x = runtime.empty([n], workType(dtype));
  const data = x.data;
  if (data instanceof BigInt64Array) for (let i = 0; i < n; i++) data[i] = BigInt(Math.trunc(f(i)));
  else for (let i = 0; i < n; i++) data[i] = f(i);
  return toDtype(x, dtype);
}

export function arange(end: NumberLike, options?: FactoryOptions): Tensor;
export function arange(start: NumberLike, end: NumberLike, options?: FactoryOptions): Tensor;
export function arange(start: NumberLike, end: NumberLike, step: NumberLike, options?: FactoryOptions): Tensor;
/**
 * `start, start + step, …` before `end`. int64 when all arguments are integral, otherwise the default floating dtype. As `torch.arange`.
 * @example
 * torch.arange(3) // tensor([0, 1, 2])
 */
export function arange(...args: unknown[]): Tensor {
  const numbers: NumberLike[] = args.filter((x): x is NumberLike => isNumberLike(x));
  const options = args.find((x) => typeof x === "object" && x !== null && !isNumberLike(x)) as
    | (FactoryOptions & { start?: NumberLike; end?: NumberLike; step?: NumberLike })
    | undefined;
  if (numbers.length === 1 && options?.end !== undefined) numbers.push(options.end);
  const values =
    numbers.length === 1 ? [0, numbers[0]!, options?.step ?? 1] : [numbers[0]!, numbers[1]!, numbers[2] ?? options?.step ?? 1];
  const [start, end, step] = values.map(numberOf) as [number, number, number];
  if (!Number.isFinite(start) || !Number.isFinite(end))
    throw new ValueError(`unsupported range: ${python(start)} -> ${python(end)}`);
  if (step === 0) throw new ValueError("step must be nonzero");
  if ((step > 0 && end < start) || (step < 0 && end > start))
    throw new ValueError("upper bound and larger bound inconsistent with step sign");
  const dtype =
    options?.dtype ?? options?.out?.dtype ?? (values.every((v) => categoryOfNumber(v) < 2) ? int64 : getDefaultDtype());
  const n = Math.ceil((end - start) / step);
  return finish(progression(n, dtype, start, step), options);
}

/** start, start + step, …: computed in float64 as a kernel. */
function progression(n: number, dtype: DType, start: number, step: number): Tensor {
  const spec = sequenceSpec("arange", workType(dtype), 2, (i) => i.mul(param(1, "f64")).add(param(0, "f64")));
  return toDtype(sequence(n, workType(dtype), spec, [start, step]), dtype);
}

const sequences = new Map<string, LoopSpec>();
/** Elements that share a start. */
const blockSize = 4096;

/** The kernel of element i = value(i), i in float64. A loop's counter does not know where a thread began: each block of elements loads its first number. */
function sequenceSpec(name: string, dtype: DType, params: number, value: (i: Expr) => Expr): LoopSpec {
  const key = `${name} ${dtype.key}`;
  let spec = sequences.get(key);
  if (spec === undefined) {
    const [block, lane] = [new LoopVar("block"), new LoopVar("lane")];
    const i = local(0, "f64").add(index(lane).cast("f64"));
    const body = loop(block, argument(0), [
      define(0, load(at(1, [block, 1]), "f64")),
      vectorLoop(lane, argument(1), [store(at(0, [block, blockSize], [lane, 1]), value(i).cast(computeType(dtype)))]),
    ]);
    const kernel = { name, buffers: [buffer(dtype, "write"), buffer(float64)], ints: 2, params, body: [body] };
    spec = { kind: "loops", kernel, compiled: null };
    sequences.set(key, spec);
  }
  return spec;
}

function sequence(n: number, dtype: DType, spec: LoopSpec, params: readonly number[]): Tensor {
  const x = runtime.empty([n], dtype);
  if (n === 0) return x;
  const whole = Math.floor(n / blockSize);
  const starts = runtime.empty([whole + 1], float64);
  const list = starts.data as Float64Array;
  for (let k = 0; k <= whole; k++) list[k] = k * blockSize;
  const backend = runtime.backendOf(x);
  if (whole > 0) backend.loops(spec, [x, starts], [whole, blockSize], params, { extent: 0, steps: [blockSize, 1] });
  const rest = n - whole * blockSize;
  if (rest > 0) {
    const last = runtime.alias(x, [rest], [1], whole * blockSize);
    backend.loops(spec, [last, runtime.alias(starts, [1], [1], whole)], [1, rest], params);
  }
  return x;
}

function python(x: number): string {
  return Number.isNaN(x) ? "nan" : x === Infinity ? "inf" : x === -Infinity ? "-inf" : String(x);
}

/**
 * `steps` numbers from `start` to `end`, both included, evenly spaced. As `torch.linspace`.
 * @example
 * torch.linspace(0, 1, 5) // tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
 */
export function linspace(start: NumberLike, end: NumberLike, steps: number, options?: FactoryOptions): Tensor {
  checkArguments(
    "linspace(Scalar start, Scalar end, int steps, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out})",
    start,
    end,
    steps,
    options,
  );
  const dtype = options?.dtype ?? options?.out?.dtype ?? getDefaultDtype();
  if (!(steps >= 0)) throw new ValueError("number of steps must be non-negative");
  const [a, b] = [numberOf(start), numberOf(end)];
  if ((dtype !== float32 && dtype !== float64) || steps < 2)
    return finish(generate(steps, dtype, spaced(a, b, steps, dtype)), options);
  const spec = sequenceSpec("linspace", dtype, 5, (i) => spacedBy(i, computeType(dtype)));
  return finish(sequence(steps, dtype, spec, spacing(a, b, steps, dtype)), options);
}

/** PyTorch computes the second half from the end, in the dtype's own precision. */
function spaced(start: number, end: number, steps: number, dtype: DType): (i: number) => number {
  const round = roundingOf(dtype);
  const [a, b, step, , half] = spacing(start, end, steps, dtype);
  if (steps === 1) return () => a;
  return (i) => (i < half ? round(a + round(step * i)) : round(b - round(step * (steps - i - 1))));
}

function roundingOf(dtype: DType): (x: number) => number {
  return dtype.key === "f64" || !dtype.isFloatingPoint ? (x) => x : Math.fround;
}

/** Start, end, step, the last position, and that where the second half begins: the params of {@link spacedBy}. */
function spacing(start: number, end: number, steps: number, dtype: DType): [number, number, number, number, number] {
  const round = roundingOf(dtype);
  const [a, b] = [round(start), round(end)];
  return [a, b, round((b - a) / (steps - 1)), steps - 1, Math.floor(steps / 2)];
}

/** {@link spaced} as an expression. */
function spacedBy(i: Expr, type: ScalarType): Expr {
  const step = param(2, "f64");
  const low = param(0, type).add(step.mul(i).cast(type));
  const high = param(1, type).sub(step.mul(param(3, "f64").sub(i)).cast(type));
  return low.where(i.lt(param(4, "f64")), high);
}

/**
 * `base ** x` for `steps` numbers x from `start` to `end`. As `torch.logspace`.
 * @example
 * torch.logspace(0, 2, 3) // tensor([1., 10., 100.])
 */
export function logspace(
  start: NumberLike,
  end: NumberLike,
  steps: number,
  options?: FactoryOptions & { base?: number },
): Tensor {
  checkArguments(
    "logspace(Scalar start, Scalar end, int steps, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out, float base})",
    start,
    end,
    steps,
    options,
  );
  const dtype = options?.dtype ?? options?.out?.dtype ?? getDefaultDtype();
  if (!(steps >= 0)) throw new ValueError("number of steps must be non-negative");
  const [a, b] = [numberOf(start), numberOf(end)];
  const base = options?.base ?? 10;
  if ((dtype === float32 || dtype === float64) && steps > 1) {
    const power = (i: Expr): Expr => param(5, "f64").pow(spacedBy(i, computeType(dtype)).cast("f64"));
    const spec = sequenceSpec("logspace", dtype, 6, power);
    return finish(sequence(steps, dtype, spec, [...spacing(a, b, steps, dtype), base]), options);
  }
  const exponent = spaced(a, b, steps, dtype);
  return finish(
    generate(steps, dtype, (i) => base ** exponent(i)),
    options,
  );
}

/**
 * A matrix with ones on its diagonal, as `torch.eye`.
 * @example
 * torch.eye(2) // tensor([[1., 0.], [0., 1.]])
 */
export function eye(n: number, m?: number | FactoryOptions, options?: FactoryOptions): Tensor {
  checkArguments(
    "eye(int n, int|options? m, options? options, {dtype|None dtype, device|None device, bool requiresGrad, Tensor out})",
    n,
    m,
    options,
  );
  const columns = typeof m === "number" ? m : ((m as { m?: number } | undefined)?.m ?? n);
  const o = typeof m === "number" ? options : (m ?? options);
  if (n < 0) throw new ValueError(`n must be greater or equal to 0, got ${n}`);
  if (columns < 0) throw new ValueError(`m must be greater or equal to 0, got ${columns}`);
  const x = runtime.full([n, columns], 0, o?.dtype ?? o?.out?.dtype ?? getDefaultDtype());
  if (n > 0 && columns > 0) x.diagonal().fill_(1);
  return finish(x, o);
}
