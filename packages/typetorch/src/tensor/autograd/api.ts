/**
 * `torch.autograd.grad` and `torch.autograd.backward`.
 */
import { AutogradError } from "../../core/errors.ts";
import { runtime } from "../../ops/runtime.ts";
import type { Tensor } from "../tensor.ts";
import { runBackward } from "./engine.ts";

type OneOrMany<T> = T | readonly T[];
const list = <T>(x: OneOrMany<T>): readonly T[] => (Array.isArray(x) ? x : [x as T]);

export interface GradOptions {
  /** Gradients of the outputs; needed for outputs with several elements. */
  gradOutputs?: OneOrMany<Tensor | null> | null;
  /** Keep what the graph saved, for another pass. Default: the value of createGraph. */
  retainGraph?: boolean;
  /** Record the backward, for higher derivatives. */
  createGraph?: boolean;
  /** Give null for inputs that the outputs do not depend on instead of throwing. */
  allowUnused?: boolean;
  /** Differentiate for each leading index of gradOutputs and stack the results. */
  isGradsBatched?: boolean;
}

/**
 * The gradients of outputs with respect to inputs, without touching any `grad`. As `torch.autograd.grad`.
 * @example
 * const x = torch.tensor([1, 2], { requiresGrad: true });
 * torch.autograd.grad(x.mul(x).sum(), x)[0] // tensor([2., 4.])
 */
export function grad(
  outputs: OneOrMany<Tensor>,
  inputs: OneOrMany<Tensor>,
  options?: GradOptions & { allowUnused?: false },
): Tensor[];
export function grad(outputs: OneOrMany<Tensor>, inputs: OneOrMany<Tensor>, options?: GradOptions): (Tensor | null)[];
export function grad(outputs: OneOrMany<Tensor>, inputs: OneOrMany<Tensor>, options: GradOptions = {}): (Tensor | null)[] {
  const outs = list(outputs);
  const ins = list(inputs);
  const createGraph = options.createGraph ?? false;
  const gradOutputs = options.gradOutputs === undefined || options.gradOutputs === null ? [] : list(options.gradOutputs);
  if (options.isGradsBatched) {
    const n = gradOutputs[0]!.shape[0]!;
    const rows: (Tensor | null)[][] = [];
    for (let i = 0; i < n; i++) {
      const g = gradOutputs.map((x) => x?.select(0, i) ?? null);
      rows.push(grad(outs, ins, { ...options, gradOutputs: g, isGradsBatched: false, retainGraph: true }));
    }
    return ins.map((_, k) => (rows[0]![k] === null ? null : stackRows(rows.map((r) => r[k]!))));
  }
  const results = runBackward(outs, gradOutputs, ins, { retainGraph: options.retainGraph ?? createGraph, createGraph });
  if (!options.allowUnused && results.some((g) => g === null)) {
    throw new AutogradError(
      "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.",
      "give { allowUnused: true } for a null instead",
    );
  }
  return results;
}

function stackRows(rows: readonly Tensor[]): Tensor {
  const out = runtime.empty([rows.length, ...rows[0]!.shape], rows[0]!.dtype);
  rows.forEach((row, i) => {
    out.select(0, i).copy_(row);
  });
  return out;
}

export interface BackwardOptions {
  retainGraph?: boolean;
  createGraph?: boolean;
  inputs?: OneOrMany<Tensor>;
}

/**
 * Adds the gradients of the tensors' sum to the leaves, as `torch.autograd.backward`.
 * @example
 * const w = torch.tensor([2], { requiresGrad: true });
 * torch.autograd.backward(w.mul(3));
 * w.grad! // tensor([3.])
 */
export function backward(
  tensors: OneOrMany<Tensor>,
  gradTensors: OneOrMany<Tensor | null> | null = null,
  options: BackwardOptions = {},
): void {
  const roots = list(tensors);
  const createGraph = options.createGraph ?? false;
  const rootGrads = gradTensors === null ? [] : list(gradTensors);
  const inputs = options.inputs === undefined ? null : list(options.inputs);
  const grads = runBackward(roots, rootGrads, inputs, { retainGraph: options.retainGraph ?? createGraph, createGraph });
  inputs?.forEach((x, i) => {
    const g = grads[i];
    if (g) x.grad = x.grad === null ? g : x.grad.add(g);
  });
}
