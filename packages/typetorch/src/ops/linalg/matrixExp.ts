/**
 * The exponential of matrices.
 */
import { float32, kernelName } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { cat } from "../memory/cat.ts";
import { method } from "../methods.ts";
import { type Op, defineOp } from "../op.ts";
import { runtime } from "../runtime.ts";
import { checkMatrices, elementsOf, sizesOf, tensorOf } from "./batches.ts";
import { exponential } from "./dense.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link matrixExp}. */
    matrixExp(): Tensor;
  }
}

const expOp: Op<null> = defineOp<null>({
  name: "linalg_matrix_exp",
  saves: { inputs: [0] },
  run([x]) {
    const { n, count } = sizesOf(x!);
    const elements = elementsOf(x!);
    const out = new Float64Array(elements.length);
    for (let b = 0; b < count; b++) out.set(exponential(elements.subarray(b * n * n, (b + 1) * n * n), n), b * n * n);
    return tensorOf(out, x!.shape, x!.dtype);
  },
  backward([g], saved) {
    // The upper right block of exp [[Aᵀ, G], [0, Aᵀ]] is the derivative of exp at Aᵀ in the direction of G.
    const a = saved.input(0).mT;
    const n = a.shape[a.shape.length - 1]!;
    const block = cat([cat([a, g!], -1), cat([runtime.newFull(a, a.shape, 0, a.dtype), a], -1)], -2);
    return [runtime.call(expOp, [block], null).narrow(-2, 0, n).narrow(-1, n, n)];
  },
});

/**
 * The exponential `I + A + A²/2 + A³/6 + …` of square matrices (…, n, n). As `torch.linalg.matrix_exp`.
 * @example
 * torch.linalg.matrixExp(torch.tensor([[0, 1], [0, 0]])) // tensor([[1., 1.], [0., 1.]])
 */
export function matrixExp(input: Tensor): Tensor {
  checkArguments("linalg_matrix_exp(Tensor input)", input);
  if (input.shape.length >= 2 && !input.dtype.isFloatingPoint)
    throw new DTypeError(
      `matrix_exp: Expected a floating point or complex tensor as input. Got ${kernelName(input.dtype)}`,
      "convert it: x.to(torch.float32)",
    );
  // float16 and bfloat16 are computed like the others
  checkMatrices("linalg.matrix_exp", input.dtype.itemsize === 2 ? input.detach().to(float32) : input, true);
  return runtime.call(expOp, [input], null);
}

method("matrixExp", matrixExp);
