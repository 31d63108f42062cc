/**
 * QR factorisations in LAPACK's packed form, and products with the Q that they stand for.
 */
import { kernelName } from "../../core/dtype.ts";
import { DTypeError, ShapeError, NotSupportedError } from "../../core/errors.ts";
import { sameShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { checkArguments } from "../arguments.ts";
import { eye } from "../factory/range.ts";
import { method } from "../methods.ts";
import { stack } from "../memory/cat.ts";
import { type Gradients, type Saved, defineOp } from "../op.ts";
import { toOut } from "../outputs.ts";
import { type ReturnType, returnType } from "../returnTypes.ts";
import { runtime } from "../runtime.ts";
import type { OutOption } from "../unary.ts";
import { elementsOf, sizesOf, tensorOf } from "./batches.ts";
import { householderFactor } from "./dense.ts";
import { matmul } from "./matmul.ts";

export type Geqrf = ReturnType<readonly ["a", "tau"]>;

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link geqrf}. */
    geqrf(): Geqrf;
    /** See {@link ormqr}. */
    ormqr(input2: Tensor, input3: Tensor, options?: OrmqrOptions): Tensor;
    /** See {@link orgqr}. */
    orgqr(tau: Tensor): Tensor;
  }
}

const geqrfOp = defineOp<null>({
  name: "geqrf",
  run([x]) {
    const { m, n, batch, count } = sizesOf(x!);
    const k = Math.min(m, n);
    const elements = elementsOf(x!);
    const packed = new Float64Array(elements.length);
    const scales = new Float64Array(count * k);
    for (let b = 0; b < count; b++) {
      const { r, taus } = householderFactor(elements.subarray(b * m * n, (b + 1) * m * n), m, n);
      packed.set(r, b * m * n);
      scales.set(taus, b * k);
    }
    return [tensorOf(packed, x!.shape, x!.dtype), tensorOf(scales, [...batch, k], x!.dtype)];
  },
  backward() {
    throw new NotSupportedError("the derivative for 'geqrf' is not implemented.", "torch.linalg.qr has one");
  },
});

/**
 * The QR factorisation of (…, m, n) as LAPACK leaves it: `a` has R on and above its diagonal and below it the vectors v of the reflectors `I - tau v vᵀ` (v is 1 on
 * the diagonal, 0 above), whose product is Q. As `torch.geqrf`. It has no derivative: see `torch.linalg.qr`.
 * @example
 * torch.geqrf(torch.tensor([[3, 0], [4, 1]])).a // tensor([[-5.0000, -0.8000], [ 0.5000,  0.6000]])
 */
export function geqrf(input: Tensor): Geqrf {
  checkArguments("geqrf(Tensor input)", input);
  if (input.shape.length < 2) throw new ShapeError("torch.geqrf: input must have at least 2 dimensions.");
  requireReal("geqrf_cpu", input);
  return returnType("geqrf", ["a", "tau"] as const, runtime.callMany(geqrfOp, [input], null));
}

function requireReal(kernel: string, x: Tensor): void {
  if (!x.dtype.isFloatingPoint || x.dtype.itemsize === 2)
    throw new DTypeError(`"${kernel}" not implemented for '${kernelName(x.dtype)}'`, "convert it: x.to(torch.float32)");
}

/** In which order the reflectors are applied: H1 H2 … Hk x needs the last one first. */
const orderOf = (k: number, transpose: boolean): number[] => Array.from({ length: k }, (_, i) => (transpose ? i : k - 1 - i));

/** Column i of the reflectors' vectors (…, m, 1), and its tau (…, 1, 1). */
const vectorOf = (v: Tensor, i: number): Tensor => v.narrow(-1, i, 1);
const scaleOf = (tau: Tensor, i: number): Tensor => tau.narrow(-1, i, 1).unsqueeze(-1);
const vectorsOf = (a: Tensor): Tensor =>
  a.tril(-1).add(eye(a.shape[a.shape.length - 2]!, a.shape[a.shape.length - 1]!, { dtype: a.dtype, device: a.device }));

/** The reflectors applied to x one after the other; `before` takes what each was applied to. */
function applied(a: Tensor, tau: Tensor, x: Tensor, transpose: boolean, before: Tensor[] | null): Tensor {
  const v = vectorsOf(a);
  let y = x;
  for (const i of orderOf(tau.shape[tau.shape.length - 1]!, transpose)) {
    before?.push(y);
    const column = vectorOf(v, i);
    y = y.sub(matmul(column.mul(scaleOf(tau, i)), matmul(column.mT, y)));
  }
  return y;
}

function reflectorGradients([g]: Gradients, saved: Saved<{ transpose: boolean }>): Gradients {
  const [a, tau, x] = [saved.input(0), saved.input(1), saved.input(2)];
  const { transpose } = saved.attributes;
  if (a.numel() === 0 || tau.numel() === 0) return [null, null, saved.needs(2) ? g! : null];
  const before: Tensor[] = [];
  applied(a, tau, x, transpose, before);
  const v = vectorsOf(a);
  const k = tau.shape[tau.shape.length - 1]!;
  const columns = a.shape[a.shape.length - 1]!;
  const [byVector, byScale] = [new Array<Tensor>(columns), new Array<Tensor>(k)];
  let gradient = g!;
  const order = orderOf(k, transpose);
  for (let step = k - 1; step >= 0; step--) {
    const i = order[step]!;
    const [y, column, scale] = [before[step]!, vectorOf(v, i), scaleOf(tau, i)];
    // y - tau v vᵀ y
    const [along, against] = [matmul(column.mT, y), matmul(column.mT, gradient)];
    byScale[i] = matmul(against, along.mT).neg().squeeze(-1).squeeze(-1);
    byVector[i] = matmul(gradient, along.mT).add(matmul(y, against.mT)).mul(scale).neg().squeeze(-1);
    gradient = gradient.sub(matmul(column.mul(scale), against));
  }
  for (let i = k; i < columns; i++) byVector[i] = a.narrow(-1, i, 1).squeeze(-1).mul(0);
  return [stack(byVector, -1).tril(-1), stack(byScale, -1), saved.needs(2) ? gradient : null];
}

function reflectorOp(name: string) {
  return defineOp<{ transpose: boolean }>({
    name,
    saves: { inputs: [0, 1, 2] },
    run: ([a, tau, x], { transpose }) => runtime.withoutGrad(() => applied(a!, tau!, x!, transpose, null).clone()),
    backward: reflectorGradients,
  });
}

const productOp = reflectorOp("linalg_householder_product");
const ormqrOp = reflectorOp("ormqr");

function checkReflectors(name: string, input: Tensor, tau: Tensor): void {
  if (input.shape.length < 2) throw new ShapeError(`${name}: input must have at least 2 dimensions.`);
  const [rows, columns] = input.shape.slice(-2) as [number, number];
  const product = name === "torch.linalg.householder_product";
  if (product && rows < columns)
    throw new ShapeError(`${name}: input.shape[-2] must be greater than or equal to input.shape[-1]`, `it is ${rows}x${columns}`);
  if (tau.shape.length > 0 && columns < tau.shape[tau.shape.length - 1]!)
    throw new ShapeError(
      product
        ? `${name}: input.shape[-1] must be greater than or equal to tau.shape[-1]`
        : `${name}: tau.shape[-1] must be less than or equal to input.shape[-1]`,
    );
  if (tau.shape.length !== input.shape.length - 1)
    throw new ShapeError(
      `${name}: Expected tau to have one dimension less than input, but got tau.ndim equal to ${tau.shape.length} and input.ndim is equal to ${input.shape.length}`,
    );
  if (!sameShape(input.shape.slice(0, -2), tau.shape.slice(0, -1)))
    throw new ShapeError(
      `${name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got [${tau.shape.slice(0, -1).join(", ")}]`,
    );
  if (input.dtype !== tau.dtype)
    throw new DTypeError(
      product
        ? `${name}: tau dtype ${kernelName(tau.dtype)} does not match input dtype ${kernelName(input.dtype)}`
        : `${name}: Expected input and tau to have the same dtype, but input has dtype${kernelName(input.dtype)} and tau has dtype ${kernelName(tau.dtype)}`,
    );
}

/**
 * The first n columns (…, m, n) of the product of the reflectors `I - tau[i] v[i] v[i]ᵀ`; v[i] is column i of `input` (…, m, n) below the diagonal, with a 1 on it. With
 * what {@link geqrf} gives that is Q. As `torch.linalg.householder_product`.
 * @example
 * const { a, tau } = torch.geqrf(torch.tensor([[3, 0], [4, 1]]));
 * torch.linalg.householderProduct(a, tau) // tensor([[-0.6000, -0.8000], [-0.8000,  0.6000]])
 */
export function householderProduct(input: Tensor, tau: Tensor, options?: OutOption): Tensor {
  checkArguments("linalg_householder_product(Tensor input, Tensor tau, options? options, {Tensor out})", input, tau, options);
  checkReflectors("torch.linalg.householder_product", input, tau);
  requireReal("orgqr_cpu", input);
  const [rows, columns] = input.shape.slice(-2) as [number, number];
  const identity = eye(rows, columns, { dtype: input.dtype, device: input.device }).expand(input.shape);
  const result = runtime.call(productOp, [input, tau, identity], { transpose: false });
  return toOut("linalg_householder_product", result, options?.out);
}
export { householderProduct as orgqr };

export interface OrmqrOptions extends OutOption {
  left?: boolean;
  transpose?: boolean;
}

/**
 * `Q C` of the Q (m x m) that reflectors stand for (`input`, `input2` as {@link geqrf} gives them) and C = `input3`: `Qᵀ C` with `transpose`, `C Q` with `left` false. As
 * `torch.ormqr`.
 * @example
 * const { a, tau } = torch.geqrf(torch.tensor([[3, 0], [4, 1]]));
 * torch.ormqr(a, tau, torch.tensor([[3, 0], [4, 1]]), { transpose: true }) // tensor([[-5.0000, -0.8000], [ 0.0000,  0.6000]])
 */
export function ormqr(
  input: Tensor,
  input2: Tensor,
  input3: Tensor,
  left: boolean | OrmqrOptions = true,
  transpose = false,
): Tensor {
  checkArguments(
    "ormqr(Tensor input, Tensor input2, Tensor input3, bool|options? left, bool? transpose, {bool left, bool transpose, Tensor out})",
    input,
    input2,
    input3,
    left,
    transpose,
  );
  const o: OrmqrOptions = typeof left === "object" ? left : { left, transpose };
  const onLeft = o.left ?? true;
  const name = "torch.ormqr";
  if (input.shape.length < 2) throw new ShapeError(`${name}: input must have at least 2 dimensions.`);
  if (input3.shape.length < 2) throw new ShapeError(`${name}: other must have at least 2 dimensions.`);
  const side = onLeft ? -2 : -1;
  const size = input3.shape[input3.shape.length + side]!;
  if (input2.shape.length > 0 && size < input2.shape[input2.shape.length - 1]!)
    throw new ShapeError(`${name}: other.shape[${side}] must be greater than or equal to tau.shape[-1]`);
  if (size !== input.shape[input.shape.length - 2])
    throw new ShapeError(`${name}: other.shape[${side}] must be equal to input.shape[-2]`);
  checkReflectors(name, input, input2);
  if (input3.shape.length !== input.shape.length)
    throw new ShapeError(
      `${name}: Expected other to have the same number of dimensions as input, but got other.ndim equal to ${input3.shape.length} and input.ndim is equal to ${input.shape.length}`,
    );
  if (!sameShape(input.shape.slice(0, -2), input3.shape.slice(0, -2)))
    throw new ShapeError(
      `${name}: Expected batch dimensions of other to be equal to input.shape[:-2], but got [${input3.shape.slice(0, -2).join(", ")}]`,
    );
  if (input.dtype !== input3.dtype)
    throw new DTypeError(
      `${name}: Expected input and other to have the same dtype, but input has dtype${kernelName(input.dtype)} and other has dtype ${kernelName(input3.dtype)}`,
    );
  requireReal("ormqr_cpu", input);
  // C Q is (Qᵀ Cᵀ)ᵀ
  const turned = (o.transpose ?? false) === onLeft;
  const result = runtime.call(ormqrOp, [input, input2, onLeft ? input3 : input3.mT], { transpose: turned });
  return toOut("ormqr", onLeft ? result : result.mT, o.out);
}

method("geqrf", geqrf);
method("ormqr", ormqr);
method("orgqr", householderProduct);
