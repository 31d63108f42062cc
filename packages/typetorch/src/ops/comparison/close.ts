/**
 * Equality of whole tensors, exact and within a tolerance.
 */
import { checkArguments } from "../arguments.ts";
import { bool, kernelName } from "../../core/dtype.ts";
import { ArgumentTypeError, DTypeError, ValueError } from "../../core/errors.ts";
import { sameShape } from "../../core/shape.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { viewAsReal } from "../math/complex.ts";
import { variadicMethod, method } from "../methods.ts";
import { definePointwise } from "../pointwise.ts";
import { all } from "../reduction/any.ts";
import { runtime } from "../runtime.ts";
import { eq } from "./compare.ts";

export interface CloseOptions {
  /** Relative tolerance. Default: 1e-5. */
  rtol?: number;
  /** Absolute tolerance. Default: 1e-8. */
  atol?: number;
  /** Whether NaN equals NaN. Default: false. */
  equalNan?: boolean;
}

type Rest = Trailing<[rtol: number, atol: number, equalNan: boolean], CloseOptions>;

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link isclose}. */
    isclose(other: Tensor, ...rest: Rest): Tensor;
    /** See {@link allclose}. */
    allclose(other: Tensor, ...rest: Rest): boolean;
    /** See {@link equal}. */
    equal(other: Tensor): boolean;
  }
}

const closeOp = definePointwise(
  {
    name: "isclose",
    compute: "promote",
    result: bool,
    tensors: "all",
    paramType: "f64",
    forward([x, y], [rtol, atol, equalNan], type) {
      // Integers are compared as float32, as in PyTorch.
      const float = type === "f64" ? "f64" : "f32";
      const [a, b] = [x!.cast(float), y!.cast(float)];
      const distance = a.sub(b).abs();
      const allowed = rtol!.cast(float).mul(b).abs().add(atol!.cast(float));
      const near = distance.le(allowed).and(distance.lt(Infinity));
      const missing = a.ne(a).and(b.ne(b)).and(equalNan!.ne(0));
      return x!.eq(y!).or(near).or(missing);
    },
  },
  2,
  3,
);

/**
 * Whether `|input - other| <= atol + rtol * |other|`, or both are the same infinity, element by element. As `torch.isclose`.
 * @example
 * torch.isclose(torch.tensor([1, 2]), torch.tensor([1.000001, 2.1])) // tensor([ True, False])
 */
export function isclose(input: Tensor, other: Tensor, ...rest: Rest): Tensor {
  checkArguments(
    "isclose(Tensor input, Tensor other, ~rtol, ~atol, ~equalNan, {float rtol, float atol, bool equalNan})",
    input,
    other,
    ...rest,
  );
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = trailing<CloseOptions>(rest, ["rtol", "atol", "equalNan"]);
  if (runtime.isTensor(input) && runtime.isTensor(other) && input.dtype !== other.dtype) {
    throw new DTypeError(
      `${kernelName(input.dtype)} did not match ${kernelName(other.dtype)}`,
      "isclose does not convert: convert one of them with x.to(dtype)",
    );
  }
  if (!(rtol >= 0)) throw new ValueError(`rtol must be greater than or equal to zero, but got ${rtol}`);
  if (!(atol >= 0)) throw new ValueError(`atol must be greater than or equal to zero, but got ${atol}`);
  return closeOp([input, other], [rtol, atol, equalNan ? 1 : 0]);
}

/**
 * Whether all elements are close, as `torch.allclose`; see {@link isclose}.
 * @example
 * torch.allclose(torch.tensor([1]), torch.tensor([1 + 1e-7])) // true
 */
export function allclose(input: Tensor, other: Tensor, ...rest: Rest): boolean {
  checkArguments(
    "allclose(Tensor input, Tensor other, ~rtol, ~atol, ~equalNan, {float rtol, float atol, bool equalNan})",
    input,
    other,
    ...rest,
  );
  return Boolean(all(isclose(input, other, ...rest)).item());
}

/**
 * Whether two tensors have the same shape and elements, as `torch.equal`; NaN differs from everything.
 * @example
 * torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2])) // true
 */
export function equal(input: Tensor, other: Tensor): boolean {
  checkArguments("equal(Tensor input, Tensor other)", input, other);
  for (const [i, x] of [input, other].entries()) {
    if (runtime.isTensor(x)) continue;
    const name = i === 0 ? "input" : "other";
    throw new ArgumentTypeError(`equal(): argument '${name}' (position ${i + 1}) must be Tensor, not ${typeof x}`);
  }
  if (!sameShape(input.shape, other.shape)) return false;
  if (input.dtype.isComplex && other.dtype.isComplex) return equal(viewAsReal(input), viewAsReal(other));
  return Boolean(all(eq(input, other)).item());
}

variadicMethod("isclose", isclose);
variadicMethod("allclose", allclose);
method("equal", equal);
