export { bincount, histc } from "./histogram.ts";
export { type Histogram, type HistogramDd, type HistogramOptions, histogram, histogramdd } from "./histogramdd.ts";
export { nanquantile, quantile } from "./quantile.ts";
export { bucketize, isin, searchsorted } from "./search.ts";
export { argsort, msort, sort, topk } from "./sort.ts";
export { unique, uniqueConsecutive } from "./unique.ts";
