/**
 * Tensors of numbers in a row: `arange`, `linspace`, `logspace`, `eye`.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, float64, getDefaultDtype, int64 } from "../../core/dtype.ts";
import { ValueError } from "../../core/errors.ts";
import { type NumberLike, categoryOfNumber, isNumberLike, numberOf } from "../../core/promotion.ts";
import { computeType, param } from "../../ir/expr.ts";
import { index, LoopVar, type Stmt } from "../../ir/loops.ts";
import type { LoopSpec } from "../../ir/spec.ts";
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
  const x = runtime.empty([n], workType(dtype));
  if (n > 0) runtime.backendOf(x).loops(progressionSpec(x.dtype), [x], [n], [start, step]);
  return toDtype(x, dtype);
}
const progressions = new Map<DType, LoopSpec>();
function progressionSpec(dtype: DType): LoopSpec {
  let spec = progressions.get(dtype);
  if (spec === undefined) {
    const i = new LoopVar("i");
    const value = index(i).cast("f64").mul(param(1, "f64")).add(param(0, "f64")).cast(computeType(dtype));
    const store: Stmt = { kind: "store", access: { buffer: 0, terms: [{ loop: i, stride: 1 }] }, value };
    spec = {
      kind: "loops",
      kernel: {
        name: "arange",
        buffers: [{ dtype, access: "write" }],
        ints: 1,
        params: 2,
        body: [{ kind: "loop", loop: i, extent: { arg: 0 }, vector: true, body: [store] }],
      },
      compiled: null,
    };
    progressions.set(dtype, spec);
  }
  return spec;
}

function python(x: number): string {
  return Number.isNaN(x) ? "nan" : x === Infinity ? "inf" : x === -Infinity ? "-inf" : String(x);
}

/** `steps` numbers from `start` to `end`, both included, evenly spaced. As `torch.linspace`. */
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
  return finish(generate(steps, dtype, spaced(numberOf(start), numberOf(end), steps, dtype)), options);
}

/** PyTorch computes the second half from the end, in the dtype's own precision. */
function spaced(start: number, end: number, steps: number, dtype: DType): (i: number) => number {
  const round = dtype.key === "f64" || !dtype.isFloatingPoint ? (x: number): number => x : Math.fround;
  const a = round(start);
  const b = round(end);
  const step = round((b - a) / (steps - 1));
  const half = Math.floor(steps / 2);
  if (steps === 1) return () => a;
  return (i) => (i < half ? round(a + round(step * i)) : round(b - round(step * (steps - i - 1))));
}

/** `base ** x` for `steps` numbers x from `start` to `end`. As `torch.logspace`. */
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
  const exponent = spaced(numberOf(start), numberOf(end), steps, dtype);
  const base = options?.base ?? 10;
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
