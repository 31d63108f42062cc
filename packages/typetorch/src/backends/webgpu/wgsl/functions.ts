/**
 * Transcendental functions as WGSL functions, written from the same expressions as on the CPU. Where those take an f32 through double precision, which costs a
 * GPU a hundred integer operations each, a form in single precision stands here, if one is good enough.
 */
import { type Expr, input, type Transcendental } from "../../../ir/expr.ts";
import { erfcOf, erfinvOf } from "../../../ir/functions/errorFunction.ts";
import { coshOf, sinhOf } from "../../../ir/functions/exponential.ts";
import { digammaOf, lgammaOf } from "../../../ir/functions/gamma.ts";
import { acoshOf, asinhOf, atanhOf } from "../../../ir/functions/logarithm.ts";
import { powSingle } from "../../../ir/functions/power.ts";
import { acosOf, asinOf, atan2Of, atanOf } from "../../../ir/functions/trigonometric.ts";
import { Interner } from "../../../ir/simplify.ts";
import { lowerTranscendental } from "../../../ir/transcendental.ts";
import { renderExpression } from "./expressions.ts";
import { constantText, madeFunction, typeNames } from "./primitives.ts";

const single: Partial<Record<Transcendental, (x: Expr, y: Expr) => Expr>> = {
  asin: (x) => asinOf(x, true),
  acos: (x) => acosOf(x, true),
  atan: (x) => atanOf(x, true),
  sinh: sinhOf,
  cosh: coshOf,
  asinh: asinhOf,
  acosh: acoshOf,
  atanh: atanhOf,
  erfc: (x) => erfcOf(x, true),
  erfinv: (x) => erfinvOf(x, true),
  lgamma: lgammaOf,
  digamma: digammaOf,
  pow: powSingle,
  atan2: (y, x) => atan2Of(y, x, "f32"),
};

/** Largest error of f32 in units in the last place, as tested; of lgamma and digamma beside their roots in 2^-22. */
export const ulpBounds: Readonly<Record<Transcendental, number>> = {
  exp: 1,
  exp2: 1.5,
  expm1: 2,
  log: 1.5,
  log2: 1.5,
  log10: 1.5,
  log1p: 1.5,
  sin: 1.5,
  cos: 1.5,
  tan: 3,
  asin: 2.5,
  acos: 2,
  atan: 2,
  sinh: 2,
  cosh: 2,
  tanh: 2,
  asinh: 2,
  acosh: 2,
  atanh: 2,
  erf: 1.5,
  erfc: 6,
  erfinv: 3,
  lgamma: 4,
  digamma: 8,
  pow: 5,
  atan2: 2,
  nextafter: 0,
};

const texts = new Map<string, string>();

/** The text of `f32_exp` and its kin; undefined for other names. */
export function functionText(name: string): string | undefined {
  let text = texts.get(name);
  if (text !== undefined) return text;
  const wanted = madeFunction(name);
  if (wanted === null) return undefined;
  const { op } = wanted;
  const [x, y] = [input(0, wanted.type), input(1, wanted.type)];
  const written = wanted.type === "f32" ? single[op] : undefined;
  const value = written ? written(x, y) : lowerTranscendental(op, x, y);
  const binary = op === "pow" || op === "atan2" || op === "nextafter";
  text = writeFunction(name, binary ? 2 : 1, value);
  texts.set(name, text);
  return text;
}

/** A polynomial in Horner's form, as the expressions have it: fma(fma(c[n], x, c[n-1]), x, …). */
function hornerOf(e: Expr): { x: Expr; coefficients: Expr[] } | null {
  const x = e.args[1];
  const coefficients: Expr[] = [];
  let rest = e;
  while (rest.op === "fma" && rest.args[1] === x && rest.args[2]!.op === "const") {
    coefficients.push(rest.args[2]!);
    rest = rest.args[0]!;
  }
  if (rest.op !== "const" || coefficients.length < 3) return null;
  coefficients.push(rest);
  return { x: x!, coefficients: coefficients.reverse() };
}

function writeFunction(name: string, operands: number, value: Expr): string {
  const root = new Interner().intern(value);
  const lines: string[] = [];
  const tables: string[] = [];
  const names = new Map<Expr, string>();
  const leaf = (e: Expr): string => {
    if (e.op !== "input") throw new TypeError(`${name}: ${e.op} inside of a function`);
    return e.value === 0 ? "x" : "y";
  };
  const rendered = (e: Expr): string => {
    const known = names.get(e);
    if (known !== undefined) return known;
    if (e.args.length === 0) return renderExpression(e, leaf, rendered);
    // a loop over coefficients: a float64 multiplication written out is long
    const horner = e.type === "f64" ? hornerOf(e) : null;
    if (horner !== null) {
      const x = rendered(horner.x);
      const last = horner.coefficients.length - 1;
      const table = `${name}_c${tables.length}`;
      const list = horner.coefficients.map((c) => constantText(c.value, "f64")).join(", ");
      tables.push(`fn ${table}(k: i32) -> vec2<u32> { var list = array<vec2<u32>, ${last + 1}>(${list}); return list[k]; }`);
      const variable = `v${names.size}`;
      lines.push(`var ${variable} = ${table}(0);`);
      lines.push(`for (var k = 1; k <= ${last}; k++) { ${variable} = f64_fma(${variable}, ${x}, ${table}(k)); }`);
      names.set(e, variable);
      return variable;
    }
    let text = renderExpression(e, leaf, rendered);
    // parts of compensated sums must stay what they are
    const sum = e.op === "add" || e.op === "sub" || (e.op === "fma" && e.args[2]!.op !== "const");
    if (e.type === "f32" && sum) text = `opaque(${text})`;
    const value = `v${names.size}`;
    lines.push(`let ${value} = ${text};`);
    names.set(e, value);
    return value;
  };
  const result = rendered(root);
  const type = typeNames[root.type];
  const parameters = ["x", "y"].slice(0, operands).map((p) => `${p}: ${type}`);
  return `${tables.map((t) => `${t}\n`).join("")}fn ${name}(${parameters.join(", ")}) -> ${type} {\n  ${lines.join("\n  ")}\n  return ${result};\n}`;
}
