import { checkArguments } from "../../ops/arguments.ts";
import { bool } from "../../core/dtype.ts";
import { ValueError } from "../../core/errors.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { dropout, softmax } from "../../ops/nn/index.ts";
import { arange } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface ScaledDotProductAttentionOptions {
  /** (…, L, S): false where attention is forbidden, or what is added to the scores */
  attnMask?: Tensor | null;
  /** Default: 0. */
  dropoutP?: number;
  /** Each position sees itself and those before only. Default: false. */
  isCausal?: boolean;
  /** Factor of the scores. Default: 1 / sqrt(E). */
  scale?: number | null;
}

/**
 * `softmax(query key^T / sqrt(E)) value`: (…, L, E), (…, S, E), (…, S, V) -> (…, L, V).
 * @source Vaswani et al. 2017, arXiv:1706.03762   @see torch.nn.functional.scaled_dot_product_attention
 * @example
 * F.scaledDotProductAttention(torch.randn(1, 5, 8), torch.randn(1, 6, 8), torch.randn(1, 6, 8)).shape // [1, 5, 8]
 */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  ...rest: Trailing<[attnMask: Tensor | null, dropoutP: number, isCausal: boolean], ScaledDotProductAttentionOptions>
): Tensor {
  checkArguments(
    "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, ~attnMask, ~dropoutP, ~isCausal, {Tensor|None attnMask, float dropoutP, bool isCausal, float|None scale})",
    query,
    key,
    value,
    ...rest,
  );
  const options = trailing<ScaledDotProductAttentionOptions>(rest, ["attnMask", "dropoutP", "isCausal"]);
  const { attnMask = null, dropoutP = 0, isCausal = false } = options;
  if (isCausal && attnMask !== null) {
    throw new ValueError("scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True");
  }
  const scale = options.scale ?? 1 / Math.sqrt(query.shape[query.shape.length - 1]!);
  let scores = query.mul(scale).matmul(key.transpose(-2, -1)); // (…, L, S)
  let mask = attnMask;
  if (isCausal) {
    const [length, sources] = scores.shape.slice(-2) as [number, number];
    mask = arange(sources).unsqueeze(0).le(arange(length).unsqueeze(1)); // (L, S)
  }
  if (mask !== null) scores = mask.dtype === bool ? scores.where(mask, Number.NEGATIVE_INFINITY) : scores.add(mask);
  const weights = softmax(scores, -1);
  return (dropoutP > 0 ? dropout(weights, { p: dropoutP }) : weights).matmul(value);
}
