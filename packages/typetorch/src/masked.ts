/**
 * Reductions and normalisations that leave out what a mask says, as `torch.masked`.
 */
export {
  cumprod,
  cumsum,
  logaddexp,
  logSoftmax,
  type MaskedAlongOptions,
  normalize,
  softmax,
  softmin,
} from "./ops/masked/normalizations.ts";
export {
  amax,
  amin,
  argmax,
  argmin,
  logsumexp,
  type MaskedOptions,
  type MaskedVarianceOptions,
  mean,
  median,
  norm,
  prod,
  std,
  sum,
  var_ as var,
} from "./ops/masked/reductions.ts";
