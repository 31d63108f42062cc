/**
 * Checks of derivatives against finite differences: `gradcheck` and `gradgradcheck`.
 */
import { AutogradError } from "../core/errors.ts";
import { float64 } from "../core/dtype.ts";
import { Tensor, enableGrad, noGrad, ones } from "../tensor/core.ts";
import { grad } from "../tensor/autograd/api.ts";

type Result = Tensor | readonly Tensor[];

export interface GradcheckOptions {
  /** Step of the difference. Default 1e-6. */
  eps?: number;
  atol?: number;
  rtol?: number;
  /** Throw instead of giving false. Default true. */
  raiseException?: boolean;
}

const asList = (x: Result): readonly Tensor[] => (x instanceof Tensor ? [x] : x);

/** Elements of a tensor as numbers in row-major order. */
const numbers = (x: Tensor): number[] => Array.from(x.detach().to(float64).contiguous().data as Float64Array);

/** d outputs / d input by central differences: one row per element of the input. */
function numericalJacobian(
  fn: (...inputs: Tensor[]) => Result,
  inputs: readonly Tensor[],
  which: number,
  output: number,
  eps: number,
): number[][] {
  return noGrad(() => {
    const x = inputs[which]!;
    const rows: number[][] = [];
    for (let k = 0; k < x.numel(); k++) {
      const at = (delta: number): number[] => {
        const moved = x.detach().clone({ memoryFormat: "contiguous" });
        const data = moved.data as Float64Array;
        data[k] = data[k]! + delta;
        return numbers(asList(fn(...inputs.map((y, i) => (i === which ? moved : y))))[output]!);
      };
      const high = at(eps);
      const low = at(-eps);
      rows.push(high.map((v, i) => (v - low[i]!) / (2 * eps)));
    }
    return rows;
  });
}

/** The same by the graph: for each element of the output, the gradient of the input. */
function analyticalJacobian(
  fn: (...inputs: Tensor[]) => Result,
  inputs: readonly Tensor[],
  which: number,
  output: number,
): number[][] {
  const y = asList(fn(...inputs))[output]!;
  const x = inputs[which]!;
  const rows = Array.from({ length: x.numel() }, () => new Array<number>(y.numel()).fill(0));
  if (!y.requiresGrad) return rows;
  for (let k = 0; k < y.numel(); k++) {
    const g = ones(y.numel() || 1, { dtype: y.dtype }).zero_();
    (g.data as Float64Array)[k] = 1;
    const [gx] = grad(y, x, { gradOutputs: g.view(y.shape), retainGraph: true, allowUnused: true });
    if (!gx) continue;
    if (gx.shape.join() !== x.shape.join())
      throw new AutogradError(`grad is incorrect size: got [${gx.shape.join(", ")}] for an input of [${x.shape.join(", ")}]`);
    numbers(gx).forEach((v, i) => {
      rows[i]![k] = v;
    });
  }
  return rows;
}

/**
 * Compares the gradients of `fn` for float64 inputs that require one with central differences. True when they agree within `atol + rtol * |numerical|`, else
 * throws (or gives false). As `torch.autograd.gradcheck`.
 * @example
 * const x = torch.tensor([0.5, 1.5], { dtype: torch.float64, requiresGrad: true });
 * torch.autograd.gradcheck((x) => x.sin().mul(x), [x]) // true
 */
export function gradcheck(
  fn: (...inputs: Tensor[]) => Result,
  inputs: Tensor | readonly Tensor[],
  options: GradcheckOptions = {},
): boolean {
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3, raiseException = true } = options;
  const list = inputs instanceof Tensor ? [inputs] : inputs;
  const checked = list.map((x, i) => ({ x, i })).filter(({ x }) => x.requiresGrad);
  if (checked.length === 0) {
    throw new AutogradError(
      "gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True.",
    );
  }
  if (checked.some(({ x }) => x.dtype !== float64))
    throw new AutogradError(
      "gradcheck needs float64 inputs: differences of float32 values are too coarse",
      "make them with { dtype: torch.float64 }",
    );
  const outputs = asList(fn(...list));
  for (let output = 0; output < outputs.length; output++) {
    if (!outputs[output]!.dtype.isFloatingPoint) continue;
    for (const { i } of checked) {
      const numerical = numericalJacobian(fn, list, i, output, eps);
      const analytical = analyticalJacobian(fn, list, i, output);
      for (let r = 0; r < numerical.length; r++) {
        for (let c = 0; c < numerical[r]!.length; c++) {
          const a = analytical[r]![c]!;
          const n = numerical[r]![c]!;
          if (Math.abs(a - n) <= atol + rtol * Math.abs(n)) continue;
          if (!raiseException) return false;
          throw new AutogradError(
            `Jacobian mismatch for output ${output} with respect to input ${i},\nnumerical:${n}\nanalytical:${a}\n`,
            `element ${r} of the input, element ${c} of the output`,
          );
        }
      }
    }
  }
  return true;
}

/**
 * `gradcheck` of the gradients of `fn`: checks second derivatives. As `torch.autograd.gradgradcheck`.
 * @example
 * torch.autograd.gradgradcheck((w) => w.pow(3), [torch.tensor([1, 2], { dtype: torch.float64, requiresGrad: true })]) // true
 */
export function gradgradcheck(
  fn: (...inputs: Tensor[]) => Result,
  inputs: Tensor | readonly Tensor[],
  options: GradcheckOptions = {},
): boolean {
  const list = inputs instanceof Tensor ? [inputs] : inputs;
  const outputs = asList(fn(...list)).filter((y) => y.requiresGrad);
  const cotangents = outputs.map((y) => {
    const n = y.numel();
    const g = ones(n || 1, { dtype: y.dtype });
    for (let k = 0; k < n; k++) (g.data as Float64Array)[k] = Math.sin(3 * k + 1) + 0.1;
    return g.narrow(0, 0, n).view(y.shape).clone().requiresGrad_();
  });
  const differentiable = list.filter((x) => x.requiresGrad);
  const derivative = (...args: Tensor[]): Tensor[] => {
    const xs = args.slice(0, list.length);
    const gs = args.slice(list.length);
    // Differences are taken without recording; the inner derivative needs the graph all the same.
    const inner = xs.map((x) => (x.requiresGrad ? x : x.detach().requiresGrad_(list[xs.indexOf(x)]!.requiresGrad)));
    return enableGrad(() => {
      const ys = asList(fn(...inner)).filter((y) => y.requiresGrad);
      const wanted = inner.filter((_, i) => differentiable.includes(list[i]!));
      return grad(ys, wanted, { gradOutputs: gs, createGraph: true, allowUnused: true }).map((g, i) => g ?? wanted[i]!.mul(0));
    });
  };
  return gradcheck(derivative, [...list, ...cotangents], options);
}
