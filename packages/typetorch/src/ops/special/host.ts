/**
 * Ops computed element by element in JavaScript: functions that are too rare for kernels of their own. They compute in float64; integers give the default
 * floating dtype.
 */
import { type DType, float64, getDefaultDtype } from "../../core/dtype.ts";
import { ArgumentTypeError, NotSupportedError } from "../../core/errors.ts";
import { type NumberLike, isNumberLike, numberOf, resultType } from "../../core/promotion.ts";
import { broadcastShapes, sameShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { copyElements, toDtype } from "../memory/copy.ts";
import { type Op, type Saved, defineOp } from "../op.ts";
import { sumToShape } from "../pointwise.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";

function floating(dtype: DType): DType {
  return dtype.isFloatingPoint ? dtype : getDefaultDtype();
}

/** The elements in row-major order, as float64, broadcast to a shape. */
function elements(x: Tensor, shape: readonly number[]): Float64Array {
  const wide = toDtype(x, float64);
  if (sameShape(wide.shape, shape)) return wide.data as Float64Array;
  const out = runtime.empty(shape, float64);
  copyElements(out, wide);
  return out.data as Float64Array;
}

function computed(shape: readonly number[], dtype: DType, fill: (out: Float64Array) => void): Tensor {
  return runtime.withoutGrad(() => {
    const wide = runtime.empty(shape, float64);
    fill(wide.data as Float64Array);
    return toDtype(wide, dtype);
  });
}

function requireTensor(name: string, x: unknown): asserts x is Tensor {
  if (runtime.isTensor(x)) return;
  throw new ArgumentTypeError(`${name}(): argument 'input' (position 1) must be Tensor, not ${typeof x}`);
}

export type HostUnary = (input: Tensor, options?: OutOption) => Tensor;

/**
 * An op of one operand. `backward` is written with tensors.
 * @__NO_SIDE_EFFECTS__
 */
export function hostUnary(
  name: string,
  f: (x: number, dtype: DType) => number,
  backward?: (g: Tensor, x: Tensor, out: Tensor) => Tensor,
): HostUnary {
  const op: Op<null> = defineOp<null>({
    name,
    saves: backward ? { inputs: [0], outputs: [0] } : {},
    run: ([x]) =>
      computed(x!.shape, floating(x!.dtype), (out) => {
        const values = elements(x!, x!.shape);
        const dtype = floating(x!.dtype);
        for (let i = 0; i < out.length; i++) out[i] = f(values[i]!, dtype);
      }),
    backward: backward ? ([g], saved) => [backward(g!, saved.input(0), saved.output(0))] : undefined,
  });
  return (input, options) => {
    requireTensor(name, input);
    return options?.out ? runtime.callOut(op, [input], null, options.out) : runtime.call(op, [input], null);
  };
}

export type HostBinary = (input: Tensor | NumberLike, other: Tensor | NumberLike, options?: OutOption) => Tensor;

/**
 * An op of two operands, of which one may be a number. `byOther` gives the derivative by the second operand; that by the first is not there.
 * @__NO_SIDE_EFFECTS__
 */
export function hostBinary(
  name: string,
  f: (x: number, y: number) => number,
  byOther?: (g: Tensor, x: Tensor, y: Tensor) => Tensor,
  inputDerivative = `${name}: input`,
): HostBinary {
  const op = defineOp<{ dtype: DType }>({
    name,
    saves: { inputs: [0, 1] },
    run([x, y], { dtype }) {
      const shape = broadcastShapes(x!.shape, y!.shape);
      return computed(shape, dtype, (out) => {
        const [a, b] = [elements(x!, shape), elements(y!, shape)];
        for (let i = 0; i < out.length; i++) out[i] = f(a[i]!, b[i]!);
      });
    },
    backward: byOther
      ? ([g], saved: Saved<{ dtype: DType }>) => {
          if (saved.needs(0))
            throw new NotSupportedError(
              `the derivative for '${inputDerivative}' is not implemented.`,
              "detach() the first argument, or compute it without gradient",
            );
          if (!saved.needs(1)) return [null, null];
          const gradient = sumToShape(byOther(g!, saved.input(0), saved.input(1)), saved.inputShape(1));
          return [null, toDtype(gradient, saved.inputDtype(1))];
        }
      : undefined,
  });
  return (input, other, options) => {
    if (!runtime.isTensor(input) && !runtime.isTensor(other)) {
      throw new ArgumentTypeError(
        `${name}() received an invalid combination of arguments - got (Number, Number), but expected one of:\n * (Tensor input, Tensor or Number other)`,
        "one of them has to be a tensor",
      );
    }
    const dtype = floating(resultType([input, other]));
    const tensors = [input, other].map((x) => (isNumberLike(x) ? runtime.full([], numberOf(x), float64) : x));
    return options?.out ? runtime.callOut(op, tensors, { dtype }, options.out) : runtime.call(op, tensors, { dtype });
  };
}
