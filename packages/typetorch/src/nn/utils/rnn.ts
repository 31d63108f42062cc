/**
 * Sequences of different lengths: packing them for the recurrent layers and padding them.
 */
import { keepClassNames } from "../../core/className.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { cpu } from "../../core/storage.ts";
import { cat, full, stack } from "../../tensor/core.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { indexTensor, numbersOf } from "../indexTensor.ts";

/**
 * Sequences of different lengths, step after step: `data` has the rows of all steps one after the other, `batchSizes[t]` of them in step t. Made by
 * {@link packPaddedSequence} and {@link packSequence}.
 * @see torch.nn.utils.rnn.PackedSequence
 */
export class PackedSequence {
  /** (sum of the lengths, *) */
  readonly data: Tensor;
  /** int64 (longest length): how many sequences have each step */
  readonly batchSizes: Tensor;
  /** int64 (batch): the order in which the sequences were sorted by length, or null */
  readonly sortedIndices: Tensor | null;
  /** The inverse of `sortedIndices`. */
  readonly unsortedIndices: Tensor | null;

  constructor(
    data: Tensor,
    batchSizes: Tensor,
    sortedIndices: Tensor | null = null,
    unsortedIndices: Tensor | null = invertPermutation(sortedIndices),
  ) {
    this.data = data;
    this.batchSizes = batchSizes;
    this.sortedIndices = sortedIndices;
    this.unsortedIndices = unsortedIndices;
  }
  /** `batchSizes` as numbers. */
  batchSizeList(): number[] {
    return numbersOf(this.batchSizes);
  }
  /** The same sequences with other data, as `data.to(…)` gives it. */
  to(...args: Parameters<Tensor["to"]>): PackedSequence {
    const data = this.data.to(...args);
    return data === this.data ? this : new PackedSequence(data, this.batchSizes, this.sortedIndices, this.unsortedIndices);
  }
}

function listOf(lengths: Tensor | readonly number[]): number[] {
  return lengths instanceof Tensor ? numbersOf(lengths) : [...lengths];
}

/**
 * The permutation that undoes another.
 * @see torch.nn.utils.rnn.invert_permutation
 * @example
 * nn.utils.rnn.invertPermutation(torch.tensor([2n, 0n, 1n])) // tensor([1, 2, 0])
 */
export function invertPermutation(permutation: Tensor | null): Tensor | null {
  if (permutation === null) return null;
  const order = numbersOf(permutation);
  const inverse = new Array<number>(order.length);
  for (const [i, j] of order.entries()) inverse[j] = i;
  return indexTensor(permutation.device, inverse);
}

export interface PackOptions {
  /** The sequences are sorted by falling length already. Default: true. */
  enforceSorted?: boolean;
}

/**
 * Packs padded sequences (time, batch, *), or (batch, time, *) with `batchFirst`, of the given lengths.
 * @see torch.nn.utils.rnn.pack_padded_sequence
 * @example
 * nn.utils.rnn.packPaddedSequence(torch.tensor([[1, 2, 3], [4, 5, 0]]), [3, 2], { batchFirst: true }).data // tensor([1., 4., 2., 5., 3.])
 */
export function packPaddedSequence(
  input: Tensor,
  lengths: Tensor | readonly number[],
  options: PackOptions & { batchFirst?: boolean } = {},
): PackedSequence {
  const { batchFirst = false, enforceSorted = true } = options;
  const given = listOf(lengths);
  const batchDim = batchFirst ? 0 : 1;
  const timeDim = batchFirst ? 1 : 0;
  if (given.length !== input.shape[batchDim]) {
    throw new ShapeError(
      `Expected \`len(lengths)\` to be equal to batch_size, but got ${given.length} (batch_size=${input.shape[batchDim]})`,
    );
  }
  let sorted = given;
  let x = input;
  let sortedIndices: Tensor | null = null;
  if (!enforceSorted) {
    const order = given.map((_, i) => i).sort((a, b) => given[b]! - given[a]! || a - b);
    sorted = order.map((i) => given[i]!);
    sortedIndices = indexTensor(input.device, order);
    x = input.indexSelect(batchDim, sortedIndices);
  }
  if (sorted.length === 0 || sorted[sorted.length - 1]! <= 0) {
    throw new ValueError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0");
  }
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i]! > sorted[i - 1]!) {
      throw new ValueError(
        "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need ONNX exportability.",
      );
    }
  }
  const steps: Tensor[] = [];
  const batchSizes: number[] = [];
  for (let t = 0; t < sorted[0]!; t++) {
    const size = sorted.filter((length) => length > t).length;
    batchSizes.push(size);
    steps.push(x.select(timeDim, t).narrow(0, 0, size));
  }
  return new PackedSequence(cat(steps, 0), indexTensor(cpu, batchSizes), sortedIndices);
}

/**
 * Pads a packed batch: gives (time, batch, *), or (batch, time, *) with `batchFirst`, and the lengths.
 * @see torch.nn.utils.rnn.pad_packed_sequence
 * @example
 * nn.utils.rnn.padPackedSequence(nn.utils.rnn.packSequence([torch.tensor([1, 2, 3]), torch.tensor([4, 5])]), { batchFirst: true })[0] // tensor([[1., 2., 3.], [4., 5., 0.]])
 */
export function padPackedSequence(
  sequence: PackedSequence,
  options: { batchFirst?: boolean; paddingValue?: number; totalLength?: number | null } = {},
): [padded: Tensor, lengths: Tensor] {
  const { batchFirst = false, paddingValue = 0, totalLength = null } = options;
  const sizes = sequence.batchSizeList();
  let steps = sizes.length;
  if (totalLength !== null) {
    if (totalLength < steps) {
      throw new ValueError(
        `Expected total_length to be at least the length of the longest sequence in input, but got total_length=${totalLength} and max sequence length being ${steps}`,
      );
    }
    steps = totalLength;
  }
  const batch = sizes[0]!;
  const { data } = sequence;
  const rest = data.shape.slice(1);
  const filling = (rows: number) => full([rows, ...rest], paddingValue, { dtype: data.dtype, device: data.device });
  const rows: Tensor[] = [];
  let at = 0;
  for (let t = 0; t < steps; t++) {
    const size = sizes[t] ?? 0;
    const parts: Tensor[] = [];
    if (size > 0) parts.push(data.narrow(0, at, size));
    if (size < batch) parts.push(filling(batch - size));
    rows.push(parts.length === 1 ? parts[0]! : cat(parts, 0));
    at += size;
  }
  let padded = stack(rows, batchFirst ? 1 : 0);
  let lengths = Array.from({ length: batch }, (_, b) => sizes.filter((size) => size > b).length);
  if (sequence.unsortedIndices !== null) {
    padded = padded.indexSelect(batchFirst ? 0 : 1, sequence.unsortedIndices);
    const sortedLengths = lengths;
    lengths = numbersOf(sequence.unsortedIndices).map((i) => sortedLengths[i]!);
  }
  return [padded, indexTensor(cpu, lengths)];
}

/**
 * Stacks sequences (length, *) to (longest, batch, *), or (batch, longest, *) with `batchFirst`; the shorter ones end in `paddingValue`.
 * @see torch.nn.utils.rnn.pad_sequence
 * @example
 * nn.utils.rnn.padSequence([torch.tensor([1, 2, 3]), torch.tensor([4, 5])], { batchFirst: true }) // tensor([[1., 2., 3.], [4., 5., 0.]])
 */
export function padSequence(sequences: Iterable<Tensor>, options: { batchFirst?: boolean; paddingValue?: number } = {}): Tensor {
  const { batchFirst = false, paddingValue = 0 } = options;
  const list = [...sequences];
  const longest = Math.max(...list.map((s) => s.shape[0]!));
  const padded = list.map((s) => {
    const missing = longest - s.shape[0]!;
    if (missing === 0) return s;
    return cat([s, full([missing, ...s.shape.slice(1)], paddingValue, { dtype: s.dtype, device: s.device })], 0);
  });
  return stack(padded, batchFirst ? 0 : 1);
}

/**
 * Packs a list of sequences (length, *).
 * @see torch.nn.utils.rnn.pack_sequence
 * @example
 * nn.utils.rnn.packSequence([torch.tensor([1, 2, 3]), torch.tensor([4, 5])]).data // tensor([1., 4., 2., 5., 3.])
 */
export function packSequence(sequences: readonly Tensor[], options: PackOptions = {}): PackedSequence {
  const lengths = sequences.map((s) => s.shape[0]!);
  return packPaddedSequence(padSequence(sequences), lengths, options);
}

/**
 * The sequences of a padded batch, each of its own length.
 * @see torch.nn.utils.rnn.unpad_sequence
 * @example
 * nn.utils.rnn.unpadSequence(torch.tensor([[1, 2], [4, 0]]), torch.tensor([2n, 1n]), { batchFirst: true })[1]! // tensor([4.])
 */
export function unpadSequence(
  padded: Tensor,
  lengths: Tensor | readonly number[],
  options: { batchFirst?: boolean } = {},
): Tensor[] {
  const batchDim = (options.batchFirst ?? false) ? 0 : 1;
  return listOf(lengths).map((length, b) => padded.select(batchDim, b).narrow(0, 0, length));
}

/**
 * The sequences of a packed batch, in their original order.
 * @see torch.nn.utils.rnn.unpack_sequence
 * @example
 * nn.utils.rnn.unpackSequence(nn.utils.rnn.packSequence([torch.tensor([1, 2, 3]), torch.tensor([4, 5])]))[1]! // tensor([4., 5.])
 */
export function unpackSequence(sequence: PackedSequence): Tensor[] {
  const [padded, lengths] = padPackedSequence(sequence, { batchFirst: true });
  return unpadSequence(padded, lengths, { batchFirst: true });
}

keepClassNames({ PackedSequence });
