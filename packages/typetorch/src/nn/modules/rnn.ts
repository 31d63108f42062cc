import { keepClassNames } from "../../core/className.ts";
import { describeKind, checkArguments } from "../../ops/arguments.ts";
import { DTypeError, ArgumentTypeError, ShapeError, ValueError } from "../../core/errors.ts";
import type { RecurrentMode, RecurrentWeights } from "../../ops/rnn/layer.ts";
import { empty, zeros } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { pythonFloat, pythonTuple } from "../pythonFormat.ts";
import { type RecurrentState, runPacked, runSequence } from "../recurrent.ts";
import { type FactoryOptions, factoryOptions } from "../sizes.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";
import { PackedSequence } from "../utils/rnn.ts";

export interface RNNBaseOptions extends FactoryOptions {
  /** Layers on top of each other. Default: 1. */
  numLayers?: number;
  /** Default: true. */
  bias?: boolean;
  /** Input and output are (batch, time, features) instead of (time, batch, features). Default: false. */
  batchFirst?: boolean;
  /** Probability of dropout between the layers. Default: 0. */
  dropout?: number;
  /** Run over the sequence in both directions. Default: false. */
  bidirectional?: boolean;
}
export interface RNNOptions extends RNNBaseOptions {
  /** `tanh` or `relu`. Default: `tanh`. */
  nonlinearity?: "tanh" | "relu";
}
export interface LSTMOptions extends RNNBaseOptions {
  /** Project the hidden state to this size; 0 for none. Default: 0. */
  projSize?: number;
}
type Rest<O> = Trailing<[numLayers: number, bias: boolean, batchFirst: boolean, dropout: number, bidirectional: boolean], O>;
const positional = ["numLayers", "bias", "batchFirst", "dropout", "bidirectional"] as const;

/** A sequence: (time, batch, features), (batch, time, features) with `batchFirst`, (time, features) without batch, or packed. */
export type Sequence = Tensor | PackedSequence;

/** The states at the start, by position or as `{ hx }`; zeros without. */
type StateRest<State> = Trailing<[hx: State | null], { hx?: State | null }>;

/** What RNN, LSTM and GRU share. Weights are attributes `weightIhL0`, `weightHhL0`, `biasIhL0`, `biasHhL0`, …, with `Reverse` for the second direction. */
export abstract class RNNBase<State> extends Module<
  [input: Sequence, ...rest: StateRest<State>],
  [output: Sequence, state: State]
> {
  readonly mode: RecurrentMode;
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  readonly projSize: number;

  constructor(mode: RecurrentMode, inputSize: number, hiddenSize: number, options: LSTMOptions) {
    checkArguments(
      "RNNBase(str mode, int inputSize, int hiddenSize, options options, {int numLayers, bool bias, bool batchFirst, float dropout, bool bidirectional, int projSize, str nonlinearity, device device, dtype dtype})",
      mode,
      inputSize,
      hiddenSize,
      options,
    );
    super();
    const { numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false, projSize = 0 } = options;
    if (typeof dropout !== "number" || !(dropout >= 0 && dropout <= 1)) {
      throw new ValueError("dropout should be a number in range [0, 1] representing the probability of an element being zeroed");
    }
    if (numLayers <= 0) throw new ValueError("num_layers must be greater than zero");
    if (hiddenSize <= 0) throw new ValueError("hidden_size must be greater than zero");
    if (projSize < 0) throw new ValueError("proj_size should be a positive integer or zero to disable projections");
    if (projSize >= hiddenSize) throw new ValueError("proj_size has to be smaller than hidden_size");
    this.mode = mode;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    this.bidirectional = bidirectional;
    this.projSize = projSize;
    const gates = hiddenSize * (mode === "LSTM" ? 4 : mode === "GRU" ? 3 : 1);
    const output = projSize > 0 ? projSize : hiddenSize;
    const factory = factoryOptions(options);
    const parameter = (...shape: number[]) => new Parameter(empty(shape, factory));
    for (let layer = 0; layer < numLayers; layer++) {
      for (const suffix of this.directions()) {
        const features = layer === 0 ? inputSize : output * this.directions().length;
        this.registerParameter(`weightIhL${layer}${suffix}`, parameter(gates, features));
        this.registerParameter(`weightHhL${layer}${suffix}`, parameter(gates, output));
        if (bias) {
          this.registerParameter(`biasIhL${layer}${suffix}`, parameter(gates));
          this.registerParameter(`biasHhL${layer}${suffix}`, parameter(gates));
        }
        if (projSize > 0) this.registerParameter(`weightHrL${layer}${suffix}`, parameter(projSize, hiddenSize));
      }
    }
    this.resetParameters();
  }
  /** Runs the layers; the output is packed when the input is. */
  override call<S extends Sequence>(input: S, ...rest: StateRest<State>): [output: S, state: State] {
    return super.call(input, ...rest) as [S, State];
  }
  private directions(): readonly string[] {
    return this.bidirectional ? ["", "Reverse"] : [""];
  }
  /** Draws all weights anew: uniform in ±1/sqrt(hiddenSize). */
  resetParameters(): void {
    const bound = this.hiddenSize > 0 ? 1 / Math.sqrt(this.hiddenSize) : 0;
    for (const parameter of this.parameters()) init.uniform_(parameter, -bound, bound);
  }
  /** Nothing to do here: weights need not lie in one block. For programs that call it. */
  flattenParameters(): void {}

  /** Weights by layer and direction: `[layer * directions + direction]`. */
  private weights(): (RecurrentWeights & { weightHr: Tensor | null })[] {
    const own = this as unknown as Record<string, Parameter | undefined>;
    const out: (RecurrentWeights & { weightHr: Tensor | null })[] = [];
    for (let layer = 0; layer < this.numLayers; layer++) {
      for (const suffix of this.directions()) {
        out.push({
          weightIh: own[`weightIhL${layer}${suffix}`]!,
          weightHh: own[`weightHhL${layer}${suffix}`]!,
          biasIh: own[`biasIhL${layer}${suffix}`] ?? null,
          biasHh: own[`biasHhL${layer}${suffix}`] ?? null,
          weightHr: own[`weightHrL${layer}${suffix}`] ?? null,
        });
      }
    }
    return out;
  }

  /** Checks shapes, adds the batch dimension where it is missing, runs all layers. States are (layers * directions, batch, hidden). */
  protected run(input: Sequence, state: RecurrentState | null): { output: Sequence; state: RecurrentState } {
    const { mode, numLayers, bidirectional, batchFirst, dropout, training } = this;
    const settings = { mode, numLayers, bidirectional, batchFirst, dropout: training ? dropout : 0 };
    if (input instanceof PackedSequence) {
      this.checkFeatures(input.data, 2);
      const { sortedIndices, unsortedIndices } = input;
      const permute = (order: Tensor | null, s: RecurrentState): RecurrentState =>
        order === null ? s : { h: s.h.indexSelect(1, order), c: s.c === null ? null : s.c.indexSelect(1, order) };
      const batch = input.batchSizeList()[0]!;
      const start = state === null ? this.zeroState(input.data, batch) : permute(sortedIndices, state);
      this.checkState(start, batch);
      const result = runPacked(settings, input.data, input.batchSizeList(), start, this.weights());
      return {
        output: new PackedSequence(result.output, input.batchSizes, sortedIndices, unsortedIndices),
        state: permute(unsortedIndices, result.state),
      };
    }
    checkArguments("run(Tensor input, Tensor? hx, Tensor|None? cx)", input, state?.h, state?.c);
    const batched = input.shape.length === 3;
    const batchDim = batchFirst ? 0 : 1;
    this.checkStateRank(state, batched);
    const x = batched ? input : input.unsqueeze(batchDim);
    const given = state === null || batched ? state : { h: state.h.unsqueeze(1), c: state.c?.unsqueeze(1) ?? null };
    this.checkFeatures(x, 3);
    const batch = x.shape[batchDim]!;
    const start = given ?? this.zeroState(x, batch);
    this.checkState(start, batch);
    const result = runSequence(settings, x, start, this.weights());
    if (batched) return result;
    const { h, c } = result.state;
    return { output: result.output.squeeze(batchDim), state: { h: h.squeeze(1), c: c?.squeeze(1) ?? null } };
  }
  private checkFeatures(x: Tensor, rank: number): void {
    if (x.shape.length !== rank) throw new ShapeError(`input must have ${rank} dimensions, got ${x.shape.length}`);
    const features = x.shape[rank - 1]!;
    const { dtype } = this.weights()[0]!.weightIh;
    if (x.dtype !== dtype) {
      throw new DTypeError(`input must have the type ${dtype}, got type ${x.dtype}`, "convert the input: x.to(…)");
    }
    if (features !== this.inputSize) {
      throw new ShapeError(
        `input.size(-1) must be equal to input_size. Expected ${this.inputSize}, got ${features}`,
        this.batchFirst ? undefined : "the input is (time, batch, features) unless batchFirst is true",
      );
    }
  }
  private checkStateRank(state: RecurrentState | null, batched: boolean): void {
    if (state === null) return;
    const wanted = batched ? 3 : 2;
    const [kind, size] = batched ? ["batched 3-D", "3-D"] : ["unbatched 2-D", "2-D"];
    if (state.c !== null && (state.h.shape.length !== wanted || state.c.shape.length !== wanted)) {
      throw new ShapeError(
        `For ${kind} input, hx and cx should also be ${size} but got (${state.h.shape.length}-D, ${state.c.shape.length}-D) tensors`,
      );
    }
    if (state.h.shape.length !== wanted) {
      throw new ShapeError(`For ${kind} input, hx should also be ${size} but got ${state.h.shape.length}-D tensor`);
    }
  }
  private checkState(state: RecurrentState, batch: number): void {
    const count = this.numLayers * (this.bidirectional ? 2 : 1);
    const check = (tensor: Tensor, size: number, name: string) => {
      const expected = [count, batch, size];
      if (tensor.shape.length === 3 && tensor.shape.every((s, i) => s === expected[i])) return;
      throw new ShapeError(`Expected ${name} size ${pythonTuple(expected)}, got [${tensor.shape.join(", ")}]`);
    };
    const output = this.projSize > 0 ? this.projSize : this.hiddenSize;
    check(state.h, output, this.mode === "LSTM" ? "hidden[0]" : "hidden");
    if (state.c !== null) check(state.c, this.hiddenSize, "hidden[1]");
  }
  private zeroState(like: Tensor, batch: number): RecurrentState {
    const count = this.numLayers * (this.bidirectional ? 2 : 1);
    const options = { dtype: like.dtype, device: like.device };
    const h = zeros([count, batch, this.projSize > 0 ? this.projSize : this.hiddenSize], options);
    return { h, c: this.mode === "LSTM" ? zeros([count, batch, this.hiddenSize], options) : null };
  }
  override extraRepr(): string {
    const parts = [`${this.inputSize}, ${this.hiddenSize}`];
    if (this.projSize !== 0) parts.push(`proj_size=${this.projSize}`);
    if (this.numLayers !== 1) parts.push(`num_layers=${this.numLayers}`);
    if (!this.bias) parts.push("bias=False");
    if (this.batchFirst) parts.push("batch_first=True");
    if (this.dropout !== 0) parts.push(`dropout=${pythonFloat(this.dropout)}`);
    if (this.bidirectional) parts.push("bidirectional=True");
    return parts.join(", ");
  }
}

/**
 * Elman network: `h' = tanh(W_ih x + b_ih + W_hh h + b_hh)`. Gives the outputs of the last layer at all steps and the last hidden states.
 * @see torch.nn.RNN
 * @example
 * new nn.RNN(3, 4).call(torch.randn(5, 2, 3))[0].shape // [5, 2, 4]
 */
export class RNN extends RNNBase<Tensor> {
  readonly nonlinearity: "tanh" | "relu";
  constructor(inputSize: number, hiddenSize: number, ...rest: Rest<RNNOptions>) {
    checkArguments(
      "RNN(int inputSize, int hiddenSize, ~numLayers, ~bias, ~batchFirst, ~dropout, ~bidirectional, {str nonlinearity, int numLayers, bool bias, bool batchFirst, float dropout, bool bidirectional, device device, dtype dtype})",
      inputSize,
      hiddenSize,
      ...rest,
    );
    const options = trailing<RNNOptions>(rest, positional);
    refuseProjection(options);
    const { nonlinearity = "tanh" } = options;
    if (nonlinearity !== "tanh" && nonlinearity !== "relu") {
      throw new ValueError(`Unknown nonlinearity '${String(nonlinearity)}'`);
    }
    super(nonlinearity === "tanh" ? "RNN_TANH" : "RNN_RELU", inputSize, hiddenSize, options);
    this.nonlinearity = nonlinearity;
  }
  override forward(input: Sequence, ...rest: StateRest<Tensor>): [output: Sequence, hn: Tensor] {
    const { hx = null } = trailing<{ hx?: Tensor | null }>(rest, ["hx"]);
    const { output, state } = this.run(input, hx === null ? null : { h: hx, c: null });
    return [output, state.h];
  }
}

/**
 * Long short-term memory. Gives the outputs of the last layer at all steps and the last states `[hn, cn]`.
 * @source Hochreiter and Schmidhuber 1997   @see torch.nn.LSTM
 * @example
 * const lstm = new nn.LSTM(10, 20, { numLayers: 2 });
 * const [output, [hn, cn]] = lstm.call(torch.randn(5, 3, 10)); // (5, 3, 20), (2, 3, 20), (2, 3, 20)
 */
export class LSTM extends RNNBase<readonly [h: Tensor, c: Tensor]> {
  constructor(inputSize: number, hiddenSize: number, ...rest: Rest<LSTMOptions>) {
    checkArguments(
      "LSTM(int inputSize, int hiddenSize, ~numLayers, ~bias, ~batchFirst, ~dropout, ~bidirectional, {int projSize, int numLayers, bool bias, bool batchFirst, float dropout, bool bidirectional, device device, dtype dtype})",
      inputSize,
      hiddenSize,
      ...rest,
    );
    super("LSTM", inputSize, hiddenSize, trailing<LSTMOptions>(rest, positional));
  }
  override forward(
    input: Sequence,
    ...rest: StateRest<readonly [h: Tensor, c: Tensor]>
  ): [output: Sequence, state: readonly [h: Tensor, c: Tensor]] {
    const { hx = null } = trailing<{ hx?: readonly [h: Tensor, c: Tensor] | null }>(rest, ["hx"]);
    if (hx !== null && !(Array.isArray(hx) && hx.length === 2)) {
      throw new ArgumentTypeError(`LSTM: the state is a pair [h, c] of tensors, not ${describeKind(hx)}`);
    }
    const { output, state } = this.run(input, hx === null ? null : { h: hx[0], c: hx[1] });
    return [output, [state.h, state.c!]];
  }
}

/**
 * Gated recurrent unit. Gives the outputs of the last layer at all steps and the last hidden states.
 * @source Cho et al. 2014, arXiv:1406.1078   @see torch.nn.GRU
 * @example
 * new nn.GRU(3, 4).call(torch.randn(5, 2, 3))[0].shape // [5, 2, 4]
 */
export class GRU extends RNNBase<Tensor> {
  constructor(inputSize: number, hiddenSize: number, ...rest: Rest<RNNBaseOptions>) {
    checkArguments(
      "GRU(int inputSize, int hiddenSize, ~numLayers, ~bias, ~batchFirst, ~dropout, ~bidirectional, {int numLayers, bool bias, bool batchFirst, float dropout, bool bidirectional, device device, dtype dtype})",
      inputSize,
      hiddenSize,
      ...rest,
    );
    const options = trailing<RNNBaseOptions>(rest, positional);
    refuseProjection(options);
    super("GRU", inputSize, hiddenSize, options);
  }
  override forward(input: Sequence, ...rest: StateRest<Tensor>): [output: Sequence, hn: Tensor] {
    const { hx = null } = trailing<{ hx?: Tensor | null }>(rest, ["hx"]);
    const { output, state } = this.run(input, hx === null ? null : { h: hx, c: null });
    return [output, state.h];
  }
}

function refuseProjection(options: object): void {
  if ("projSize" in options) {
    throw new ArgumentTypeError("proj_size argument is only supported for LSTM, not RNN or GRU");
  }
}

keepClassNames({ RNNBase, RNN, LSTM, GRU });
