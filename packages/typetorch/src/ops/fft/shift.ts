/**
 * What surrounds Fourier transforms: frequencies in the order of their results, and moving zero to the middle.
 */
import { getDefaultDtype } from "../../core/dtype.ts";
import { IndexError, ValueError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { arange } from "../factory/range.ts";
import type { FactoryOptions } from "../factory/options.ts";
import { roll } from "../movement/flip.ts";

type Dims = number | readonly number[] | null | { dim?: number | readonly number[] | null };

function shifted(name: string, input: Tensor, dim: Dims, by: (size: number) => number): Tensor {
  checkArguments(`${name}(Tensor input, int|int[]|None|options? dim, {int|int[]|None dim})`, input, dim);
  const given = dim !== null && typeof dim === "object" && !Array.isArray(dim) ? (dim as { dim?: Dims }).dim : dim;
  const rank = input.shape.length;
  const dims =
    given === null || given === undefined
      ? input.shape.map((_, d) => d)
      : typeof given === "number"
        ? [given]
        : [...(given as readonly number[])];
  if (dims.length === 0) throw new ValueError("`shifts` required", "the tensor has no dimensions to shift along");
  for (const d of dims) {
    if (rank === 0) throw new IndexError(`Dimension specified as ${d} but tensor has no dimensions`);
    if (d < -rank || d >= rank)
      throw new IndexError(`Dimension out of range (expected to be in range of [${-rank}, ${rank - 1}], but got ${d})`);
  }
  return roll(
    input,
    dims.map((d) => by(input.shape[d < 0 ? d + rank : d]!)),
    dims,
  );
}

/**
 * Moves the element of frequency 0 from the first place to the middle, along `dim` (default: all). As `torch.fft.fftshift`.
 * @example
 * torch.fft.fftshift(torch.fft.fftfreq(4)) // tensor([-0.5000, -0.2500,  0.0000,  0.2500])
 */
export function fftshift(input: Tensor, dim: Dims = null): Tensor {
  return shifted("fft_fftshift", input, dim, (n) => Math.floor(n / 2));
}

/**
 * Undoes {@link fftshift}. As `torch.fft.ifftshift`.
 * @example
 * torch.fft.ifftshift(torch.tensor([-1, 0, 1])) // tensor([ 0.,  1., -1.])
 */
export function ifftshift(input: Tensor, dim: Dims = null): Tensor {
  return shifted("fft_ifftshift", input, dim, (n) => Math.ceil(n / 2));
}

type SpacingOptions = FactoryOptions & { d?: number };

function spacing(name: string, n: number, d: number | SpacingOptions, options: FactoryOptions): [number, FactoryOptions] {
  checkArguments(
    `${name}(int n, float|options? d, options? options, {float d, dtype|None dtype, device|None device, bool requiresGrad, Tensor out})`,
    n,
    d,
    options,
  );
  if (typeof d === "number") return [d, options];
  const { d: step = 1, ...rest } = d;
  return [step, rest];
}

/** `numbers / (n d)`, finished as factories are. */
function frequencies(numbers: (options: FactoryOptions) => Tensor, n: number, d: number, options: FactoryOptions): Tensor {
  const { requiresGrad = false, out, ...rest } = options;
  const dtype = rest.dtype ?? undefined;
  const made = numbers({ ...rest, dtype }).mul(1 / (n * d));
  const result = out ? out.resize_(made.shape).copy_(made) : made;
  return requiresGrad ? result.requiresGrad_() : result;
}

/**
 * The frequencies of the elements of a transform of `n` values whose distance is `d` (default 1): 0, 1, … and then the negative ones, over n d. As `torch.fft.fftfreq`.
 * @example
 * torch.fft.fftfreq(4) // tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
 */
export function fftfreq(n: number, d: number | SpacingOptions = 1, options: FactoryOptions = {}): Tensor {
  const [step, rest] = spacing("fft_fftfreq", n, d, options);
  if (n < 0) throw new ValueError(`Trying to create tensor with negative dimension ${n}: [${n}]`);
  const positive = Math.floor((n + 1) / 2);
  const numbers = (o: FactoryOptions): Tensor => roll(arange(positive - n, positive, 1, floating(o)), positive);
  return frequencies(numbers, n, step, rest);
}

/**
 * The frequencies that are not negative: those of the elements of a transform of `n` real values. As `torch.fft.rfftfreq`.
 * @example
 * torch.fft.rfftfreq(4) // tensor([0.0000, 0.2500, 0.5000])
 */
export function rfftfreq(n: number, d: number | SpacingOptions = 1, options: FactoryOptions = {}): Tensor {
  const [step, rest] = spacing("fft_rfftfreq", n, d, options);
  if (n < 0) throw new ValueError(`Trying to create tensor with negative dimension ${n}: [${n}]`);
  return frequencies((o) => arange(0, Math.floor(n / 2) + 1, 1, floating(o)), n, step, rest);
}

/** `arange` of integers is int64 unless told. */
const floating = (o: FactoryOptions): FactoryOptions => ({ ...o, dtype: o.dtype ?? getDefaultDtype() });
