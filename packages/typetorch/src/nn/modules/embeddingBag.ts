import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { empty, noGrad } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { pythonFloat } from "../pythonFormat.ts";
import { type FactoryOptions, factoryOptions } from "../sizes.ts";

export interface EmbeddingBagModuleOptions extends FactoryOptions {
  maxNorm?: number | null;
  /** Default: 2. */
  normType?: number;
  scaleGradByFreq?: boolean;
  /** Default: `mean`. */
  mode?: F.BagMode;
  /** Accepted for PyTorch's programs: gradients are dense here. */
  sparse?: boolean;
  /** The last offset is the end of the input. Default: false. */
  includeLastOffset?: boolean;
  /** Entries of this index do not count. */
  paddingIdx?: number | null;
}
interface CallOptions {
  /** Where each bag begins in a 1-d input. */
  offsets?: Tensor | null;
  /** Weight of each index, for mode `sum`. */
  perSampleWeights?: Tensor | null;
}
type CallRest = Trailing<[offsets: Tensor | null, perSampleWeights: Tensor | null], CallOptions>;

/**
 * Sums, means or maxima of the rows of each bag of indices: (B, n) or 1-d with offsets (B) -> (B, embeddingDim).
 * @see torch.nn.EmbeddingBag
 * @example
 * new nn.EmbeddingBag(10, 3, { mode: "sum" }).call(torch.tensor([[1n, 2n], [4n, 5n]])).shape // [2, 3]
 */
export class EmbeddingBag extends Module<[input: Tensor, ...rest: CallRest]> {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  readonly mode: F.BagMode;
  readonly includeLastOffset: boolean;
  readonly paddingIdx: number | null;
  /** (numEmbeddings, embeddingDim) */
  weight: Parameter;

  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    ...rest: Trailing<
      [maxNorm: number | null, normType: number, scaleGradByFreq: boolean, mode: F.BagMode],
      EmbeddingBagModuleOptions
    >
  ) {
    checkArguments(
      "EmbeddingBag(int numEmbeddings, int embeddingDim, ~maxNorm, ~normType, ~scaleGradByFreq, ~mode, {float|None maxNorm, float normType, bool scaleGradByFreq, str mode, bool sparse, bool includeLastOffset, int|None paddingIdx, device device, dtype dtype})",
      numEmbeddings,
      embeddingDim,
      ...rest,
    );
    super();
    const names = ["maxNorm", "normType", "scaleGradByFreq", "mode"] as const;
    const options = trailing<EmbeddingBagModuleOptions>(rest, names);
    const padding = options.paddingIdx ?? null;
    if (padding !== null && (padding >= numEmbeddings || padding < -numEmbeddings)) {
      throw new ValueError("padding_idx must be within num_embeddings");
    }
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.maxNorm = options.maxNorm ?? null;
    this.normType = options.normType ?? 2;
    this.scaleGradByFreq = options.scaleGradByFreq ?? false;
    this.mode = options.mode ?? "mean";
    this.includeLastOffset = options.includeLastOffset ?? false;
    this.paddingIdx = padding !== null && padding < 0 ? padding + numEmbeddings : padding;
    this.weight = new Parameter(empty([numEmbeddings, embeddingDim], factoryOptions(options)));
    this.resetParameters();
  }
  /** An EmbeddingBag of given rows; they do not learn unless `freeze` is false. */
  static fromPretrained(embeddings: Tensor, options: EmbeddingBagModuleOptions & { freeze?: boolean } = {}): EmbeddingBag {
    if (embeddings.shape.length !== 2) throw new ShapeError("Embeddings parameter is expected to be 2-dimensional");
    const [rows, columns] = embeddings.shape as [number, number];
    const out = new EmbeddingBag(rows, columns, options);
    out.weight = new Parameter(embeddings.detach(), !(options.freeze ?? true));
    return out;
  }
  /** Draws the rows anew; that of the padding index becomes 0. */
  resetParameters(): void {
    init.normal_(this.weight);
    if (this.paddingIdx !== null) {
      const row = this.paddingIdx;
      noGrad(() => this.weight.select(0, row).fill_(0));
    }
  }
  override forward(input: Tensor, ...rest: CallRest): Tensor {
    const call = trailing<CallOptions>(rest, ["offsets", "perSampleWeights"]);
    const { maxNorm, normType, scaleGradByFreq, mode, includeLastOffset, paddingIdx } = this;
    const settings = { maxNorm, normType, scaleGradByFreq, mode, includeLastOffset, paddingIdx };
    return F.embeddingBag(input, this.weight, { ...settings, ...call });
  }
  override extraRepr(): string {
    const parts = [`${this.numEmbeddings}, ${this.embeddingDim}`];
    if (this.maxNorm !== null) parts.push(`max_norm=${pythonFloat(this.maxNorm)}`);
    if (this.normType !== 2) parts.push(`norm_type=${pythonFloat(this.normType)}`);
    if (this.scaleGradByFreq) parts.push("scale_grad_by_freq=True");
    parts.push(`mode=${this.mode}`);
    if (this.paddingIdx !== null) parts.push(`padding_idx=${this.paddingIdx}`);
    return parts.join(", ");
  }
}

keepClassNames({ EmbeddingBag });
