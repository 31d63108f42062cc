/**
 * Functions along a dimension whose result has the input's shape, and `logaddexp`: what a mask keeps out counts as the function's identity, and what comes out there has no meaning.
 */
import type { DType } from "../../core/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { logaddexp as logaddexpOf } from "../math/logAddExp.ts";
import { filled, type Identity, reducedDims } from "./mask.ts";
import { norm } from "./reductions.ts";

export interface MaskedAlongOptions {
  dtype?: DType | null;
  mask?: Tensor | null;
}

/** The input without what is masked out, the dimension from 0 on and the dtype of the result. */
function prepared(
  name: string,
  input: Tensor,
  dim: number,
  options: MaskedAlongOptions,
  identity: Identity,
): { x: Tensor; d: number; dtype: DType } {
  checkArguments(`${name}(Tensor input, int dim, options? options, {dtype|None dtype, Tensor|None mask})`, input, dim, options);
  const [d] = reducedDims(dim, input.shape.length) as [number];
  return { x: filled(input, options.mask, identity), d, dtype: options.dtype ?? input.dtype };
}

/**
 * The running sum of the elements that count. As `torch.masked.cumsum`.
 * @example
 * torch.masked.cumsum(torch.tensor([1, 2, 3]), 0, { mask: torch.tensor([true, false, true]) }) // tensor([1., 1., 4.])
 */
export function cumsum(input: Tensor, dim: number, options: MaskedAlongOptions = {}): Tensor {
  const { x, d, dtype } = prepared("cumsum", input, dim, options, 0);
  return x.cumsum(d, { dtype });
}

/**
 * The running product of the elements that count. As `torch.masked.cumprod`.
 * @example
 * torch.masked.cumprod(torch.tensor([1, 2, 3]), 0, { mask: torch.tensor([true, false, true]) }) // tensor([1., 1., 3.])
 */
export function cumprod(input: Tensor, dim: number, options: MaskedAlongOptions = {}): Tensor {
  const { x, d, dtype } = prepared("cumprod", input, dim, options, 1);
  return x.cumprod(d, { dtype });
}

/**
 * The softmax of the elements that count; 0 for the others. As `torch.masked.softmax`.
 * @example
 * torch.masked.softmax(torch.tensor([1, 2, 1]), 0, { mask: torch.tensor([true, false, true]) }) // tensor([0.5000, 0.0000, 0.5000])
 */
export function softmax(input: Tensor, dim: number, options: MaskedAlongOptions = {}): Tensor {
  const { x, d, dtype } = prepared("softmax", input, dim, options, "least");
  return x.softmax(d, { dtype });
}

/**
 * The logarithm of {@link softmax}. As `torch.masked.log_softmax`.
 * @example
 * torch.masked.logSoftmax(torch.tensor([1, 2, 1]), 0, { mask: torch.tensor([true, false, true]) }) // tensor([-0.6931,    -inf, -0.6931])
 */
export function logSoftmax(input: Tensor, dim: number, options: MaskedAlongOptions = {}): Tensor {
  const { x, d, dtype } = prepared("log_softmax", input, dim, options, "least");
  return x.logSoftmax(d, { dtype });
}

/**
 * {@link softmax} of the negated input. As `torch.masked.softmin`.
 * @example
 * torch.masked.softmin(torch.tensor([1, 2, 1]), 0, { mask: torch.tensor([true, false, true]) }) // tensor([0.5000, 0.0000, 0.5000])
 */
export function softmin(input: Tensor, dim: number, options: MaskedAlongOptions = {}): Tensor {
  const { x, d, dtype } = prepared("softmin", input, dim, options, "greatest");
  return x.neg().softmax(d, { dtype });
}

/**
 * The elements that count over their norm of order `ord`, which counts as at least `eps` (1e-12). As `torch.masked.normalize`.
 * @example
 * torch.masked.normalize(torch.tensor([3, 9, 4]), 2, 0, { mask: torch.tensor([true, false, true]) }) // tensor([0.6000, 0.0000, 0.8000])
 */
export function normalize(input: Tensor, ord: number, dim: number, options: MaskedAlongOptions & { eps?: number } = {}): Tensor {
  checkArguments(
    "normalize(Tensor input, float ord, int dim, options? options, {float eps, dtype|None dtype, Tensor|None mask})",
    input,
    ord,
    dim,
    options,
  );
  const { eps = 1e-12, dtype, mask } = options;
  const [d] = reducedDims(dim, input.shape.length) as [number];
  const size = norm(input, ord, d, { keepdim: true, dtype: dtype ?? input.dtype, mask });
  return filled(input, mask, 0).div(size.clamp({ min: eps }));
}

/**
 * `log(exp(input) + exp(other))`, of the elements that count in each. As `torch.masked.logaddexp`.
 * @example
 * torch.masked.logaddexp(torch.tensor([0, 0]), torch.tensor([0, 0]), { otherMask: torch.tensor([true, false]) }) // tensor([0.6931, 0.0000])
 */
export function logaddexp(
  input: Tensor,
  other: Tensor,
  options: { dtype?: DType | null; inputMask?: Tensor | null; otherMask?: Tensor | null } = {},
): Tensor {
  checkArguments(
    "logaddexp(Tensor input, Tensor other, options? options, {dtype|None dtype, Tensor|None inputMask, Tensor|None otherMask})",
    input,
    other,
    options,
  );
  const result = logaddexpOf(filled(input, options.inputMask, "least"), filled(other, options.otherMask, "least"));
  return result.to(options.dtype ?? input.dtype);
}
