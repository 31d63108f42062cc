/**
 * Normal values in float32 by one kernel: the transform of core/random/normalFloat.ts, bit for bit.
 */
import { float32, int32 } from "../../core/dtype.ts";
import type { Generator } from "../../core/random/generator.ts";
import { fillTail, normalFloat } from "../../core/random/normal.ts";
import { type Expr, constant, input, param } from "../../ir/expr.ts";
import type { MapSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { copyElements } from "../memory/copy.ts";
import { runtime } from "../runtime.ts";
import { drawWords, tempered, uniform24 } from "./stream.ts";

function polynomial(x: Expr, coefficients: readonly number[]): Expr {
  let y: Expr = constant(coefficients[0]!, "f32");
  for (const c of coefficients.slice(1)) y = y.fma(x, c);
  return y;
}

/** sqrt(-2 log(1 - u)). */
function radiusOf(output: Expr): Expr {
  const { logCoefficients, sqrtHalf, ln2Low, ln2High } = normalFloat;
  const u = constant(1, "f32").sub(uniform24(output));
  const bits = u.bitcast("i32");
  const mantissa = bits.and(0x7fffff).or(0x3f000000).bitcast("f32"); // in [1/2, 1)
  const below = mantissa.lt(sqrtHalf);
  const exponent = bits.shr(23).sub(126).sub(constant(1, "i32").where(below, 0)).cast("f32");
  const x = mantissa.add(mantissa.where(below, 0)).sub(1);
  const z = x.mul(x);
  const tail = polynomial(x, logCoefficients).mul(x).fma(z, exponent.mul(ln2Low));
  const y = tail.sub(z.mul(0.5));
  const log = x.add(y).add(exponent.mul(ln2High));
  return log.mul(-2).sqrt();
}

/** The two values of a pair of outputs. */
function pair(first: Expr, second: Expr): [Expr, Expr] {
  const { twoPi, fourOverPi, piOverFour, sinCoefficients, cosCoefficients } = normalFloat;
  const theta = uniform24(second).mul(twoPi);
  const octant = theta.mul(fourOverPi).cast("i32").add(1).and(~1);
  const negative = octant.cast("f32").neg();
  let x = theta;
  for (const part of piOverFour) x = negative.fma(part, x);
  const z = x.mul(x);
  const cosine = polynomial(z, cosCoefficients).mul(z).fma(z, z.mul(-0.5)).add(1);
  const sine = polynomial(z, sinCoefficients).mul(z).fma(x, x);
  const radius = radiusOf(first);
  const c = radius.mul(cosine);
  const s = radius.mul(sine);
  const signedCosine = c.neg().where(octant.and(4).ne(0), c);
  const signedSine = s.neg().where(octant.add(2).and(4).ne(0), s);
  const swap = octant.and(2).ne(0);
  return [signedSine.where(swap, signedCosine), signedCosine.where(swap, signedSine)];
}

function specFor(plain: boolean): MapSpec {
  const values = pair(tempered(input(0, "i32")), tempered(input(1, "i32")));
  return {
    kind: "map",
    name: plain ? "randn" : "normal",
    inputs: [int32, int32],
    outputs: values.map((v) => ({ dtype: float32, value: plain ? v.add(0) : v.fma(param(1, "f32"), param(0, "f32")) })),
    params: plain ? 0 : 2,
    compiled: null,
  };
}

let plainSpec: MapSpec | null = null;
let scaledSpec: MapSpec | null = null;

/** Fills a contiguous float32 tensor. */
export function fillNormalByKernel(x: Tensor, mean: number, std: number, generator: Generator): void {
  const count = x.numel();
  const plain = mean === 0 && std === 1;
  if (plain) plainSpec ??= specFor(true);
  else scaledSpec ??= specFor(false);
  const spec = (plain ? plainSpec : scaledSpec)!;
  const strides = [16, 1];
  drawWords(x, Math.floor(count / 16), 16, generator, (words, offset, done, part) => {
    const shape = [part, 8];
    const first = x.storageOffset + 16 * done;
    const sources = [offset, offset + 8].map((at) => runtime.alias(words, shape, strides, at));
    const results = [first, first + 8].map((at) => runtime.alias(x, shape, strides, at));
    runtime.backendOf(x).map(spec, shape, sources, results, plain ? [] : [mean, std]);
  });
  if (count % 16 === 0) return;
  const tail = runtime.newEmpty(x, [16], float32);
  fillTail(tail.data as Float32Array, count % 16, Math.fround(mean), Math.fround(std), generator);
  copyElements(runtime.alias(x, [16], [1], x.storageOffset + count - 16), tail);
}
