/**
 * The Gaussian error linear unit.
 */
import { checkArguments } from "../arguments.ts";
import { ValueError } from "../../core/errors.ts";
import type { Num } from "../../ir/num.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { definePointwise } from "../pointwise.ts";
import { floatingOnly } from "./activation.ts";

/** The distribution function of the standard normal. */
function normalCdf<T extends Num<T>>(x: T): T {
  return x.mul(Math.SQRT1_2).erf().add(1).mul(0.5);
}

const exact = definePointwise(
  {
    name: "gelu",
    compute: "promote",
    check: floatingOnly("GeluKernelImpl"),
    forward: ([x]) => x!.mul(normalCdf(x!)),
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const x = operands[0] as T;
      const density = x
        .mul(x)
        .mul(-0.5)
        .exp()
        .mul(1 / Math.sqrt(2 * Math.PI));
      return [g.mul(normalCdf(x).add(x.mul(density)))];
    },
  },
  1,
);

const beta = Math.SQRT2 * (2 / Math.sqrt(Math.PI)) * 0.5;
const kappa = 0.044715;

const approximated = definePointwise(
  {
    name: "gelu",
    compute: "promote",
    check: floatingOnly("GeluKernelImpl"),
    forward([x]) {
      const inner = x!.mul(x!).mul(x!).mul(kappa).add(x!).mul(beta);
      return x!.mul(0.5).mul(inner.tanh().add(1));
    },
    backward<T extends Num<T>>(g: T, operands: readonly (T | number)[]) {
      const x = operands[0] as T;
      const square = x.mul(x);
      const t = square.mul(x).mul(kappa).add(x).mul(beta).tanh();
      const inner = square
        .mul(3 * kappa)
        .add(1)
        .mul(beta);
      const left = t.add(1).mul(0.5);
      const right = x.mul(0.5).mul(t.mul(t).neg().add(1)).mul(inner);
      return [g.mul(left.add(right))];
    },
  },
  1,
);

/**
 * `x * Phi(x)` with the distribution function Phi of the standard normal; with `approximate: 'tanh'`, `0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`.
 * As `torch.nn.functional.gelu`. Source: Hendrycks and Gimpel 2016, arXiv:1606.08415.
 * @example
 * F.gelu(torch.tensor([-1, 0, 1])) // tensor([-0.1587,  0.0000,  0.8413])
 */
export function gelu(input: Tensor, options?: { approximate?: "none" | "tanh" } | "none" | "tanh"): Tensor {
  checkArguments("gelu(Tensor input, str|options? options, {str approximate})", input, options);
  const approximate = (typeof options === "object" ? options.approximate : options) ?? "none";
  if (approximate === "none") return exact([input]);
  if (approximate === "tanh") return approximated([input]);
  throw new ValueError("approximate argument must be either none or tanh.", `it is ${String(approximate)}`);
}
