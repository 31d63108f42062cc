/** Data loading, `torch.utils.data`. */
import { keepClassNames } from "../core/className.ts";
import * as here from "./index.ts";

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

keepClassNames(here);
