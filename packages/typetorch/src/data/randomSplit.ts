import { ValueError } from "../core/errors.ts";
import { defaultGenerator, type Generator } from "../core/random.ts";
import { type DatasetLike, Subset } from "./dataset.ts";
import { permutation } from "./sampler.ts";

/**
 * Splits a dataset at random into parts of the given lengths, or of the given fractions when these add up to 1 (what is left over goes to the first parts, one
 * each). The same seed gives the same parts as in PyTorch. `torch.utils.data.random_split`.
 *
 * @example
 * const generator = new torch.Generator().manualSeed(42);
 * const [train, test] = torch.utils.data.randomSplit([10, 11, 12, 13, 14], [3, 2], { generator });
 * train!.length // 3
 */
export function randomSplit<T>(
  dataset: DatasetLike<T>,
  lengths: readonly number[],
  options: { generator?: Generator | null } = {},
): Subset<T>[] {
  const generator = options.generator ?? defaultGenerator;
  const sum = (list: readonly number[]) => list.reduce((total, x) => total + x, 0);
  let sizes = [...lengths];
  const total = sum(lengths);
  if (Math.abs(total - 1) <= 1e-9 * Math.max(Math.abs(total), 1) && total <= 1) {
    sizes = lengths.map((fraction, i) => {
      if (fraction < 0 || fraction > 1)
        throw new ValueError(`Fraction at index ${i} is not between 0 and 1`, `it is ${fraction}`);
      return Math.floor(dataset.length * fraction);
    });
    const rest = dataset.length - sum(sizes);
    for (let i = 0; i < rest; i++) sizes[i % sizes.length]!++;
    sizes.forEach((size, i) => {
      if (size === 0) console.warn(`UserWarning: Length of split at index ${i} is 0. This might result in an empty dataset.`);
    });
  }
  if (sum(sizes) !== dataset.length) {
    throw new ValueError(
      "Sum of input lengths does not equal the length of the input dataset!",
      `the lengths add up to ${sum(sizes)}, the dataset has ${dataset.length} samples`,
    );
  }
  const indices = permutation(dataset.length, generator);
  let offset = 0;
  return sizes.map((size) => {
    offset += size;
    return new Subset(dataset, indices.slice(offset - size, offset));
  });
}
