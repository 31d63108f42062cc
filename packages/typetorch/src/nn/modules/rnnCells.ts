import { keepClassNames } from "../../core/className.ts";
import { checkArguments } from "../../ops/arguments.ts";
import { ShapeError, ValueError, DTypeError } from "../../core/errors.ts";
import { type RecurrentMode, recurrentLayer } from "../../ops/rnn/layer.ts";
import { empty, zeros } from "../../tensor/core.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import * as init from "../init.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { type FactoryOptions, factoryOptions } from "../sizes.ts";
import { type Trailing, trailing } from "../../core/trailing.ts";

interface CellOptions extends FactoryOptions {
  /** Default: true. */
  bias?: boolean;
}

type StateRest<State> = Trailing<[hx: State | null], { hx?: State | null }>;

/** What the cells hold: weights and biases of one step. */
abstract class RNNCellBase<State, Out> extends Module<[input: Tensor, ...rest: StateRest<State>], Out> {
  readonly inputSize: number;
  readonly hiddenSize: number;
  /** (gates * hiddenSize, inputSize) */
  weightIh: Parameter;
  /** (gates * hiddenSize, hiddenSize) */
  weightHh: Parameter;
  /** (gates * hiddenSize), or null */
  biasIh: Parameter | null;
  /** (gates * hiddenSize), or null */
  biasHh: Parameter | null;

  constructor(inputSize: number, hiddenSize: number, gates: number, options: CellOptions) {
    super();
    const factory = factoryOptions(options);
    const bias = options.bias ?? true;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.weightIh = new Parameter(empty([gates * hiddenSize, inputSize], factory));
    this.weightHh = new Parameter(empty([gates * hiddenSize, hiddenSize], factory));
    this.biasIh = bias ? new Parameter(empty([gates * hiddenSize], factory)) : null;
    this.biasHh = bias ? new Parameter(empty([gates * hiddenSize], factory)) : null;
    this.resetParameters();
  }
  /** Draws all weights anew: uniform in ±1/sqrt(hiddenSize). */
  resetParameters(): void {
    const bound = this.hiddenSize > 0 ? 1 / Math.sqrt(this.hiddenSize) : 0;
    for (const parameter of this.parameters()) init.uniform_(parameter, -bound, bound);
  }
  /** One step; without batch dimension the results have none. */
  protected step(mode: RecurrentMode, input: Tensor, hx: Tensor | null, cx: Tensor | null): { h: Tensor; c: Tensor | null } {
    checkArguments("step(Tensor input, Tensor|None? hx, Tensor|None? cx)", input, hx, cx);
    const rank = input.shape.length;
    if (rank !== 1 && rank !== 2) {
      throw new ShapeError(`${this.getName()}: Expected input to be 1-D or 2-D but received ${rank}-D tensor`);
    }
    const batched = rank === 2;
    const x = batched ? input : input.unsqueeze(0);
    if (x.shape[1] !== this.inputSize) {
      throw new ShapeError(`input has inconsistent input_size: got ${x.shape[1]} expected ${this.inputSize}`);
    }
    const checkDtype = (value: Tensor): void => {
      if (value.dtype !== this.weightIh.dtype)
        throw new DTypeError(
          "mat1 and mat2 must have the same dtype",
          `the weights are ${this.weightIh.dtype.name}, the input or state ${value.dtype.name}`,
        );
    };
    checkDtype(x);
    const state = (given: Tensor | null): Tensor => {
      if (given === null) return zeros([x.shape[0]!, this.hiddenSize], { dtype: x.dtype, device: x.device });
      const h = batched ? given : given.unsqueeze(0);
      if (h.shape[1] !== this.hiddenSize) {
        throw new ShapeError(`hidden has inconsistent hidden_size: got ${h.shape[1]}, expected ${this.hiddenSize}`);
      }
      if (h.shape[0] !== x.shape[0]) {
        throw new ShapeError(`Input batch size ${x.shape[0]} doesn't match hidden batch size ${h.shape[0]}`);
      }
      checkDtype(h);
      return h;
    };
    const { h, c } = recurrentLayer(mode, x.unsqueeze(0), state(hx), mode === "LSTM" ? state(cx) : null, this);
    return batched ? { h, c } : { h: h.squeeze(0), c: c?.squeeze(0) ?? null };
  }
  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.biasIh === null ? ", bias=False" : ""}`;
  }
}

/**
 * One step of an {@link RNN}: (batch, inputSize), (batch, hiddenSize) -> (batch, hiddenSize).
 * @see torch.nn.RNNCell
 * @example
 * new nn.RNNCell(3, 4).call(torch.randn(2, 3)).shape // [2, 4]
 */
export class RNNCell extends RNNCellBase<Tensor, Tensor> {
  readonly nonlinearity: "tanh" | "relu";
  constructor(
    inputSize: number,
    hiddenSize: number,
    ...rest: Trailing<[bias: boolean, nonlinearity: "tanh" | "relu"], CellOptions & { nonlinearity?: "tanh" | "relu" }>
  ) {
    checkArguments(
      "RNNCell(int inputSize, int hiddenSize, ~bias, ~nonlinearity, {bool bias, device device, dtype dtype, str nonlinearity})",
      inputSize,
      hiddenSize,
      ...rest,
    );
    const options = trailing<CellOptions & { nonlinearity?: "tanh" | "relu" }>(rest, ["bias", "nonlinearity"]);
    super(inputSize, hiddenSize, 1, options);
    this.nonlinearity = options.nonlinearity ?? "tanh";
  }
  override forward(input: Tensor, ...rest: StateRest<Tensor>): Tensor {
    const { hx = null } = trailing<{ hx?: Tensor | null }>(rest, ["hx"]);
    if (this.nonlinearity !== "tanh" && this.nonlinearity !== "relu") {
      throw new ValueError(`Unknown nonlinearity: ${String(this.nonlinearity)}`);
    }
    return this.step(this.nonlinearity === "tanh" ? "RNN_TANH" : "RNN_RELU", input, hx, null).h;
  }
  override extraRepr(): string {
    return super.extraRepr() + (this.nonlinearity === "tanh" ? "" : `, nonlinearity=${this.nonlinearity}`);
  }
}

/**
 * One step of an {@link LSTM}: (batch, inputSize), two times (batch, hiddenSize) -> two times (batch, hiddenSize).
 * @see torch.nn.LSTMCell
 * @example
 * new nn.LSTMCell(3, 4).call(torch.randn(2, 3))[0].shape // [2, 4]
 */
export class LSTMCell extends RNNCellBase<readonly [h: Tensor, c: Tensor], [h: Tensor, c: Tensor]> {
  constructor(inputSize: number, hiddenSize: number, ...rest: Trailing<[bias: boolean], CellOptions>) {
    checkArguments(
      "LSTMCell(int inputSize, int hiddenSize, ~bias, {bool bias, device device, dtype dtype})",
      inputSize,
      hiddenSize,
      ...rest,
    );
    super(inputSize, hiddenSize, 4, trailing<CellOptions>(rest, ["bias"]));
  }
  override forward(input: Tensor, ...rest: StateRest<readonly [h: Tensor, c: Tensor]>): [h: Tensor, c: Tensor] {
    const { hx = null } = trailing<{ hx?: readonly [h: Tensor, c: Tensor] | null }>(rest, ["hx"]);
    const { h, c } = this.step("LSTM", input, hx?.[0] ?? null, hx?.[1] ?? null);
    return [h, c!];
  }
}

/**
 * One step of a {@link GRU}: (batch, inputSize), (batch, hiddenSize) -> (batch, hiddenSize).
 * @see torch.nn.GRUCell
 * @example
 * new nn.GRUCell(3, 4).call(torch.randn(2, 3)).shape // [2, 4]
 */
export class GRUCell extends RNNCellBase<Tensor, Tensor> {
  constructor(inputSize: number, hiddenSize: number, ...rest: Trailing<[bias: boolean], CellOptions>) {
    checkArguments(
      "GRUCell(int inputSize, int hiddenSize, ~bias, {bool bias, device device, dtype dtype})",
      inputSize,
      hiddenSize,
      ...rest,
    );
    super(inputSize, hiddenSize, 3, trailing<CellOptions>(rest, ["bias"]));
  }
  override forward(input: Tensor, ...rest: StateRest<Tensor>): Tensor {
    const { hx = null } = trailing<{ hx?: Tensor | null }>(rest, ["hx"]);
    return this.step("GRU", input, hx, null).h;
  }
}

keepClassNames({ RNNCell, LSTMCell, GRUCell });
