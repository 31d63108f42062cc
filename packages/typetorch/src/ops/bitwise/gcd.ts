/**
 * Greatest common divisors and least common multiples.
 */
import { checkArguments } from "../arguments.ts";
import { bool, type DType, kernelName } from "../../core/dtype.ts";
import { DTypeError, ShapeError } from "../../core/errors.ts";
import { resultType } from "../../core/promotion.ts";
import { broadcastShapes, formatShape, sameShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { copyElements, toDtype } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { defineOp } from "../op.ts";
import { checkInternalOverlap } from "../pointwise.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link gcd}. */
    gcd(other: Tensor, options?: OutOption): Tensor;
    gcd_(other: Tensor): this;
    /** See {@link lcm}. */
    lcm(other: Tensor, options?: OutOption): Tensor;
    lcm_(other: Tensor): this;
  }
}

function divisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

function divisorOfNumbers(a: number, b: number): number {
  let [x, y] = [Math.abs(a), Math.abs(b)];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

type Combine = {
  readonly big: (a: bigint, b: bigint) => bigint;
  readonly small: (a: number, b: number) => number;
};

/** Elements of a broadcast operand in row-major order. */
function elements(x: Tensor, shape: readonly number[], dtype: DType): ArrayLike<number | bigint> {
  const typed = toDtype(x, dtype);
  if (sameShape(typed.shape, shape)) return typed.data;
  const out = runtime.empty(shape, dtype);
  copyElements(out, typed);
  return out.data;
}

function define(name: string, combine: Combine) {
  const op = defineOp<{ compute: DType }>({
    name,
    run: ([x, y], { compute }) =>
      runtime.withoutGrad(() => {
        const shape = broadcastShapes(x!.shape, y!.shape);
        const out = runtime.empty(shape, compute);
        const [a, b, c] = [elements(x!, shape, compute), elements(y!, shape, compute), out.data];
        if (c instanceof BigInt64Array) for (let i = 0; i < c.length; i++) c[i] = combine.big(a[i] as bigint, b[i] as bigint);
        else for (let i = 0; i < c.length; i++) c[i] = combine.small(a[i] as number, b[i] as number);
        return out;
      }),
  });
  const signature = `${name}(Tensor input, Tensor other)`;
  const computeOf = (x: Tensor, y: Tensor): DType => {
    checkArguments(signature, x, y);
    const compute = resultType([x, y]);
    if (compute.isFloatingPoint || compute === bool) {
      throw new DTypeError(`"${name}_cpu" not implemented for '${kernelName(compute)}'`, `${name} takes integers`);
    }
    return compute;
  };
  const fn = (input: Tensor, other: Tensor, options?: OutOption): Tensor => {
    const attributes = { compute: computeOf(input, other) };
    return options?.out
      ? runtime.callOut(op, [input, other], attributes, options.out)
      : runtime.call(op, [input, other], attributes);
  };
  method(name, fn);
  method(`${name}_`, (input: Tensor, other: Tensor) => {
    const attributes = { compute: computeOf(input, other) };
    const shape = broadcastShapes(input.shape, other.shape);
    if (!sameShape(shape, input.shape)) {
      throw new ShapeError(
        `output with shape ${formatShape(input.shape)} doesn't match the broadcast shape ${formatShape(shape)}`,
      );
    }
    checkInternalOverlap(input, name);
    return runtime.callInPlace(op, [input, other], attributes);
  });
  return fn;
}

/**
 * The greatest common divisor of integers, as `torch.gcd`.
 * @example
 * torch.gcd(torch.tensor([12n, 9n]), torch.tensor([8n, 6n])) // tensor([4, 3])
 */
export const gcd = define("gcd", { big: divisor, small: divisorOfNumbers });
/**
 * The least common multiple of integers, as `torch.lcm`.
 * @example
 * torch.lcm(torch.tensor([12n, 9n]), torch.tensor([8n, 6n])) // tensor([24, 18])
 */
export const lcm = define("lcm", {
  big(a, b) {
    const g = divisor(a, b);
    const product = g === 0n ? 0n : (a / g) * b;
    return product < 0n ? -product : product;
  },
  small(a, b) {
    const g = divisorOfNumbers(a, b);
    return g === 0 ? 0 : Math.abs((a / g) * b);
  },
});
