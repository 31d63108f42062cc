import { checkArguments } from "../../ops/arguments.ts";
import { bool } from "../../core/dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { cat, zeros } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { pythonTuple } from "../pythonFormat.ts";
import * as F from "../functional.ts";

/** Weights of {@link multiHeadAttentionForward}. Either `inProjWeight` (3 E, E) or the three separate ones are there. */
export interface AttentionWeights {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly inProjWeight: Tensor | null;
  readonly qProjWeight: Tensor | null;
  readonly kProjWeight: Tensor | null;
  readonly vProjWeight: Tensor | null;
  readonly inProjBias: Tensor | null;
  readonly biasK: Tensor | null;
  readonly biasV: Tensor | null;
  readonly addZeroAttn: boolean;
  readonly outProjWeight: Tensor;
  readonly outProjBias: Tensor | null;
}
export interface AttentionOptions {
  readonly dropoutP?: number;
  readonly training?: boolean;
  /** (batch, source length): true (or -Infinity) where the key is to be ignored */
  readonly keyPaddingMask?: Tensor | null;
  /** (target length, source length) or (batch * heads, …): true (or what is added to the scores) */
  readonly attnMask?: Tensor | null;
  readonly needWeights?: boolean;
  readonly averageAttnWeights?: boolean;
}

/**
 * Attention of several heads: query (L, N, E), key and value (S, N, E), or without N -> the attended values (L, N, E), and the weights (N, L, S) or null.
 * @source Vaswani et al. 2017, arXiv:1706.03762   @see torch.nn.functional.multi_head_attention_forward
 */
export function multiHeadAttentionForward(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  weights: AttentionWeights,
  options: AttentionOptions = {},
): [output: Tensor, weights: Tensor | null] {
  checkArguments(
    "multi_head_attention_forward(Tensor query, Tensor key, Tensor value, options weights, options? options, {int embedDim, int numHeads, Tensor|None inProjWeight, Tensor|None qProjWeight, Tensor|None kProjWeight, Tensor|None vProjWeight, Tensor|None inProjBias, Tensor|None biasK, Tensor|None biasV, bool addZeroAttn, Tensor outProjWeight, Tensor|None outProjBias, float dropoutP, bool training, Tensor|None keyPaddingMask, Tensor|None attnMask, bool needWeights, bool averageAttnWeights})",
    query,
    key,
    value,
    weights,
    options,
  );
  const { numHeads, embedDim } = weights;
  const { needWeights = true, averageAttnWeights = true } = options;
  checkShapes(query, key, value, options);
  if (query.shape.length === 2) {
    const [output, attention] = multiHeadAttentionForward(query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1), weights, {
      ...options,
      keyPaddingMask: options.keyPaddingMask?.unsqueeze(0) ?? null,
    });
    return [output.squeeze(1), attention === null ? null : attention.squeeze(0)];
  }
  const [length, batch, width] = query.shape as [number, number, number];
  if (width !== embedDim) throw new ShapeError(`was expecting embedding dimension of ${embedDim}, but got ${width}`);
  const headDim = Math.floor(width / numHeads);
  let [q, k, v] = project(query, key, value, weights);
  const maskDtype = { dtype: q.dtype, device: q.device };
  let attnMask = attentionMask(options.attnMask ?? null, length, key.shape[0]!, batch * numHeads);
  let padding = options.keyPaddingMask ?? null;
  const widen = () => {
    if (attnMask !== null) attnMask = F.pad(attnMask, [0, 1]);
    if (padding !== null) padding = F.pad(padding, [0, 1]);
  };
  if (weights.biasK !== null && weights.biasV !== null) {
    k = cat([k, weights.biasK.expand([1, batch, embedDim])], 0);
    v = cat([v, weights.biasV.expand([1, batch, embedDim])], 0);
    widen();
  }
  const heads = (x: Tensor) =>
    x
      .contiguous()
      .view(x.shape[0]!, batch * numHeads, headDim)
      .transpose(0, 1); // (N H, L, E / H)
  q = heads(q);
  k = heads(k);
  v = heads(v);
  if (weights.addZeroAttn) {
    const zero = zeros([batch * numHeads, 1, headDim], maskDtype);
    k = cat([k, zero], 1);
    v = cat([v, zero], 1);
    widen();
  }
  const sources = k.shape[1]!;
  if (padding !== null) {
    if (padding.shape[0] !== batch || padding.shape[1] !== sources) {
      throw new ShapeError(
        `expecting key_padding_mask shape of ${pythonTuple([batch, sources])}, but got ${pythonTuple(padding.shape)}`,
      );
    }
    const perHead = padding
      .view(batch, 1, 1, sources)
      .expand(-1, numHeads, -1, -1)
      .reshape(batch * numHeads, 1, sources);
    if (attnMask === null) attnMask = perHead;
    else if (attnMask.dtype === bool) attnMask = attnMask.logicalOr(perHead);
    else attnMask = attnMask.where(perHead.logicalNot(), Number.NEGATIVE_INFINITY);
  }
  if (attnMask !== null && attnMask.dtype === bool) {
    attnMask = zeros(attnMask.shape, maskDtype).where(attnMask.logicalNot(), Number.NEGATIVE_INFINITY);
  }
  const scores = q.div(Math.sqrt(headDim)).matmul(k.transpose(-2, -1)); // (N H, L, S)
  let attention = F.softmax(attnMask === null ? scores : scores.add(attnMask), -1);
  const { dropoutP = 0, training = true } = options;
  if (training && dropoutP > 0) attention = F.dropout(attention, { p: dropoutP });
  const attended = attention
    .matmul(v)
    .transpose(0, 1)
    .contiguous()
    .view(length * batch, embedDim);
  const output = F.linear(attended, weights.outProjWeight, weights.outProjBias).view(length, batch, embedDim);
  if (!needWeights) return [output, null];
  const perHead = attention.view(batch, numHeads, length, sources);
  return [output, averageAttnWeights ? perHead.mean(1) : perHead];
}

function project(query: Tensor, key: Tensor, value: Tensor, weights: AttentionWeights): [q: Tensor, k: Tensor, v: Tensor] {
  const { inProjWeight, qProjWeight, kProjWeight, vProjWeight, inProjBias } = weights;
  if (inProjWeight === null) {
    const [bq, bk, bv] = inProjBias === null ? [null, null, null] : inProjBias.chunk(3, 0);
    return [F.linear(query, qProjWeight!, bq), F.linear(key, kProjWeight!, bk), F.linear(value, vProjWeight!, bv)];
  }
  if (query === key && key === value) {
    return F.linear(query, inProjWeight, inProjBias).chunk(3, -1) as [Tensor, Tensor, Tensor];
  }
  const embed = query.shape[query.shape.length - 1]!;
  const part = (x: Tensor | null, from: number, parts: number) => x?.narrow(0, from * embed, parts * embed) ?? null;
  const q = F.linear(query, part(inProjWeight, 0, 1)!, part(inProjBias, 0, 1));
  if (key === value) {
    const [k, v] = F.linear(key, part(inProjWeight, 1, 2)!, part(inProjBias, 1, 2)).chunk(2, -1) as [Tensor, Tensor];
    return [q, k, v];
  }
  const k = F.linear(key, part(inProjWeight, 1, 1)!, part(inProjBias, 1, 1));
  const v = F.linear(value, part(inProjWeight, 2, 1)!, part(inProjBias, 2, 1));
  return [q, k, v];
}

/** The attention mask as (1 or batch * heads, L, S). */
function attentionMask(mask: Tensor | null, length: number, sources: number, all: number): Tensor | null {
  if (mask === null) return null;
  if (mask.dtype !== bool && !mask.dtype.isFloatingPoint) {
    throw new DTypeError(`Only float, byte, and bool types are supported for attn_mask, not ${mask.dtype}`);
  }
  const rank = mask.shape.length;
  if (rank !== 2 && rank !== 3) throw new ShapeError(`attn_mask's dimension ${rank} is not supported`);
  const expected = rank === 2 ? [length, sources] : [all, length, sources];
  if (mask.shape.some((size, i) => size !== expected[i])) {
    const shape = `torch.Size([${mask.shape.join(", ")}])`;
    throw new ShapeError(`The shape of the ${rank}D attn_mask is ${shape}, but should be ${pythonTuple(expected)}.`);
  }
  return rank === 2 ? mask.unsqueeze(0) : mask;
}

function checkShapes(query: Tensor, key: Tensor, value: Tensor, { keyPaddingMask, attnMask }: AttentionOptions): void {
  const rank = query.shape.length;
  if (rank !== 2 && rank !== 3) {
    throw new ShapeError(`query should be unbatched 2D or batched 3D tensor but received ${rank}-D query tensor`);
  }
  const kind = rank === 3 ? "batched (3-D)" : "unbatched (2-D)";
  if (key.shape.length !== rank || value.shape.length !== rank) {
    throw new ShapeError(
      `For ${kind} \`query\`, expected \`key\` and \`value\` to be ${rank}-D but found ${key.shape.length}-D and ${value.shape.length}-D tensors respectively`,
    );
  }
  if (keyPaddingMask && keyPaddingMask.shape.length !== rank - 1) {
    throw new ShapeError(
      `For ${kind} \`query\`, expected \`key_padding_mask\` to be \`None\` or ${rank - 1}-D but found ${keyPaddingMask.shape.length}-D tensor instead`,
    );
  }
  if (keyPaddingMask && keyPaddingMask.dtype !== bool && !keyPaddingMask.dtype.isFloatingPoint) {
    throw new DTypeError("only bool and floating types of key_padding_mask are supported");
  }
  if (attnMask && attnMask.shape.length !== 2 && attnMask.shape.length !== 3) {
    throw new ShapeError(
      `For ${kind} \`query\`, expected \`attn_mask\` to be \`None\`, 2-D or 3-D but found ${attnMask.shape.length}-D tensor instead`,
    );
  }
  if (key.shape[0] !== value.shape[0] || (rank === 3 && key.shape[1] !== value.shape[1])) {
    throw new ValueError(
      `key's sequence and batch dims ${pythonTuple(key.shape.slice(0, -1))} do not match value's ${pythonTuple(value.shape.slice(0, -1))}`,
    );
  }
}
