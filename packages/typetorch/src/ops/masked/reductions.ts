/**
 * Reductions over the elements that a mask lets through: the others count as the reduction's identity. All take `dim` (one, several, or null: all), and the options
 * `keepdim`, `dtype` and `mask`, a boolean tensor that broadcasts to the input: true where an element counts.
 */
import { type DType, float32, int64 } from "../../core/dtype.ts";
import { ValueError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { vectorNorm } from "../linalg/norms.ts";
import { runtime } from "../runtime.ts";
import { filled, inputMask, type MaskedDim, reducedDims } from "./mask.ts";

export interface MaskedOptions {
  dim?: MaskedDim;
  keepdim?: boolean | null;
  dtype?: DType | null;
  mask?: Tensor | null;
}

type DimOrOptions = MaskedDim | MaskedOptions;

/** The options of a call whose `dim` may stand before them. */
function optionsOf(dim: DimOrOptions, options: MaskedOptions): MaskedOptions {
  return dim !== null && typeof dim === "object" && !Array.isArray(dim)
    ? { ...(dim as MaskedOptions), ...options }
    : { dim: dim as MaskedDim, ...options };
}

const allowed = "{int|int[]|None dim, bool|None keepdim, dtype|None dtype, Tensor|None mask}";
const check = (name: string, input: unknown, dim: unknown, options: unknown): void =>
  checkArguments(`${name}(Tensor input, int|int[]|None|options? dim, options? options, ${allowed})`, input, dim, options);

/** Small integers are added up and multiplied as int64. */
function wideDtype(input: Tensor): DType {
  return input.dtype.isFloatingPoint || input.dtype.isComplex ? input.dtype : int64;
}

/**
 * The sum of the elements that count. As `torch.masked.sum`.
 * @example
 * torch.masked.sum(torch.tensor([1, 2, 3]), 0, { mask: torch.tensor([true, false, true]) }) // tensor(4.)
 */
export function sum(input: Tensor, dim?: DimOrOptions, options: MaskedOptions = {}): Tensor {
  check("sum", input, dim, options);
  const o = optionsOf(dim, options);
  const dims = reducedDims(o.dim, input.shape.length);
  return filled(input, o.mask, 0).sum(dims, { keepdim: o.keepdim ?? false, dtype: o.dtype ?? wideDtype(input) });
}

/**
 * The product of the elements that count. As `torch.masked.prod`.
 * @example
 * torch.masked.prod(torch.tensor([1, 2, 3]), 0, { mask: torch.tensor([true, false, true]) }) // tensor(3.)
 */
export function prod(input: Tensor, dim?: DimOrOptions, options: MaskedOptions = {}): Tensor {
  check("prod", input, dim, options);
  const o = optionsOf(dim, options);
  const dims = reducedDims(o.dim, input.shape.length);
  let result = filled(input, o.mask, 1).to(o.dtype ?? wideDtype(input));
  for (const d of dims.reverse()) result = result.prod(d, { keepdim: o.keepdim ?? false });
  return result;
}

/**
 * The greatest of the elements that count. As `torch.masked.amax`.
 * @example
 * torch.masked.amax(torch.tensor([1, 3, 2]), 0, { mask: torch.tensor([true, false, true]) }) // tensor(2.)
 */
export function amax(input: Tensor, dim?: DimOrOptions, options: MaskedOptions = {}): Tensor {
  check("amax", input, dim, options);
  const o = optionsOf(dim, options);
  const dims = reducedDims(o.dim, input.shape.length);
  return filled(input, o.mask, "least")
    .amax(dims, { keepdim: o.keepdim ?? false })
    .to(o.dtype ?? input.dtype);
}

/**
 * The least of the elements that count. As `torch.masked.amin`.
 * @example
 * torch.masked.amin(torch.tensor([1, 3, 2]), 0, { mask: torch.tensor([false, true, true]) }) // tensor(2.)
 */
export function amin(input: Tensor, dim?: DimOrOptions, options: MaskedOptions = {}): Tensor {
  check("amin", input, dim, options);
  const o = optionsOf(dim, options);
  const dims = reducedDims(o.dim, input.shape.length);
  return filled(input, o.mask, "greatest")
    .amin(dims, { keepdim: o.keepdim ?? false })
    .to(o.dtype ?? input.dtype);
}

/**
 * Where the greatest of the elements that count is, as a number of the input's dtype. As `torch.masked.argmax`.
 * @example
 * torch.masked.argmax(torch.tensor([1, 3, 2]), 0, { mask: torch.tensor([true, false, true]) }) // tensor(2.)
 */
export function argmax(input: Tensor, dim?: number | null | MaskedOptions, options: MaskedOptions = {}): Tensor {
  check("argmax", input, dim, options);
  const o = optionsOf(dim, options);
  const found = filled(input, o.mask, "least").argmax((o.dim as number | null | undefined) ?? null, {
    keepdim: o.keepdim ?? false,
  });
  return found.to(o.dtype ?? input.dtype);
}

/**
 * Where the least of the elements that count is, as a number of the input's dtype. As `torch.masked.argmin`.
 * @example
 * torch.masked.argmin(torch.tensor([1, 3, 2]), 0, { mask: torch.tensor([false, true, true]) }) // tensor(2.)
 */
export function argmin(input: Tensor, dim?: number | null | MaskedOptions, options: MaskedOptions = {}): Tensor {
  check("argmin", input, dim, options);
  const o = optionsOf(dim, options);
  const found = filled(input, o.mask, "greatest").argmin((o.dim as number | null | undefined) ?? null, {
    keepdim: o.keepdim ?? false,
  });
  return found.to(o.dtype ?? input.dtype);
}

/** How many elements count. */
function countOf(input: Tensor, { dim, keepdim, mask }: MaskedOptions): Tensor {
  return runtime.withoutGrad(() => sum(runtime.newFull(input, input.shape, 1, int64), { dim, keepdim, mask }));
}

/**
 * The mean of the elements that count: NaN where none does. As `torch.masked.mean`.
 * @example
 * torch.masked.mean(torch.tensor([1, 2, 4]), 0, { mask: torch.tensor([true, false, true]) }) // tensor(2.5000)
 */
export function mean(input: Tensor, dim?: DimOrOptions, options: MaskedOptions = {}): Tensor {
  check("mean", input, dim, options);
  const o = optionsOf(dim, options);
  if (o.mask) inputMask(input, o.mask);
  return sum(input, { ...o, dtype: o.dtype ?? input.dtype }).div(countOf(input, o));
}

/**
 * The median of the elements that count, of an even number the lower one: NaN where none does, which throws for integers. As `torch.masked.median`.
 * @example
 * torch.masked.median(torch.tensor([1, 9, 4, 2]), 0, { mask: torch.tensor([true, false, true, true]) }) // tensor(2.)
 */
export function median(input: Tensor, dim: number | MaskedOptions = -1, options: MaskedOptions = {}): Tensor {
  check("median", input, dim, options);
  const o = optionsOf(dim, options);
  const [d] = reducedDims(o.dim ?? -1, input.shape.length) as [number];
  const floating = input.dtype.isFloatingPoint;
  const x = filled(floating ? input : input.to(float32), o.mask, Number.NaN);
  const { values } = x.nanmedian(d, { keepdim: o.keepdim ?? false });
  if (floating) return values;
  if (values.isnan().any().item())
    throw new ValueError("masked median expects no fully masked out rows if dtype is not floating point");
  return values.to(o.dtype ?? input.dtype);
}

/**
 * The logarithm of the sum of exponentials of the elements that count. As `torch.masked.logsumexp`.
 * @example
 * torch.masked.logsumexp(torch.tensor([0, 5, 0]), 0, { mask: torch.tensor([true, false, true]) }) // tensor(0.6931)
 */
export function logsumexp(input: Tensor, dim?: DimOrOptions, options: MaskedOptions = {}): Tensor {
  check("logsumexp", input, dim, options);
  const o = optionsOf(dim, options);
  const dims = reducedDims(o.dim, input.shape.length);
  return filled(input, o.mask, "least")
    .logsumexp(dims, { keepdim: o.keepdim ?? false })
    .to(o.dtype ?? input.dtype);
}

/**
 * The vector norm of order `ord` (default 2) of the elements that count. As `torch.masked.norm`.
 * @example
 * torch.masked.norm(torch.tensor([3, 9, 4]), 2, 0, { mask: torch.tensor([true, false, true]) }) // tensor(5.)
 */
export function norm(
  input: Tensor,
  ord: number | null | (MaskedOptions & { ord?: number | null }) = 2,
  dim?: DimOrOptions,
  options: MaskedOptions = {},
): Tensor {
  checkArguments(
    `norm(Tensor input, float|None|options? ord, int|int[]|None|options? dim, options? options, ${allowed.replace("{", "{float|None ord, ")})`,
    input,
    ord,
    dim,
    options,
  );
  const named = typeof ord === "object" && ord !== null ? ord : null;
  const o = { ...named, ...(named !== null && dim === undefined ? options : optionsOf(dim, options)) };
  const order = (named === null ? (ord as number | null) : named.ord) ?? 2;
  const x = filled(input, o.mask, order === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : 0);
  return vectorNorm(x, {
    ord: order,
    dim: reducedDims(o.dim, input.shape.length),
    keepdim: o.keepdim ?? false,
    dtype: o.dtype ?? input.dtype,
  });
}

export interface MaskedVarianceOptions extends MaskedOptions {
  unbiased?: boolean | null;
}

function variance(
  name: string,
  input: Tensor,
  dim: MaskedDim | MaskedVarianceOptions,
  unbiased: boolean | MaskedVarianceOptions | null,
  options: MaskedVarianceOptions,
): Tensor {
  checkArguments(
    `${name}(Tensor input, int|int[]|None|options? dim, bool|None|options? unbiased, options? options, ${allowed.replace("{", "{bool|None unbiased, ")})`,
    input,
    dim,
    unbiased,
    options,
  );
  const second: MaskedVarianceOptions = typeof unbiased === "object" && unbiased !== null ? unbiased : { unbiased };
  const o = { ...second, ...optionsOf(dim, options) } as MaskedVarianceOptions;
  const dtype = o.dtype ?? (input.dtype.isFloatingPoint ? input.dtype : float32);
  const computed = dtype.isFloatingPoint ? dtype : float32;
  const total = sum(input, { ...common(o), keepdim: true, dtype });
  const count = countOf(input, { ...common(o), keepdim: true });
  const x = input.sub(total.div(count));
  const squares = sum(x.mul(x), { ...common(o), dtype: computed });
  let divisor = count.reshape(squares.shape);
  if (o.unbiased) divisor = divisor.sub(1).clamp({ min: 0 });
  return squares.div(divisor).to(dtype);
}

const common = ({ dim, keepdim, mask }: MaskedOptions): MaskedOptions => ({ dim, keepdim, mask });

/**
 * The variance of the elements that count; divided by their number, or by one less with `unbiased`. As `torch.masked.var`.
 * @example
 * torch.masked.var(torch.tensor([1, 9, 3]), 0, { mask: torch.tensor([true, false, true]) }) // tensor(1.)
 */
export function var_(
  input: Tensor,
  dim?: MaskedDim | MaskedVarianceOptions,
  unbiased: boolean | MaskedVarianceOptions | null = false,
  options: MaskedVarianceOptions = {},
): Tensor {
  return variance("var", input, dim, unbiased, options);
}

/**
 * The square root of the variance ({@link var_}). As `torch.masked.std`.
 * @example
 * torch.masked.std(torch.tensor([1, 9, 5]), 0, { mask: torch.tensor([true, false, true]) }) // tensor(2.)
 */
export function std(
  input: Tensor,
  dim?: MaskedDim | MaskedVarianceOptions,
  unbiased: boolean | MaskedVarianceOptions | null = false,
  options: MaskedVarianceOptions = {},
): Tensor {
  return variance("std", input, dim, unbiased, options).sqrt();
}
