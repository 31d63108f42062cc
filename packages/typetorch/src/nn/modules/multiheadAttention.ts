import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ValueError } from "../../core/errors.ts";
import { empty } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { multiHeadAttentionForward } from "../functional/attention.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { type FactoryOptions, factoryOptions } from "../sizes.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { NonDynamicallyQuantizableLinear } from "./linear.ts";

export interface MultiheadAttentionOptions extends FactoryOptions {
  /** Dropout of the attention weights. Default: 0. */
  dropout?: number;
  /** Default: true. */
  bias?: boolean;
  /** Learn one more key and value. Default: false. */
  addBiasKv?: boolean;
  /** Attend to one more position of zeros. Default: false. */
  addZeroAttn?: boolean;
  /** Features of keys. Default: embedDim. */
  kdim?: number | null;
  /** Features of values. Default: embedDim. */
  vdim?: number | null;
  /** Inputs are (batch, length, features). Default: false. */
  batchFirst?: boolean;
}
export interface MultiheadAttentionCallOptions {
  /** (batch, source length): true (or -Infinity) where a key is to be ignored. */
  keyPaddingMask?: Tensor | null;
  /** Give the weights too. Default: true. */
  needWeights?: boolean;
  /** (target length, source length) or (batch * heads, …): true where attention is forbidden, or what is added to the scores. */
  attnMask?: Tensor | null;
  /** Average the weights over the heads. Default: true. */
  averageAttnWeights?: boolean;
}
type CallRest = Trailing<
  [keyPaddingMask: Tensor | null, needWeights: boolean, attnMask: Tensor | null, averageAttnWeights: boolean],
  MultiheadAttentionCallOptions
>;

/**
 * Attention of several heads: query (L, N, E), key (S, N, kdim), value (S, N, vdim) -> output (L, N, E), weights (N, L, S).
 * @source Vaswani et al. 2017, arXiv:1706.03762   @see torch.nn.MultiheadAttention
 * @example
 * new nn.MultiheadAttention(8, 2).call(torch.randn(5, 1, 8), torch.randn(6, 1, 8), torch.randn(6, 1, 8))[0].shape // [5, 1, 8]
 */
export class MultiheadAttention extends Module<
  [query: Tensor, key: Tensor, value: Tensor, ...rest: CallRest],
  [output: Tensor, weights: Tensor | null]
> {
  readonly embedDim: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly headDim: number;
  readonly addZeroAttn: boolean;
  inProjWeight: Parameter | null = null;
  qProjWeight: Parameter | null = null;
  kProjWeight: Parameter | null = null;
  vProjWeight: Parameter | null = null;
  inProjBias: Parameter | null;
  outProj: NonDynamicallyQuantizableLinear;
  biasK: Parameter | null;
  biasV: Parameter | null;

  constructor(
    embedDim: number,
    numHeads: number,
    ...rest: Trailing<[dropout: number, bias: boolean, addBiasKv: boolean, addZeroAttn: boolean], MultiheadAttentionOptions>
  ) {
    checkArguments(
      "MultiheadAttention(int embedDim, int numHeads, ~dropout, ~bias, ~addBiasKv, ~addZeroAttn, {float dropout, bool bias, bool addBiasKv, bool addZeroAttn, float|None kdim, float|None vdim, bool batchFirst, device device, dtype dtype})",
      embedDim,
      numHeads,
      ...rest,
    );
    super();
    const options = trailing<MultiheadAttentionOptions>(rest, ["dropout", "bias", "addBiasKv", "addZeroAttn"]);
    const { bias = true, addBiasKv = false } = options;
    const factory = factoryOptions(options);
    this.embedDim = embedDim;
    this.kdim = options.kdim ?? embedDim;
    this.vdim = options.vdim ?? embedDim;
    this.numHeads = numHeads;
    this.dropout = options.dropout ?? 0;
    this.batchFirst = options.batchFirst ?? false;
    this.headDim = Math.floor(embedDim / numHeads);
    this.addZeroAttn = options.addZeroAttn ?? false;
    if (this.headDim * numHeads !== embedDim) {
      throw new ValueError(`embed_dim must be divisible by num_heads: ${embedDim} is not a multiple of ${numHeads}`);
    }
    const parameter = (...shape: number[]) => new Parameter(empty(shape, factory));
    if (this.kdim === embedDim && this.vdim === embedDim) this.inProjWeight = parameter(3 * embedDim, embedDim);
    else {
      this.qProjWeight = parameter(embedDim, embedDim);
      this.kProjWeight = parameter(embedDim, this.kdim);
      this.vProjWeight = parameter(embedDim, this.vdim);
    }
    this.inProjBias = bias ? parameter(3 * embedDim) : null;
    this.outProj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias, ...factory });
    this.biasK = addBiasKv ? parameter(1, 1, embedDim) : null;
    this.biasV = addBiasKv ? parameter(1, 1, embedDim) : null;
    this.resetParameters();
  }
  /** Draws the projections anew; biases become 0. */
  resetParameters(): void {
    for (const weight of [this.inProjWeight, this.qProjWeight, this.kProjWeight, this.vProjWeight]) {
      if (weight !== null) init.xavierUniform_(weight);
    }
    if (this.inProjBias !== null) {
      init.constant_(this.inProjBias, 0);
      init.constant_(this.outProj.bias!, 0);
    }
    if (this.biasK !== null) init.xavierNormal_(this.biasK);
    if (this.biasV !== null) init.xavierNormal_(this.biasV);
  }
  override forward(query: Tensor, key: Tensor, value: Tensor, ...rest: CallRest): [output: Tensor, weights: Tensor | null] {
    const options = trailing<MultiheadAttentionCallOptions>(rest, [
      "keyPaddingMask",
      "needWeights",
      "attnMask",
      "averageAttnWeights",
    ]);
    checkArguments("multi_head_attention_forward(Tensor query, Tensor key, Tensor value)", query, key, value);
    const swap = this.batchFirst && query.shape.length === 3;
    let [q, k, v] = [query, key, value];
    if (swap) {
      q = query.transpose(0, 1);
      k = key === query ? q : key.transpose(0, 1);
      v = value === query ? q : value === key ? k : value.transpose(0, 1);
    }
    const { embedDim, numHeads, inProjWeight, qProjWeight, kProjWeight, vProjWeight, inProjBias } = this;
    const { biasK, biasV, addZeroAttn, training } = this;
    const projections = { inProjWeight, qProjWeight, kProjWeight, vProjWeight, inProjBias };
    const output = { outProjWeight: this.outProj.weight, outProjBias: this.outProj.bias };
    const weights = { embedDim, numHeads, ...projections, biasK, biasV, addZeroAttn, ...output };
    const [attended, attention] = multiHeadAttentionForward(q, k, v, weights, {
      ...options,
      dropoutP: this.dropout,
      training,
    });
    return [swap ? attended.transpose(0, 1) : attended, attention];
  }
}

keepClassNames({ MultiheadAttention });
