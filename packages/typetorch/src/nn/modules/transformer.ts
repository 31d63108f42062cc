import { keepClassNames } from "../../core/className.ts";
import { describeKind, checkArguments } from "../../ops/arguments.ts";
import { ArgumentTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import { arange, full } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as F from "../functional.ts";
import * as init from "../init.ts";
import { type AnyModule, Module } from "../module.ts";
import { type FactoryOptions, factoryOptions } from "../sizes.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { Dropout } from "./dropout.ts";
import { LayerNorm } from "./layerNorm.ts";
import { Linear } from "./linear.ts";
import { ModuleList } from "./moduleList.ts";
import { MultiheadAttention } from "./multiheadAttention.ts";

/** `relu`, `gelu`, or a function or module of one tensor. */
export type TransformerActivation = "relu" | "gelu" | ((input: Tensor) => Tensor) | Module;

export interface TransformerLayerOptions extends FactoryOptions {
  /** Width of the feed-forward part. Default: 2048. */
  dimFeedforward?: number;
  /** Default: 0.1. */
  dropout?: number;
  /** Default: `relu`. */
  activation?: TransformerActivation;
  /** Default: 1e-5. */
  layerNormEps?: number;
  /** Inputs are (batch, length, features). Default: false. */
  batchFirst?: boolean;
  /** Normalise before each part instead of after it. Default: false. */
  normFirst?: boolean;
}
const positional = ["dimFeedforward", "dropout", "activation", "layerNormEps", "batchFirst", "normFirst"] as const;
type LayerRest = Trailing<
  [
    dimFeedforward: number,
    dropout: number,
    activation: TransformerActivation,
    layerNormEps: number,
    batchFirst: boolean,
    normFirst: boolean,
  ],
  TransformerLayerOptions
>;

function activationOf(activation: TransformerActivation): (input: Tensor) => Tensor {
  if (typeof activation === "function") return activation;
  if (activation instanceof Module) return (input) => activation.call(input);
  if (activation === "relu") return (input) => F.relu(input);
  if (activation === "gelu") return (input) => F.gelu(input);
  throw new ValueError(`activation should be relu/gelu, not ${String(activation)}`);
}

function attend(
  attention: MultiheadAttention,
  x: Tensor,
  memory: Tensor,
  attnMask: Tensor | null,
  keyPaddingMask: Tensor | null,
): Tensor {
  return attention.call(x, memory, memory, { attnMask, keyPaddingMask, needWeights: false })[0];
}

export interface EncoderLayerMasks {
  srcMask?: Tensor | null;
  srcKeyPaddingMask?: Tensor | null;
}
type EncoderLayerRest = Trailing<[srcMask: Tensor | null, srcKeyPaddingMask: Tensor | null], EncoderLayerMasks>;

/**
 * Self-attention and a feed-forward part, each with a residual connection and layer norm: (S, N, E) -> (S, N, E).
 * @source Vaswani et al. 2017, arXiv:1706.03762   @see torch.nn.TransformerEncoderLayer
 * @example
 * new nn.TransformerEncoderLayer(8, 2).call(torch.randn(5, 1, 8)).shape // [5, 1, 8]
 */
export class TransformerEncoderLayer extends Module<[src: Tensor, ...rest: EncoderLayerRest]> {
  selfAttn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  readonly normFirst: boolean;
  norm1: LayerNorm;
  norm2: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  readonly activation: TransformerActivation;

  constructor(dModel: number, nhead: number, ...rest: LayerRest) {
    checkArguments(
      "TransformerEncoderLayer(int dModel, int nhead, ~dimFeedforward, ~dropout, ~activation, ~layerNormEps, ~batchFirst, ~normFirst, {int dimFeedforward, float dropout, any activation, float layerNormEps, bool batchFirst, bool normFirst, device device, dtype dtype})",
      dModel,
      nhead,
      ...rest,
    );
    super();
    const options = trailing<TransformerLayerOptions>(rest, positional);
    const { dimFeedforward = 2048, dropout = 0.1, layerNormEps: eps = 1e-5, batchFirst = false } = options;
    const factory = factoryOptions(options);
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, ...factory });
    this.linear1 = new Linear(dModel, dimFeedforward, factory);
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, factory);
    this.normFirst = options.normFirst ?? false;
    this.norm1 = new LayerNorm(dModel, { eps, ...factory });
    this.norm2 = new LayerNorm(dModel, { eps, ...factory });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.activation = options.activation ?? "relu";
    activationOf(this.activation);
  }
  override forward(src: Tensor, ...rest: EncoderLayerRest): Tensor {
    checkArguments("forward(Tensor src)", src);
    const masks = trailing<EncoderLayerMasks>(rest, ["srcMask", "srcKeyPaddingMask"]);
    const attention = (x: Tensor) =>
      this.dropout1.call(attend(this.selfAttn, x, x, masks.srcMask ?? null, masks.srcKeyPaddingMask ?? null));
    const feedForward = (x: Tensor) =>
      this.dropout2.call(this.linear2.call(this.dropout.call(activationOf(this.activation)(this.linear1.call(x)))));
    if (this.normFirst) {
      const x = src.add(attention(this.norm1.call(src)));
      return x.add(feedForward(this.norm2.call(x)));
    }
    const x = this.norm1.call(src.add(attention(src)));
    return this.norm2.call(x.add(feedForward(x)));
  }
}

export interface DecoderMasks {
  tgtMask?: Tensor | null;
  memoryMask?: Tensor | null;
  tgtKeyPaddingMask?: Tensor | null;
  memoryKeyPaddingMask?: Tensor | null;
}
const decoderPositional = ["tgtMask", "memoryMask", "tgtKeyPaddingMask", "memoryKeyPaddingMask"] as const;
type DecoderRest = Trailing<
  [tgtMask: Tensor | null, memoryMask: Tensor | null, tgtKeyPaddingMask: Tensor | null, memoryKeyPaddingMask: Tensor | null],
  DecoderMasks
>;

/**
 * Self-attention, attention to the encoder's memory and a feed-forward part, each with a residual connection and layer norm: (T, N, E), (S, N, E) -> (T, N, E).
 * @source Vaswani et al. 2017, arXiv:1706.03762   @see torch.nn.TransformerDecoderLayer
 * @example
 * new nn.TransformerDecoderLayer(8, 2).call(torch.randn(5, 1, 8), torch.randn(6, 1, 8)).shape // [5, 1, 8]
 */
export class TransformerDecoderLayer extends Module<[tgt: Tensor, memory: Tensor, ...rest: DecoderRest]> {
  selfAttn: MultiheadAttention;
  multiheadAttn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  readonly normFirst: boolean;
  norm1: LayerNorm;
  norm2: LayerNorm;
  norm3: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  dropout3: Dropout;
  readonly activation: TransformerActivation;

  constructor(dModel: number, nhead: number, ...rest: LayerRest) {
    checkArguments(
      "TransformerDecoderLayer(int dModel, int nhead, ~dimFeedforward, ~dropout, ~activation, ~layerNormEps, ~batchFirst, ~normFirst, {int dimFeedforward, float dropout, any activation, float layerNormEps, bool batchFirst, bool normFirst, device device, dtype dtype})",
      dModel,
      nhead,
      ...rest,
    );
    super();
    const options = trailing<TransformerLayerOptions>(rest, positional);
    const { dimFeedforward = 2048, dropout = 0.1, layerNormEps: eps = 1e-5, batchFirst = false } = options;
    const factory = factoryOptions(options);
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, ...factory });
    this.multiheadAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst, ...factory });
    this.linear1 = new Linear(dModel, dimFeedforward, factory);
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, factory);
    this.normFirst = options.normFirst ?? false;
    this.norm1 = new LayerNorm(dModel, { eps, ...factory });
    this.norm2 = new LayerNorm(dModel, { eps, ...factory });
    this.norm3 = new LayerNorm(dModel, { eps, ...factory });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.dropout3 = new Dropout(dropout);
    this.activation = options.activation ?? "relu";
    activationOf(this.activation);
  }
  override forward(tgt: Tensor, memory: Tensor, ...rest: DecoderRest): Tensor {
    checkArguments("forward(Tensor tgt, Tensor memory)", tgt, memory);
    const masks = trailing<DecoderMasks>(rest, decoderPositional);
    const attention = (x: Tensor) =>
      this.dropout1.call(attend(this.selfAttn, x, x, masks.tgtMask ?? null, masks.tgtKeyPaddingMask ?? null));
    const cross = (x: Tensor) =>
      this.dropout2.call(attend(this.multiheadAttn, x, memory, masks.memoryMask ?? null, masks.memoryKeyPaddingMask ?? null));
    const feedForward = (x: Tensor) =>
      this.dropout3.call(this.linear2.call(this.dropout.call(activationOf(this.activation)(this.linear1.call(x)))));
    if (this.normFirst) {
      let x = tgt.add(attention(this.norm1.call(tgt)));
      x = x.add(cross(this.norm2.call(x)));
      return x.add(feedForward(this.norm3.call(x)));
    }
    let x = this.norm1.call(tgt.add(attention(tgt)));
    x = this.norm2.call(x.add(cross(x)));
    return this.norm3.call(x.add(feedForward(x)));
  }
}

function clones<M extends AnyModule>(layer: M, count: number): ModuleList<M> {
  if (!(layer instanceof Module)) throw new ArgumentTypeError(`the layer to repeat is no Module but ${describeKind(layer)}`);
  if (count < 0) throw new ValueError(`a stack of ${count} layers`);
  return new ModuleList<M>(Array.from({ length: count }, () => layer.deepcopy()));
}

interface EncoderMasks {
  mask?: Tensor | null;
  srcKeyPaddingMask?: Tensor | null;
}
type EncoderRest = Trailing<[mask: Tensor | null, srcKeyPaddingMask: Tensor | null], EncoderMasks>;

/**
 * Copies of an encoder layer, one on top of the other, and perhaps a norm at the end.
 * @see torch.nn.TransformerEncoder
 * @example
 * new nn.TransformerEncoder(new nn.TransformerEncoderLayer(8, 2), 2).call(torch.randn(5, 1, 8)).shape // [5, 1, 8]
 */
export class TransformerEncoder extends Module<[src: Tensor, ...rest: EncoderRest]> {
  layers: ModuleList<TransformerEncoderLayer>;
  readonly numLayers: number;
  norm: Module | null;
  constructor(
    encoderLayer: TransformerEncoderLayer,
    numLayers: number,
    ...rest: Trailing<[norm: Module | null], { norm?: Module | null }>
  ) {
    checkArguments("TransformerEncoder(any encoderLayer, int numLayers, ~norm, {any norm})", encoderLayer, numLayers, ...rest);
    super();
    this.layers = clones(encoderLayer, numLayers);
    this.numLayers = numLayers;
    this.norm = trailing<{ norm?: Module | null }>(rest, ["norm"]).norm ?? null;
  }
  override forward(src: Tensor, ...rest: EncoderRest): Tensor {
    const masks = trailing<EncoderMasks>(rest, ["mask", "srcKeyPaddingMask"]);
    let output = src;
    for (const layer of this.layers) {
      output = layer.call(output, { srcMask: masks.mask ?? null, srcKeyPaddingMask: masks.srcKeyPaddingMask ?? null });
    }
    return this.norm === null ? output : this.norm.call(output);
  }
}

/**
 * Copies of a decoder layer, one on top of the other, and perhaps a norm at the end.
 * @see torch.nn.TransformerDecoder
 * @example
 * new nn.TransformerDecoder(new nn.TransformerDecoderLayer(8, 2), 2).call(torch.randn(5, 1, 8), torch.randn(6, 1, 8)).shape // [5, 1, 8]
 */
export class TransformerDecoder extends Module<[tgt: Tensor, memory: Tensor, ...rest: DecoderRest]> {
  layers: ModuleList<TransformerDecoderLayer>;
  readonly numLayers: number;
  norm: Module | null;
  constructor(
    decoderLayer: TransformerDecoderLayer,
    numLayers: number,
    ...rest: Trailing<[norm: Module | null], { norm?: Module | null }>
  ) {
    checkArguments("TransformerDecoder(any decoderLayer, int numLayers, ~norm, {any norm})", decoderLayer, numLayers, ...rest);
    super();
    this.layers = clones(decoderLayer, numLayers);
    this.numLayers = numLayers;
    this.norm = trailing<{ norm?: Module | null }>(rest, ["norm"]).norm ?? null;
  }
  override forward(tgt: Tensor, memory: Tensor, ...rest: DecoderRest): Tensor {
    const masks = trailing<DecoderMasks>(rest, decoderPositional);
    let output = tgt;
    for (const layer of this.layers) output = layer.call(output, memory, masks);
    return this.norm === null ? output : this.norm.call(output);
  }
}

export interface TransformerOptions extends TransformerLayerOptions {
  /** Features. Default: 512. */
  dModel?: number;
  /** Heads. Default: 8. */
  nhead?: number;
  /** Default: 6. */
  numEncoderLayers?: number;
  /** Default: 6. */
  numDecoderLayers?: number;
  customEncoder?: Module<readonly unknown[], Tensor> | null;
  customDecoder?: Module<readonly unknown[], Tensor> | null;
}
export interface TransformerMasks extends DecoderMasks {
  srcMask?: Tensor | null;
  srcKeyPaddingMask?: Tensor | null;
}

/**
 * Encoder and decoder: (S, N, E), (T, N, E) -> (T, N, E).
 * @source Vaswani et al. 2017, arXiv:1706.03762   @see torch.nn.Transformer
 * @example
 * new nn.Transformer({ dModel: 8, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1 }).call(torch.randn(5, 1, 8), torch.randn(6, 1, 8)).shape // [6, 1, 8]
 */
export class Transformer extends Module<[src: Tensor, tgt: Tensor, masks?: TransformerMasks]> {
  encoder: Module<readonly unknown[], Tensor>;
  decoder: Module<readonly unknown[], Tensor>;
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;

  constructor(
    ...rest: Trailing<
      [
        dModel: number,
        nhead: number,
        numEncoderLayers: number,
        numDecoderLayers: number,
        dimFeedforward: number,
        dropout: number,
      ],
      TransformerOptions
    >
  ) {
    checkArguments(
      "Transformer(~dModel, ~nhead, ~numEncoderLayers, ~numDecoderLayers, ~dimFeedforward, ~dropout, {int dModel, int nhead, int numEncoderLayers, int numDecoderLayers, any customEncoder, any customDecoder, int dimFeedforward, float dropout, any activation, float layerNormEps, bool batchFirst, bool normFirst, device device, dtype dtype})",
      ...rest,
    );
    super();
    const options = trailing<TransformerOptions>(rest, [
      "dModel",
      "nhead",
      "numEncoderLayers",
      "numDecoderLayers",
      "dimFeedforward",
      "dropout",
    ]);
    const {
      dModel = 512,
      nhead = 8,
      numEncoderLayers = 6,
      numDecoderLayers = 6,
      customEncoder,
      customDecoder,
      ...ofLayers
    } = options;
    const { batchFirst = false } = ofLayers;
    const eps = options.layerNormEps ?? 1e-5;
    const factory = factoryOptions(options);
    if (customEncoder instanceof Module) this.encoder = customEncoder;
    else if (customEncoder) throw new ArgumentTypeError(`customEncoder is no Module but ${describeKind(customEncoder)}`);
    else {
      const layer = new TransformerEncoderLayer(dModel, nhead, ofLayers);
      this.encoder = new TransformerEncoder(layer, numEncoderLayers, new LayerNorm(dModel, { eps, ...factory }));
    }
    if (customDecoder instanceof Module) this.decoder = customDecoder;
    else if (customDecoder) throw new ArgumentTypeError(`customDecoder is no Module but ${describeKind(customDecoder)}`);
    else {
      const layer = new TransformerDecoderLayer(dModel, nhead, ofLayers);
      this.decoder = new TransformerDecoder(layer, numDecoderLayers, new LayerNorm(dModel, { eps, ...factory }));
    }
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = batchFirst;
    for (const parameter of this.parameters()) if (parameter.shape.length > 1) init.xavierUniform_(parameter);
  }
  override forward(src: Tensor, tgt: Tensor, masks: TransformerMasks = {}): Tensor {
    checkArguments("forward(Tensor src, Tensor tgt)", src, tgt);
    const batchDim = this.batchFirst ? 0 : 1;
    if (src.shape.length === 3 && src.shape[batchDim] !== tgt.shape[batchDim]) {
      throw new ShapeError("the batch number of src and tgt must be equal");
    }
    if (src.shape[src.shape.length - 1] !== this.dModel || tgt.shape[tgt.shape.length - 1] !== this.dModel) {
      throw new ShapeError("the feature number of src and tgt must be equal to d_model");
    }
    const { srcMask = null, srcKeyPaddingMask = null, ...rest } = masks;
    const memory = this.encoder.call(src, { mask: srcMask, srcKeyPaddingMask });
    return this.decoder.call(tgt, memory, rest);
  }
  /** A mask (size, size) that hides the positions after each: 0 on and below the diagonal, -Infinity above. */
  static generateSquareSubsequentMask(size: number): Tensor {
    const position = arange(size);
    return full([size, size], Number.NEGATIVE_INFINITY).where(position.unsqueeze(0).gt(position.unsqueeze(1)), 0);
  }
}

keepClassNames({ TransformerEncoderLayer, TransformerDecoderLayer, TransformerEncoder, TransformerDecoder, Transformer });
