/**
 * Ones with a given probability.
 */
import { checkArguments } from "../arguments.ts";
import { type DType, float32 } from "../../core/dtype.ts";
import { fillBernoulliEach } from "../../core/random/distributions.ts";
import type { Generator } from "../../core/random/generator.ts";
import { sameShape } from "../../core/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { emptyLike } from "../factory/fill.ts";
import { copyElements } from "../memory/copy.ts";
import { method } from "../methods.ts";
import { broadcastOperand, checkInternalOverlap } from "../pointwise.ts";
import { runtime } from "../runtime.ts";
import { expand } from "../views/expand.ts";
import { type GeneratorOption, generatorOf } from "./generator.ts";
import { bernoulliFill, type Fill, fillInPlace, randomFill } from "./inPlace.ts";
import { drawSpec, fillByStream, uniform24 } from "./stream.ts";

declare module "../../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link bernoulli}. */
    bernoulli(p?: number | BernoulliOptions, options?: BernoulliOptions): Tensor;
    /** 1 with probability `p` (default 0.5; a tensor: one for each element), else 0. As `Tensor.bernoulli_`. */
    bernoulli_(p?: number | Tensor | BernoulliOptions, options?: BernoulliOptions): this;
  }
}

export interface BernoulliOptions extends GeneratorOption {
  p?: number;
  out?: Tensor;
}

const op = randomFill("bernoulli", "BernoulliBackward0");

/** Probabilities broadcast to the shape of `x` and in the order in which `x` lies in memory. */
function probabilitiesFor(x: Tensor, p: Tensor): Tensor {
  const stretched = broadcastOperand(sameShape(p.shape, x.shape) ? p : expand(p, x.shape), x.shape);
  const order = x.shape.map((_, i) => i).sort((a, b) => x.strides[b]! - x.strides[a]! || a - b);
  const view = runtime.alias(
    p,
    order.map((d) => x.shape[d]!),
    order.map((d) => stretched.strides[d]!),
    p.storageOffset,
  );
  const out = runtime.newEmpty(p, view.shape, p.dtype);
  copyElements(out, view);
  return out;
}

/** 1 with the probability that the element of a row-major tensor says. */
function eachFill(dtype: DType, probabilities: Tensor, generator: Generator): Fill {
  const fill: Fill = (array) => fillBernoulliEach(array, dtype, probabilities.data, probabilities.dtype, generator);
  if (probabilities.dtype === float32) {
    fill.kernel = (x) => {
      const valid = runtime.withoutGrad(() => probabilities.ge(0).logicalAnd(probabilities.le(1)).all().item());
      if (!valid) {
        fill(x.data, true); // throws
        return;
      }
      const spec = drawSpec(`bernoulli of ${dtype.key}`, 1, dtype, 0, ([u], [p]) => uniform24(u!).lt(p!), [float32]);
      fillByStream(x, spec, generator, [], [probabilities]);
    };
  }
  return fill;
}

function fillFor(x: Tensor, p: number | Tensor, options: BernoulliOptions | undefined): Fill {
  const generator = generatorOf(options);
  if (!runtime.isTensor(p)) {
    return bernoulliFill(x.dtype, p, generator);
  }
  const probabilities = runtime.withoutGrad(() => probabilitiesFor(x, p));
  return eachFill(x.dtype, probabilities, generator);
}

function bernoulli_(x: Tensor, p?: number | Tensor | BernoulliOptions, options?: BernoulliOptions): Tensor {
  checkArguments(
    "bernoulli_(Tensor x, float|Tensor|options? p, options? options, {float p, Tensor out, any generator})",
    x,
    p,
    options,
  );
  const given = typeof p === "number" || runtime.isTensor(p) ? p : (p?.p ?? 0.5);
  const named = typeof p === "number" || runtime.isTensor(p) ? options : (p ?? options);
  checkInternalOverlap(x, "bernoulli_");
  return fillInPlace(op, x, fillFor(x, given, named));
}

/**
 * 1 with the probability that each element of `input` is, else 0; with a number `p`, with that probability. As `torch.bernoulli`.
 * @example
 * torch.bernoulli(torch.full([3], 0.5))
 */
export function bernoulli(input: Tensor, p?: number | BernoulliOptions, options?: BernoulliOptions): Tensor {
  checkArguments(
    "bernoulli(Tensor input, float|options? p, options? options, {float p, Tensor out, any generator})",
    input,
    p,
    options,
  );
  const named = typeof p === "number" ? options : (p ?? options);
  const probability = typeof p === "number" ? p : named?.p;
  const { out } = named ?? {};
  if (out) checkInternalOverlap(out, "bernoulli");
  const x =
    probability === undefined
      ? runtime.call(
          op,
          [input],
          eachFill(
            input.dtype,
            runtime.withoutGrad(() => input.contiguous()),
            generatorOf(named),
          ),
        )
      : bernoulli_(emptyLike(input), probability, named);
  if (!out) return x;
  if (!sameShape(out.shape, x.shape)) out.resize_(x.shape);
  return runtime.withoutGrad(() => out.copy_(x));
}

method("bernoulli", bernoulli);
method("bernoulli_", bernoulli_);
