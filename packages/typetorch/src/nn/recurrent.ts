/**
 * Stacks of recurrent layers: directions, layers, dropout between them, sequences of different lengths.
 */
import { type RecurrentMode, type RecurrentWeights, recurrentLayer } from "../ops/rnn/layer.ts";
import { cat, stack } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { dropout } from "./functional.ts";

/** Hidden state, and cell state for an LSTM: (layers * directions, batch, hidden). */
export interface RecurrentState {
  readonly h: Tensor;
  readonly c: Tensor | null;
}
export interface RecurrentSettings {
  readonly mode: RecurrentMode;
  readonly numLayers: number;
  readonly bidirectional: boolean;
  readonly batchFirst: boolean;
  /** Probability of dropout between layers; 0 for none. */
  readonly dropout: number;
}
type Weights = RecurrentWeights & { readonly weightHr: Tensor | null };
interface LayerResult {
  readonly output: Tensor;
  readonly h: Tensor;
  readonly c: Tensor | null;
}

/** Runs the layers; `layer` runs one direction of one of them. */
function runLayers(
  settings: RecurrentSettings,
  input: Tensor,
  state: RecurrentState,
  weights: readonly Weights[],
  layer: (input: Tensor, h: Tensor, c: Tensor | null, weights: Weights, reverse: boolean) => LayerResult,
): { output: Tensor; state: RecurrentState } {
  const directions = settings.bidirectional ? 2 : 1;
  const hs: Tensor[] = [];
  const cs: Tensor[] = [];
  let value = input;
  for (let l = 0; l < settings.numLayers; l++) {
    const outputs: Tensor[] = [];
    for (let d = 0; d < directions; d++) {
      const k = l * directions + d;
      const c0 = state.c === null ? null : state.c.select(0, k);
      const { output, h, c } = layer(value, state.h.select(0, k), c0, weights[k]!, d === 1);
      outputs.push(output);
      hs.push(h);
      if (c !== null) cs.push(c);
    }
    value = outputs.length === 1 ? outputs[0]! : cat(outputs, -1);
    if (settings.dropout > 0 && l < settings.numLayers - 1) value = dropout(value, { p: settings.dropout, training: true });
  }
  return { output: value, state: { h: stack(hs, 0), c: state.c === null ? null : stack(cs, 0) } };
}

/** Runs a stack over sequences of one length. */
export function runSequence(
  settings: RecurrentSettings,
  input: Tensor,
  state: RecurrentState,
  weights: readonly Weights[],
): { output: Tensor; state: RecurrentState } {
  const { mode, batchFirst } = settings;
  return runLayers(settings, input, state, weights, (x, h, c, w, reverse) => {
    if (w.weightHr === null) return recurrentLayer(mode, x, h, c, w, { batchFirst, reverse });
    const timeDim = batchFirst ? 1 : 0;
    const steps = x.shape[timeDim]!;
    const outputs: Tensor[] = new Array(steps);
    let last: LayerResult = { output: x, h, c };
    for (let s = 0; s < steps; s++) {
      const t = reverse ? steps - 1 - s : s;
      last = projectedStep(x.select(timeDim, t), last.h, last.c!, w, w.weightHr);
      outputs[t] = last.h;
    }
    return { output: stack(outputs, timeDim), h: last.h, c: last.c };
  });
}

/** One step of an LSTM whose hidden state is projected. */
function projectedStep(x: Tensor, h: Tensor, c: Tensor, w: RecurrentWeights, weightHr: Tensor): LayerResult {
  const project = (v: Tensor, weight: Tensor, bias: Tensor | null) => {
    const product = v.matmul(weight.t());
    return bias === null ? product : product.add(bias);
  };
  const [i, f, g, o] = project(x, w.weightIh, w.biasIh)
    .add(project(h, w.weightHh, w.biasHh))
    .chunk(4, 1) as [Tensor, Tensor, Tensor, Tensor];
  const cell = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
  const hidden = o.sigmoid().mul(cell.tanh()).matmul(weightHr.t());
  return { output: hidden, h: hidden, c: cell };
}

/** Runs a stack over packed sequences: the rows of all steps one after the other, `batchSizes[t]` of them in step t. */
export function runPacked(
  settings: RecurrentSettings,
  data: Tensor,
  batchSizes: readonly number[],
  state: RecurrentState,
  weights: readonly Weights[],
): { output: Tensor; state: RecurrentState } {
  const starts: number[] = [];
  let at = 0;
  for (const size of batchSizes) {
    starts.push(at);
    at += size;
  }
  return runLayers(settings, data, state, weights, (x, h0, c0, w, reverse) => {
    const steps = batchSizes.length;
    const outputs: Tensor[] = new Array(steps);
    // Forward, rows that have ended leave the running state; backward, rows that begin join it. Rows are sorted by length.
    const ended: LayerResult[] = [];
    let h = reverse ? h0.narrow(0, 0, batchSizes[steps - 1]!) : h0;
    let c = c0 === null ? null : reverse ? c0.narrow(0, 0, batchSizes[steps - 1]!) : c0;
    for (let s = 0; s < steps; s++) {
      const t = reverse ? steps - 1 - s : s;
      const size = batchSizes[t]!;
      const running = h.shape[0]!;
      if (size < running) {
        const rest = running - size;
        const hRest = h.narrow(0, size, rest);
        ended.push({ output: hRest, h: hRest, c: c === null ? null : c.narrow(0, size, rest) });
        h = h.narrow(0, 0, size);
        c = c === null ? null : c.narrow(0, 0, size);
      } else if (size > running) {
        const more = size - running;
        h = cat([h, h0.narrow(0, running, more)], 0);
        c = c === null ? null : cat([c, c0!.narrow(0, running, more)], 0);
      }
      const xt = x.narrow(0, starts[t]!, size);
      const step =
        w.weightHr !== null ? projectedStep(xt, h, c!, w, w.weightHr) : recurrentLayer(settings.mode, xt.unsqueeze(0), h, c, w);
      h = step.h;
      c = step.c;
      outputs[t] = h;
    }
    if (ended.length > 0) {
      ended.reverse();
      h = cat([h, ...ended.map((e) => e.h)], 0);
      c = c === null ? null : cat([c, ...ended.map((e) => e.c!)], 0);
    }
    return { output: cat(outputs, 0), h, c };
  });
}
