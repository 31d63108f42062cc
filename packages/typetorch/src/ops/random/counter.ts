/**
 * Random numbers where they are needed: every element is computed from its own number by a keyed bijection, so that a device fills a tensor without a stream that
 * somebody else would have to draw. Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox4x32-10).
 */
import { type DType, int64 } from "../../core/dtype.ts";
import type { Generator } from "../../core/random/generator.ts";
import { deviceRandom } from "../../core/random/host.ts";
import { computeType, constant, type Expr, param } from "../../ir/expr.ts";
import { index, LoopVar } from "../../ir/loops.ts";
import type { LoopSpec } from "../../ir/spec.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { runtime } from "../runtime.ts";

/** What to fill with. `uniform`: from [a, b). `normal`: mean a, deviation b. `bernoulli`: 1 with probability a. `exponential`: of rate a. `integers`: a to b - 1. */
export interface Distribution {
  readonly kind: "uniform" | "normal" | "bernoulli" | "exponential" | "integers";
  readonly a: number;
  readonly b: number;
}

const multipliers = [0xd2511f53, 0xcd9e8d57] as const;
/** What keys grow by from round to round: the golden ratio and sqrt(3) - 1. */
const weyl = [0x9e3779b9, 0xbb67ae85] as const;
const rounds = 10;

/** High word of the product of a word and a constant, both unsigned, in 32-bit arithmetic. */
function highProduct(x: Expr, factor: number): Expr {
  const [low, high] = [x.and(0xffff), x.shr(16).and(0xffff)];
  const [factorLow, factorHigh] = [factor & 0xffff, factor >>> 16];
  const upper = (y: Expr) => y.shr(16).and(0xffff);
  const cross = high.mul(factorLow);
  const middle = upper(low.mul(factorLow)).add(cross.and(0xffff)).add(low.mul(factorHigh));
  return high.mul(factorHigh).add(upper(cross)).add(upper(middle));
}

/** Four random words of a counter of four words and a key of two, all i32. @internal */
export function philox(counter: readonly Expr[], key: readonly Expr[]): Expr[] {
  let [c0, c1, c2, c3] = counter as [Expr, Expr, Expr, Expr];
  let [k0, k1] = key as [Expr, Expr];
  for (let round = 0; round < rounds; round++) {
    const [m0, m1] = multipliers;
    [c0, c1, c2, c3] = [highProduct(c2, m1).xor(c1).xor(k0), c2.mul(m1 | 0), highProduct(c0, m0).xor(c3).xor(k1), c0.mul(m0 | 0)];
    k0 = k0.add(weyl[0] | 0);
    k1 = k1.add(weyl[1] | 0);
  }
  return [c0, c1, c2, c3];
}

/** From [0, 1), a multiple of 2^-24. */
function unit(word: Expr): Expr {
  return word
    .shr(8)
    .and(0xffffff)
    .cast("f32")
    .mul(2 ** -24);
}

/** The element number `position` (i64). Params: both words of the key, the first position, and the distribution's numbers. */
function element(kind: Distribution["kind"], dtype: DType, position: Expr): Expr {
  const zero = constant(0, "i32");
  const [r0, r1] = philox([position.cast("i32"), position.shr(32).cast("i32"), zero, zero], [param(0, "i32"), param(1, "i32")]);
  const [a, b] = [param(3, "f32"), param(4, "f32")];
  const type = computeType(dtype);
  const u = unit(r0!);
  switch (kind) {
    case "uniform":
      return u.mul(b.sub(a)).add(a).cast(type);
    case "bernoulli": {
      const hit = u.lt(a);
      return type === "bool" ? hit : constant(1, type).where(hit, constant(0, type));
    }
    case "normal": {
      const radius = constant(1, "f32").sub(u).log().mul(-2).sqrt(); // 1 - u is not 0
      const angle = unit(r1!).mul(2 * Math.PI);
      return radius.mul(angle.cos()).mul(b).add(a).cast(type);
    }
    case "exponential":
      return constant(1, "f32").sub(u).log().neg().div(a).cast(type);
    case "integers": {
      // 62 random bits modulo the number of values
      const bits = r0!.and(0x7fffffff).cast("i64").shl(31).or(r1!.and(0x7fffffff).cast("i64"));
      return bits
        .rem(param(4, "i64").sub(param(3, "i64")))
        .add(param(3, "i64"))
        .cast(type);
    }
  }
}

const specs = new Map<string, LoopSpec>();

function specOf(kind: Distribution["kind"], dtype: DType): LoopSpec {
  const key = `${kind} ${dtype.key}`;
  let spec = specs.get(key);
  if (spec === undefined) {
    const loop = new LoopVar("element");
    const value = element(kind, dtype, index(loop).add(param(2, "i64")));
    const access = { buffer: 0, terms: [{ loop, stride: 1 }] };
    spec = {
      kind: "loops",
      kernel: {
        name: `random ${kind}`,
        buffers: [{ dtype, access: "write" }],
        ints: 1,
        params: 5,
        body: [{ kind: "loop", loop, extent: { arg: 0 }, vector: true, body: [{ kind: "store", access, value }] }],
      },
      compiled: null,
    };
    specs.set(key, spec);
  }
  return spec;
}

/** Whether the elements of a tensor come from here: it lies on another device than the one whose streams PyTorch's generator makes. */
export function drawnByCounter(x: Tensor): boolean {
  return x.device.type !== "cpu" && !deviceRandom.onHost;
}

/** Fills a contiguous tensor. A call takes as many numbers of the generator's own sequence as the tensor has elements. */
export function fillByCounter(x: Tensor, { kind, a, b }: Distribution, generator: Generator): void {
  const n = x.numel();
  if (n === 0) return;
  const { key, position } = generator.takeCounters(n);
  runtime.backendOf(x).loops(specOf(kind, x.dtype), [x], [n], [...key, position, a, b], { extent: 0, steps: [1] });
}

/** Integers beyond what a kernel's params hold exactly are drawn on the host. */
export function isCountable(dtype: DType, from: number | bigint, to: number | bigint): boolean {
  const limit = dtype === int64 ? Number.MAX_SAFE_INTEGER : 2 ** 31;
  return Number(from) >= -limit && Number(to) <= limit;
}
