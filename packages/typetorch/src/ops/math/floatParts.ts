/**
 * Sign, fraction and neighbours of floating-point numbers.
 */
import { bool, kernelName } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import type { NumberLike } from "../../core/promotion.ts";
import { type Expr, constant } from "../../ir/expr.ts";
import type { Num } from "../../ir/num.ts";
import { type Binary, type TensorAndAny, binary } from "../binary.ts";
import { type OutOption, unary } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link copysign}. */
    copysign(other: Tensor | NumberLike, options?: OutOption): Tensor;
    copysign_(other: Tensor | NumberLike): this;
    /** See {@link nextafter}. */
    nextafter(other: Tensor, options?: OutOption): Tensor;
    nextafter_(other: Tensor): this;
    /** See {@link ldexp}. */
    ldexp(other: Tensor, options?: OutOption): Tensor;
    ldexp_(other: Tensor): this;
    /** See {@link frac}. */
    frac(options?: OutOption): Tensor;
    frac_(): this;
    /** See {@link signbit}. */
    signbit(options?: OutOption): Tensor;
  }
}

/**
 * The absolute value of `input` with the sign of `other`, signed zeros included. As `torch.copysign`.
 * @example
 * torch.copysign(torch.tensor([1, 2]), torch.tensor([-1, 1])) // tensor([-1., 2.])
 */
export const copysign = binary<TensorAndAny>(["copysign"], {
  name: "copysign",
  compute: "float",
  tensors: "first",
  forward: ([x, y]) => x!.copysign(y!),
  backward<T extends Num<T>>(g: T, [x, y]: readonly (T | number)[], out: T) {
    const ratio = out.div(x!).where((x as T).ne(0), 0);
    return [g.mul(ratio), typeof y === "number" ? null : g.mul(0)];
  },
});

/** The next bfloat16 after x in the direction of y, as float32 expressions: a step of the upper 16 bits. */
function nextBfloat(x: Expr, y: Expr): Expr {
  const step = 0x10000;
  const bits = x.bitcast("i32");
  const away = y.gt(x).eq(x.gt(0).cast("bool"));
  const moved = bits.add(step).where(away, bits.sub(step));
  const fromZero = constant(step, "i32").or(y.bitcast("i32").and(-0x80000000));
  const next = fromZero.where(x.eq(0), moved).bitcast("f32");
  return x.add(y).where(x.ne(x).or(y.ne(y)), y.where(x.eq(y), next));
}

/**
 * The next representable number after `input` in the direction of `other`. As `torch.nextafter`.
 * @example
 * torch.nextafter(torch.tensor([1]), torch.tensor([2])).sub(1) // tensor([1.1921e-07])
 */
export const nextafter = binary<Binary>(["nextafter"], {
  name: "nextafter",
  compute: "promote",
  tensors: "all",
  check(compute) {
    if (!compute.isFloatingPoint || compute.key === "f16") {
      throw new DTypeError(`"nextafter_cpu" not implemented for '${kernelName(compute)}'`, "convert one operand to float32");
    }
  },
  forward: ([x, y], _p, _type, compute) => (compute.key === "bf16" ? nextBfloat(x!, y!) : x!.nextafter(y!)),
});

/**
 * `input * 2^other`, as `torch.ldexp`.
 * @example
 * torch.ldexp(torch.tensor([1, 3]), torch.tensor([2, 4])) // tensor([4., 48.])
 */
export const ldexp = binary<Binary>(["ldexp"], {
  name: "ldexp",
  compute: "float",
  tensors: "all",
  forward: ([x, y]) => x!.mul(y!.exp2()),
  backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
    const [x, y] = operands as [T, T];
    const scaled = g.mul(y.exp2());
    return [scaled, scaled.mul(x).mul(Math.LN2)];
  },
});

/**
 * The part after the point, with the sign of the number. As `torch.frac`.
 * @example
 * torch.frac(torch.tensor([-1.5, 0, 2])) // tensor([-0.5000, 0.0000, 0.0000])
 */
export const frac = unary("frac", {
  name: "frac",
  compute: "promote",
  check(compute) {
    if (!compute.isFloatingPoint) {
      throw new DTypeError(`"frac_cpu" not implemented for '${kernelName(compute)}'`, "integers have no fractional part");
    }
  },
  forward: (x) => x.sub(x.trunc()),
  backward: (g) => g,
});

/**
 * Whether the sign bit is set: true for -0 too. As `torch.signbit`.
 * @example
 * torch.signbit(torch.tensor([-1.5, 0, 2])) // tensor([True, False, False])
 */
export const signbit = unary("signbit", {
  name: "signbit",
  compute: "promote",
  result: bool,
  inPlace: false,
  forward(x, type) {
    if (type === "bool") return constant(0, "bool");
    if (type === "f32") return x.bitcast("i32").lt(0);
    return type === "f64" ? x.bitcast("i64").lt(0) : x.lt(0);
  },
});
