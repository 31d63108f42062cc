/**
 * Matrix products: code made by hand for float32 and float64; float16 and bfloat16 are widened to float32 and rounded once at the end, integers are summed by a row
 * kernel; on the js target the reference in js/contract.ts does all.
 */
import { type DType, float32 } from "../../core/dtype.ts";
import { accumulator, computeType, type Expr, input, param } from "../../ir/expr.ts";
import type { MapSpec, RowSpec } from "../../ir/spec.ts";
import type { Activation, GemmArguments, Operand } from "../backend.ts";
import { gemm as referenceGemm } from "./js/contract.ts";
import { runMap } from "./map.ts";
import { needsActivation } from "./product.ts";
import { runRow } from "./row.ts";
import { Scratch } from "./scratch.ts";
import { level, native, wasm } from "./target.ts";
import { WasmGemm } from "./wasm/gemm.ts";
import { emitProducts, ProductCodes } from "./wasm/productCode.ts";
import { Gemm } from "#x64/gemm";

const products =
  wasm !== null
    ? new WasmGemm(new ProductCodes(wasm, emitProducts))
    : native !== null
      ? new Gemm(native, { avx512: level === "avx512" })
      : null;

const activations: Readonly<Record<Exclude<Activation, "none">, (x: Expr) => Expr>> = {
  relu: (x) => x.maximum(0),
  gelu: (x) => x.mul(Math.SQRT1_2).erf().add(1).mul(x).mul(0.5),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
};
const specs = new Map<string, MapSpec>();

/** Applies an activation in place. */
export function activate(x: Operand, activation: Exclude<Activation, "none">): void {
  const key = `${activation} ${x.dtype.key}`;
  let spec = specs.get(key);
  if (spec === undefined) {
    spec = activationSpec(x.dtype, activation);
    specs.set(key, spec);
  }
  runMap(spec, x.shape, [x], [x], []);
}

function activationSpec(dtype: DType, activation: Exclude<Activation, "none">): MapSpec {
  const value = activations[activation](input(0, dtype.key === "f64" ? "f64" : "f32"));
  return { kind: "map", name: activation, inputs: [dtype], outputs: [{ dtype, value }], params: 0, compiled: null };
}

/** Converts between float32 and the 16-bit formats. */
export function convert(from: Operand, to: Operand): void {
  const key = `${from.dtype.key} ${to.dtype.key}`;
  let spec = specs.get(key);
  if (spec === undefined) {
    const outputs = [{ dtype: to.dtype, value: input(0, "f32") }];
    spec = { kind: "map", name: `${from.dtype} to ${to.dtype}`, inputs: [from.dtype], outputs, params: 0, compiled: null };
    specs.set(key, spec);
  }
  runMap(spec, to.shape, [from], [to], []);
}

/** A float32 copy of a float16 or bfloat16 operand. */
export function widened(x: Operand, scratch: Scratch): Operand {
  const wide = scratch.operand(float32, x.shape);
  convert(x, wide);
  return wide;
}

/** See `Backend.gemm`. */
export function runGemm(args: GemmArguments): void {
  if (products === null) {
    referenceGemm(args);
    return;
  }
  const { key } = args.out.dtype;
  if (products.run(args)) {
    if (needsActivation(args.activation)) activate(args.out, args.activation as Exclude<Activation, "none">);
  } else if (key === "f16" || key === "bf16") {
    const scratch = new Scratch();
    const { a, b, bias, out } = args;
    const wide = args.beta === 0 ? scratch.operand(float32, out.shape) : widened(out, scratch);
    const wideBias = bias === null ? null : widened(bias, scratch);
    runGemm({ ...args, a: widened(a, scratch), b: widened(b, scratch), bias: wideBias, out: wide });
    convert(wide, out);
    scratch.free();
  } else if (key === "bool") referenceGemm(args);
  else integerGemm(args);
}

const integerSpecs = new Map<string, RowSpec>();

/** alpha * sum over k of a[…, m, k] * b[…, k, n], plus beta * what was there and the bias where they are given. */
function integerSpec(dtype: DType, previous: boolean, bias: boolean): RowSpec {
  const key = `${dtype.key} ${previous} ${bias}`;
  let spec = integerSpecs.get(key);
  if (spec === undefined) {
    const type = computeType(dtype);
    const inputs: { dtype: DType; along: "element" | "row" }[] = [
      { dtype, along: "element" },
      { dtype, along: "element" },
    ];
    let value = accumulator(0, type).mul(param(0, type));
    if (previous) value = value.add(input(inputs.push({ dtype, along: "row" }) - 1, type).mul(param(1, type)));
    if (bias) value = value.add(input(inputs.push({ dtype, along: "row" }) - 1, type));
    spec = {
      kind: "row",
      name: "integer matrix product",
      inputs,
      passes: [[{ op: "add", value: input(0, type).mul(input(1, type)), type }]],
      outputs: [{ dtype, along: "row", value }],
      params: 2,
      compiled: null,
    };
    integerSpecs.set(key, spec);
  }
  return spec;
}

function integerGemm({ a, b, out, alpha, beta, bias }: GemmArguments): void {
  const rank = out.shape.length;
  const batch = out.shape.slice(0, rank - 2);
  const [m, n] = out.shape.slice(rank - 2) as [number, number];
  const k = a.shape[a.shape.length - 1]!;
  const shape = [...batch, m, n, k];
  /** Strides in the dimensions of the batch, which the operand may lack or repeat. */
  const batchStrides = (x: Operand, own: number) =>
    batch.map((_, d) => {
      const at = d - batch.length + x.shape.length - own;
      return at < 0 || x.shape[at] === 1 ? 0 : x.strides[at]!;
    });
  const [aRow, aStep] = a.strides.slice(-2) as [number, number];
  const [bStep, bColumn] = b.strides.slice(-2) as [number, number];
  const rowOf = (x: Operand, row: number, column: number, lead: readonly number[]): Operand => ({
    storage: x.storage,
    storageOffset: x.storageOffset,
    dtype: x.dtype,
    shape: [...batch, m, n, 1],
    strides: [...lead, row, column, 0],
  });
  const view = (x: Operand, strides: readonly number[]): Operand => ({
    storage: x.storage,
    storageOffset: x.storageOffset,
    dtype: x.dtype,
    shape,
    strides,
  });
  const [outRow, outColumn] = out.strides.slice(-2) as [number, number];
  const target = rowOf(out, outRow, outColumn, batchStrides(out, 2));
  const rows: Operand[] = beta === 0 ? [] : [target];
  if (bias !== null) {
    const d = bias.shape.length;
    const row = d < 2 || bias.shape[d - 2] === 1 ? 0 : bias.strides[d - 2]!;
    rows.push(
      rowOf(
        bias,
        row,
        bias.shape[d - 1] === 1 ? 0 : bias.strides[d - 1]!,
        batch.map(() => 0),
      ),
    );
  }
  // b first: where its columns lie side by side they run in the vector lanes
  const inputs = [view(b, [...batchStrides(b, 2), 0, bColumn, bStep]), view(a, [...batchStrides(a, 2), aRow, 0, aStep]), ...rows];
  runRow(integerSpec(out.dtype, beta !== 0, bias !== null), shape, [rank], inputs, [target], [alpha, beta]);
}
