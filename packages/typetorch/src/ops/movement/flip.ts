/**
 * Elements in another order along dimensions: `flip`, `fliplr`, `flipud`, `rot90`, `roll`.
 */
import { checkArguments } from "../arguments.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { formatShape, wrapDim } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { copyElements } from "../memory/copy.ts";
import { method, variadicMethod } from "../methods.ts";
import { type Op, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link flip}. */
    flip(...dims: number[]): Tensor;
    flip(dims: readonly number[] | { dims: readonly number[] }): Tensor;
    /** See {@link fliplr}. */
    fliplr(): Tensor;
    /** See {@link flipud}. */
    flipud(): Tensor;
    /** See {@link rot90}. */
    rot90(k?: number | { k?: number; dims?: readonly number[] }, dims?: readonly number[]): Tensor;
    /** See {@link roll}. */
    roll(shifts: number | readonly number[], dims?: number | readonly number[] | { dims?: number | readonly number[] }): Tensor;
  }
}

const flipOp: Op<{ dims: readonly number[] }> = defineOp<{ dims: readonly number[] }>({
  name: "flip",
  run([x], { dims }) {
    const out = runtime.empty(x!.shape, x!.dtype);
    if (out.numel() === 0) return out;
    // The result is written backwards, so that what is read lies side by side.
    const strides = [...out.strides];
    let offset = 0;
    for (const d of dims) {
      offset += (out.shape[d]! - 1) * strides[d]!;
      strides[d] = -strides[d]!;
    }
    copyElements(runtime.alias(out, out.shape, strides, offset), x!);
    return out;
  },
  backward: ([g], saved) => [runtime.call(flipOp, [g!], saved.attributes)],
});

/**
 * The elements in reverse order along dimensions, as `torch.flip`; a copy.
 * @example
 * torch.flip(torch.tensor([1, 2, 3]), [0]) // tensor([3., 2., 1.])
 */
export function flip(input: Tensor, ...args: (number | readonly number[] | { dims: readonly number[] })[]): Tensor {
  const first = args[0];
  const list =
    typeof first === "object" && first !== null
      ? Array.isArray(first)
        ? first
        : (first as { dims: readonly number[] }).dims
      : args;
  checkArguments("flip(Tensor input, int[] dims)", input, list);
  const dims: number[] = [];
  for (const dim of list as readonly number[]) {
    const d = wrapDim(dim, input.shape.length);
    if (dims.includes(d)) throw new ShapeError(`dim ${d} appears multiple times in the list of dims`);
    dims.push(d);
  }
  return runtime.call(flipOp, [input], { dims: input.shape.length === 0 ? [] : dims });
}

/**
 * Columns in reverse order (dimension 1), as `torch.fliplr`.
 * @example
 * torch.fliplr(torch.tensor([[1, 2], [3, 4]])) // tensor([[2., 1.], [4., 3.]])
 */
export function fliplr(input: Tensor): Tensor {
  checkArguments("fliplr(Tensor input)", input);
  if (input.shape.length < 2) throw new ShapeError("Input must be >= 2-d.");
  return flip(input, [1]);
}

/**
 * Rows in reverse order (dimension 0), as `torch.flipud`.
 * @example
 * torch.flipud(torch.tensor([[1, 2], [3, 4]])) // tensor([[3., 4.], [1., 2.]])
 */
export function flipud(input: Tensor): Tensor {
  checkArguments("flipud(Tensor input)", input);
  if (input.shape.length < 1) throw new ShapeError("Input must be >= 1-d.");
  return flip(input, [0]);
}

/**
 * The tensor turned by 90 degrees k times in the plane of two dimensions, from the first toward the second. As `torch.rot90`.
 * @example
 * torch.rot90(torch.tensor([[1, 2], [3, 4]])) // tensor([[2., 4.], [1., 3.]])
 */
export function rot90(input: Tensor, k: number | { k?: number; dims?: readonly number[] } = 1, dims?: readonly number[]): Tensor {
  checkArguments("rot90(Tensor input, int|options? k, int[]? dims, {int k, int[] dims})", input, k, dims);
  const o = typeof k === "object" ? k : { k, dims };
  const plane = o.dims ?? [0, 1];
  const rank = input.shape.length;
  if (plane.length !== 2) throw new ShapeError(`expected total rotation dims == 2, but got dims = ${plane.length}`);
  if (rank < 2) throw new ShapeError(`expected total dims >= 2, but got total dims = ${rank}`);
  const [a, b] = plane as [number, number];
  if (a === b || Math.abs(a - b) === rank)
    throw new ShapeError(`expected rotation dims to be different, but got dim0 = ${a} and dim1 = ${b}`);
  const p = wrapDim(a, rank);
  const q = wrapDim(b, rank);
  switch ((((o.k ?? 1) % 4) + 4) % 4) {
    case 1:
      return flip(input, [q]).transpose(p, q).contiguous();
    case 2:
      return flip(input, [p, q]);
    case 3:
      return flip(input, [p]).transpose(p, q).contiguous();
    default:
      return input.clone({ memoryFormat: "contiguous" });
  }
}

interface Shift {
  readonly dim: number;
  /** Between 0 and the size of the dimension. */
  readonly shift: number;
}

const rollOp: Op<Shift> = defineOp<Shift>({
  name: "roll",
  run([x], { dim, shift }) {
    const out = runtime.empty(x!.shape, x!.dtype);
    const n = x!.shape[dim]!;
    runtime.withoutGrad(() => {
      copyElements(out.narrow(dim, shift, n - shift), x!.narrow(dim, 0, n - shift));
      if (shift > 0) copyElements(out.narrow(dim, 0, shift), x!.narrow(dim, n - shift, shift));
    });
    return out;
  },
  backward([g], saved) {
    const { dim, shift } = saved.attributes;
    const n = g!.shape[dim]!;
    return [runtime.call(rollOp, [g!], { dim, shift: shift === 0 ? 0 : n - shift })];
  },
});

function rollOne(x: Tensor, shift: number, dim: number): Tensor {
  const n = x.shape[dim]!;
  if (x.numel() === 0) return x.clone();
  return runtime.call(rollOp, [x], { dim, shift: ((shift % n) + n) % n });
}

/**
 * The elements moved by `shifts` places along dimensions, those that fall off come in at the other end; without dimensions the tensor is moved as if it were
 * flat. As `torch.roll`.
 * @example
 * torch.roll(torch.tensor([1, 2, 3]), 1) // tensor([3., 1., 2.])
 */
export function roll(
  input: Tensor,
  shifts: number | readonly number[],
  dims?: number | readonly number[] | { dims?: number | readonly number[] },
): Tensor {
  checkArguments("roll(Tensor input, int|int[] shifts, int|int[]|options? dims, {int|int[] dims})", input, shifts, dims);
  const given =
    typeof dims === "object" && dims !== null && !Array.isArray(dims)
      ? (dims as { dims?: number | readonly number[] }).dims
      : dims;
  const by = typeof shifts === "number" ? [shifts] : shifts;
  const along = given === undefined || given === null ? [] : typeof given === "number" ? [given] : (given as readonly number[]);
  if (by.length === 0) throw new ValueError("`shifts` required");
  if (along.length === 0 && by.length === 1) {
    if (input.shape.length === 0) return input.clone();
    return rollOne(input.contiguous().view([-1]), by[0]!, 0).view(input.shape);
  }
  if (by.length !== along.length)
    throw new ShapeError(
      `shifts and dimensions must align. shifts: ${by.length}, dims:${along.length}`,
      `shifts ${formatShape(by)}, dims ${formatShape(along)}`,
    );
  let x = input;
  along.forEach((dim, i) => {
    const d = wrapDim(dim, input.shape.length);
    x = rollOne(x, by[i]!, d);
  });
  return x;
}

variadicMethod("flip", flip as (...args: never[]) => unknown);
method("fliplr", fliplr);
method("flipud", flipud);
method("rot90", rot90);
method("roll", roll);
