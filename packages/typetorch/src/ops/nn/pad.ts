/**
 * Borders around a tensor: of a constant, mirrored, repeated or wrapped around.
 */
import { checkArguments } from "../arguments.ts";
import { NotSupportedError, ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { integers } from "../indexing/integers.ts";
import { type NumberLike, isNumberLike, numberOf } from "../../core/promotion.ts";
import { type Op, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

interface Attributes {
  /** (before, after) of each dimension, first dimension first; negative ones cut. */
  readonly sides: readonly (readonly [before: number, after: number])[];
  readonly value: number;
}

const op: Op<Attributes> = defineOp<Attributes>({
  name: "constant_pad_nd",
  run: ([x], { sides, value }) =>
    runtime.withoutGrad(() => {
      const shape = x!.shape.map((size, d) => size + sides[d]![0] + sides[d]![1]);
      const out = runtime.full(shape, value, x!.dtype);
      let from = x!;
      let to = out;
      sides.forEach(([before, after], d) => {
        const kept = x!.shape[d]! + Math.min(before, 0) + Math.min(after, 0);
        from = from.narrow(d, Math.max(-before, 0), kept);
        to = to.narrow(d, Math.max(before, 0), kept);
      });
      to.copy_(from);
      return out;
    }),
  backward: ([g], { attributes }) => [
    runtime.call(op, [g!], { sides: attributes.sides.map(([before, after]) => [-before, -after] as const), value: 0 }),
  ],
});

export type PadMode = "constant" | "reflect" | "replicate" | "circular";

export interface PadOptions {
  /** Default: `constant`. */
  mode?: PadMode;
  /** What a constant border holds. Default: 0. */
  value?: number | null;
}

/**
 * Adds a border: `pad` lists (before, after) for the last dimension, then for the one before, and so on; negative numbers cut. As `torch.nn.functional.pad`.
 * @example
 * torch.nn.functional.pad(torch.ones(2), [1, 2]) // tensor([0., 1., 1., 0., 0.])
 */
export function pad(
  input: Tensor,
  pad: readonly number[],
  mode: PadMode | PadOptions = "constant",
  value: number | null = null,
): Tensor {
  checkArguments(
    "pad(Tensor input, int[] pad, str|options? mode, float|None? value, {str mode, float|None value})",
    input,
    pad,
    mode,
    value,
  );
  const options = typeof mode === "string" ? { mode, value } : mode;
  const kind = options.mode ?? "constant";
  const rank = input.shape.length;
  if (pad.length % 2 !== 0) throw new ValueError("Padding length must be divisible by 2");
  if (pad.length > 2 * rank) throw new ValueError("Padding length too large", `${pad.length} numbers for ${rank} dimensions`);
  const sides = input.shape.map((_, d): [number, number] => {
    const k = 2 * (rank - 1 - d);
    return [pad[k] ?? 0, pad[k + 1] ?? 0];
  });
  if (kind === "constant") {
    input.shape.forEach((size, d) => {
      const padded = size + sides[d]![0] + sides[d]![1];
      if (padded < 0) {
        throw new ShapeError(
          `The input size ${size}, plus negative padding ${sides[d]![0]} and ${sides[d]![1]} resulted in a negative output size, which is invalid. Check dimension ${d} of your input.`,
        );
      }
    });
    return runtime.call(op, [input], { sides, value: options.value ?? 0 });
  }
  if (kind !== "reflect" && kind !== "replicate" && kind !== "circular") {
    throw new NotSupportedError(
      `Unrecognised padding mode ${String(kind)}`,
      "the modes are constant, reflect, replicate and circular",
    );
  }
  const padded = pad.length / 2;
  if ((rank !== padded + 1 && rank !== padded + 2) || padded > 3) {
    throw new NotSupportedError("Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now");
  }
  let out = input;
  for (let d = rank - padded; d < rank; d++) {
    const [before, after] = sides[d]!;
    if (before !== 0 || after !== 0) out = out.indexSelect(d, positions(kind, input, d, before, after));
  }
  return out;
}

/**
 * {@link pad} with a constant. As `torch.constant_pad_nd`.
 * @example
 * torch.constantPadNd(torch.ones(2), [1, 1], 3) // tensor([3., 1., 1., 3.])
 */
export function constantPadNd(input: Tensor, pad: readonly number[], value: NumberLike | { value?: NumberLike } = 0): Tensor {
  checkArguments("constant_pad_nd(Tensor input, int[] pad, Scalar|options? value, {Scalar value})", input, pad, value);
  if (pad.length % 2 !== 0) throw new ValueError(`Length of pad must be even but instead it equals ${pad.length}`);
  if (pad.length > 2 * input.shape.length)
    throw new ValueError(
      `Length of pad should be no more than twice the number of dimensions of the input. Pad length is ${pad.length}while the input has ${input.shape.length}dimensions.`,
    );
  return padded(input, pad, "constant", numberOf(isNumberLike(value) ? value : (value.value ?? 0)));
}
const padded = pad;

/** Which element of dimension d stands at each place of the padded one. */
function positions(mode: PadMode, input: Tensor, d: number, before: number, after: number): Tensor {
  const size = input.shape[d]!;
  const limit = mode === "reflect" ? size - 1 : mode === "circular" ? size : Number.POSITIVE_INFINITY;
  if (before > limit || after > limit) {
    throw new ShapeError(
      mode === "reflect"
        ? `Argument #4: Padding size should be less than the corresponding input dimension, but got: padding (${before}, ${after}) at dimension ${d} of input ${formatShape(input.shape)}`
        : "Padding value causes wrapping around more than once.",
      `the size of dimension ${d} is ${size}`,
    );
  }
  // What wraps around is what negative padding leaves.
  const first = Math.max(-before, 0);
  const kept = Math.max(size - first - Math.max(-after, 0), 1);
  const at = (i: number): number => {
    if (mode === "circular") return first + ((((i - first) % kept) + kept) % kept);
    if (i >= 0 && i < size) return i;
    if (mode === "replicate") return i < 0 ? 0 : size - 1;
    return i < 0 ? -i : 2 * (size - 1) - i;
  };
  return integers(input, [Math.max(size + before + after, 0)], (k) => at(k - before));
}
