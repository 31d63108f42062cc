/**
 * Matrix products: machine code where it is made for the dtype, otherwise the reference in js/contract.ts.
 */
import type { DType } from "../../core/dtype.ts";
import { type Expr, input } from "../../ir/expr.ts";
import type { MapSpec } from "../../ir/spec.ts";
import type { Activation, GemmArguments, Operand } from "../backend.ts";
import { gemm as referenceGemm } from "./js/contract.ts";
import { runMap } from "./map.ts";
import { level, native } from "./target.ts";
import { Gemm, needsActivation } from "./x64/gemm.ts";

const products = native === null ? null : new Gemm(native, { avx512: level === "avx512" });

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

/** See `Backend.gemm`. */
export function runGemm(args: GemmArguments): void {
  if (products === null || !products.run(args)) referenceGemm(args);
  else if (needsActivation(args.activation)) activate(args.out, args.activation as Exclude<Activation, "none">);
}
