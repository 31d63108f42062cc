import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ShapeError, ValueError } from "../../core/errors.ts";
import { empty, noGrad } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { pythonFloat } from "../pythonFormat.ts";
import { type FactoryOptions, factoryOptions } from "../sizes.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

export interface EmbeddingOptions extends FactoryOptions {
  /** Row that gets no gradient and starts at 0. */
  paddingIdx?: number | null;
  /** Rows that are looked up and longer than this are first scaled to it, in place. */
  maxNorm?: number | null;
  /** The p of that norm. Default: 2. */
  normType?: number;
  /** Divide a row's gradient by how often it occurs in the batch. */
  scaleGradByFreq?: boolean;
}
type EmbeddingRest = Trailing<
  [paddingIdx: number | null, maxNorm: number | null, normType: number, scaleGradByFreq: boolean],
  EmbeddingOptions
>;
const positional = ["paddingIdx", "maxNorm", "normType", "scaleGradByFreq"] as const;

/**
 * A table of vectors, looked up by index: int64 (*) -> (*, embeddingDim). Rows start normal.
 * @see torch.nn.Embedding
 * @example
 * const out = new nn.Embedding(10, 3).call(torch.tensor([1n, 2n, 4n])); // (3, 3)
 */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  /** (numEmbeddings, embeddingDim) */
  weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, ...rest: EmbeddingRest) {
    checkArguments(
      "Embedding(int numEmbeddings, int embeddingDim, ~paddingIdx, ~maxNorm, ~normType, ~scaleGradByFreq, {bool sparse, int|None paddingIdx, float|None maxNorm, float normType, bool scaleGradByFreq, device device, dtype dtype})",
      numEmbeddings,
      embeddingDim,
      ...rest,
    );
    super();
    const options = trailing<EmbeddingOptions>(rest, positional);
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = wrapPadding(options.paddingIdx ?? null, numEmbeddings);
    this.maxNorm = options.maxNorm ?? null;
    this.normType = options.normType ?? 2;
    this.scaleGradByFreq = options.scaleGradByFreq ?? false;
    this.weight = new Parameter(empty([numEmbeddings, embeddingDim], factoryOptions(options)));
    this.resetParameters();
  }
  /** An Embedding of given rows; they do not learn unless `freeze` is false. */
  static fromPretrained(embeddings: Tensor, options: EmbeddingOptions & { freeze?: boolean } = {}): Embedding {
    if (embeddings.shape.length !== 2) throw new ShapeError("Embeddings parameter is expected to be 2-dimensional");
    const out = Object.create(Embedding.prototype) as Embedding;
    Object.assign(out, new Embedding(1, 1, { ...options, paddingIdx: null }));
    const [rows, columns] = embeddings.shape as [number, number];
    return Object.assign(out, {
      numEmbeddings: rows,
      embeddingDim: columns,
      paddingIdx: wrapPadding(options.paddingIdx ?? null, rows),
      weight: new Parameter(embeddings.detach(), !(options.freeze ?? true)),
    });
  }
  /** Draws the rows anew; that of the padding index becomes 0. */
  resetParameters(): void {
    init.normal_(this.weight);
    if (this.paddingIdx !== null) {
      const row = this.paddingIdx;
      noGrad(() => this.weight.select(0, row).fill_(0));
    }
  }
  override forward(input: Tensor): Tensor {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq } = this;
    return F.embedding(input, this.weight, { paddingIdx, maxNorm, normType, scaleGradByFreq });
  }
  override extraRepr(): string {
    const parts = [`${this.numEmbeddings}, ${this.embeddingDim}`];
    if (this.paddingIdx !== null) parts.push(`padding_idx=${this.paddingIdx}`);
    if (this.maxNorm !== null) parts.push(`max_norm=${pythonFloat(this.maxNorm)}`);
    if (this.normType !== 2) parts.push(`norm_type=${pythonFloat(this.normType)}`);
    if (this.scaleGradByFreq) parts.push("scale_grad_by_freq=True");
    return parts.join(", ");
  }
}

function wrapPadding(index: number | null, rows: number): number | null {
  if (index === null) return null;
  if (index >= rows || index < -rows) throw new ValueError("Padding_idx must be within num_embeddings");
  return index < 0 ? index + rows : index;
}

keepClassNames({ Embedding });
