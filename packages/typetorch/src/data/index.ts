/** Data loading, `torch.utils.data`. */

export { type Collated, defaultCollate, defaultConvert } from "./collate.ts";
export { DataLoader, type DataLoaderOptions } from "./dataLoader.ts";
export { ChainDataset, ConcatDataset, Dataset, type DatasetLike, IterableDataset, Subset, TensorDataset } from "./dataset.ts";
export { randomSplit } from "./randomSplit.ts";
export {
  BatchSampler,
  RandomSampler,
  type RandomSamplerOptions,
  Sampler,
  SequentialSampler,
  type Sized,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from "./sampler.ts";
