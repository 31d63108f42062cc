/**
 * Pointwise ops: an expression over one element of each operand. The forward becomes one kernel; the derivative, written once over the algebra `Num<T>`, becomes
 * one kernel too, and with tensors in place of expressions it is the differentiable derivative of higher orders.
 */
import { type DType, bool, canCast, dtypes, getDefaultDtype, int64, kernelName } from "../core/dtype.ts";
import { ArgumentTypeError, DTypeError, ShapeError } from "../core/errors.ts";
import { type NumberLike, categoryOfNumber, isNumberLike, numberOf, resultType } from "../core/promotion.ts";
import { formatShape, rowMajorCount, sameShape } from "../core/shape.ts";
import type { Expr, ScalarType } from "../ir/expr.ts";
import type { Num } from "../ir/num.ts";
import type { MapSpec } from "../ir/spec.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkInternalOverlap, commonShape, separated } from "./layout.ts";
import { runtime } from "./runtime.ts";
import { type Attributes, Variant } from "./variant.ts";

export { allocateLike, broadcastOperand, checkInternalOverlap, denseStridesLike, sumToShape } from "./layout.ts";

export type Input = Tensor | NumberLike;

/**
 * `promote`: the operands' common dtype. `float`: the same, integers become the default floating dtype. `first`: the dtype of the first operand.
 */
export type ComputeRule = "promote" | "float" | "first";

export interface PointwiseDefinition {
  readonly name: string;
  readonly gradName?: string;
  /** In which dtype the expression is computed. */
  readonly compute: ComputeRule;
  /** The dtype of the result, when it is not the computed one. */
  readonly result?: DType;
  /** The type of the op's own numbers. Default: the type in which the expression is computed. */
  readonly paramType?: ScalarType;
  /** Booleans are computed as int64, as numbers. */
  readonly integral?: boolean;
  /** Which operands have to be tensors. Default: `any`, numbers may stand everywhere. `one`: at least one tensor; `first`: the first; `all`: no numbers. */
  readonly tensors?: "any" | "one" | "first" | "all";
  /** PyTorch's names of the operands, for messages. Default: input, other. */
  readonly operands?: readonly string[];
  /** Throws for dtypes that the op does not take. */
  check?(compute: DType, operands: readonly Input[]): void;
  /** The value for operands x, in the compute type; `p` are the numbers given at call time. */
  forward(x: readonly Expr[], p: readonly Expr[], type: ScalarType, compute: DType): Expr;
  /**
   * The gradient for each operand, given that of the result. Omitted: the result is not differentiable. Written with methods that tensors have too; entries for
   * numbers are ignored. `null` is zero.
   */
  backward?<T extends Num<T>>(g: T, x: readonly (T | number)[], out: T, p: readonly (T | number)[]): readonly (T | null)[];
}

const noParams: readonly number[] = [];
const operandNames: readonly string[] = ["input", "other"];

/** The kernel for contiguous operands of one dtype, and the dtype of its result. */
interface Flat {
  readonly spec: MapSpec;
  readonly result: DType;
  /** How the dispatcher is called when something is recorded. */
  readonly variant: Variant;
  readonly attributes: Attributes;
}

/**
 * A pointwise op. `call` takes any operands; `one` and `two` are the same for one and two operands without numbers of the op's own, and have a short way for
 * small contiguous tensors of which nothing is recorded: there the call costs more than the arithmetic.
 */
export class PointwiseOp {
  readonly name: string;
  private readonly definition: PointwiseDefinition;
  private readonly arity: number;
  private readonly ownParams: number;
  private readonly variants: (Variant | undefined)[] = [];
  /** Kernels of the short way, by the operands' dtype: of tensors only, and of a tensor and a number. */
  private readonly flat: (Flat | undefined)[] = new Array<undefined>(dtypes.length).fill(undefined);
  private readonly flatNumber: (Flat | undefined)[] = new Array<undefined>(dtypes.length).fill(undefined);

  constructor(definition: PointwiseDefinition, arity: number, ownParams: number) {
    this.name = definition.name;
    this.definition = definition;
    this.arity = arity;
    this.ownParams = ownParams;
  }

  /** The op of one tensor. */
  one(x: Tensor): Tensor {
    if (runtime.isTensor(x)) {
      const flat = this.flat[x.dtype.index];
      const n = rowMajorCount(x.shape, x.strides);
      if (flat !== undefined) {
        if (n > 0 && runtime.isPlain(x)) return runtime.mapFlat(flat.spec, n, x, null, 0, flat.result);
        return runtime.call(flat.variant, [x], flat.attributes);
      }
    }
    const result = this.call([x], noParams, null);
    this.flat[x.dtype.index] ??= this.flatFor([x], x.dtype);
    return result;
  }

  /** The op of two operands. */
  two(x: Input, y: Input): Tensor {
    if (runtime.isTensor(x)) {
      if (runtime.isTensor(y)) {
        const flat = this.flat[x.dtype.index];
        if (flat !== undefined && x.dtype === y.dtype) {
          const n = rowMajorCount(x.shape, x.strides);
          if (n > 0 && alike(x, y) && runtime.isPlain(x) && runtime.isPlain(y)) {
            return runtime.mapFlat(flat.spec, n, x, y, 0, flat.result);
          }
          return runtime.call(flat.variant, [x, y], flat.attributes);
        }
      } else if (typeof y === "number" && keepsDtype(x, y)) {
        const flat = this.flatNumber[x.dtype.index];
        if (flat !== undefined) {
          const n = rowMajorCount(x.shape, x.strides);
          if (n > 0 && runtime.isPlain(x)) return runtime.mapFlat(flat.spec, n, x, null, y, flat.result);
          return runtime.call(flat.variant, [x], { compute: flat.attributes.compute, params: [y] });
        }
      }
    }
    const result = this.call([x, y], noParams, null);
    this.learn(x, y);
    return result;
  }

  /** `one`, written over its operand. */
  oneInPlace(x: Tensor): Tensor {
    const flat = this.flat[x.dtype.index];
    if (flat !== undefined && flat.result === x.dtype && runtime.isPlain(x)) {
      const n = rowMajorCount(x.shape, x.strides);
      if (n > 0) return runtime.mapFlatInto(flat.spec, n, x, null, 0, x);
    }
    const result = this.callInPlace([x], noParams);
    this.flat[x.dtype.index] ??= this.flatFor([x], x.dtype);
    return result;
  }

  /** `two`, written over its first operand. */
  twoInPlace(x: Tensor, y: Input): Tensor {
    const n = rowMajorCount(x.shape, x.strides);
    if (n > 0 && runtime.isPlain(x)) {
      if (runtime.isTensor(y)) {
        const flat = this.flat[x.dtype.index];
        if (flat !== undefined && flat.result === x.dtype && alike(x, y) && x.storage !== y.storage && runtime.isPlain(y)) {
          return runtime.mapFlatInto(flat.spec, n, x, y, 0, x);
        }
      } else if (typeof y === "number") {
        const flat = this.flatNumber[x.dtype.index];
        if (flat !== undefined && flat.result === x.dtype && keepsDtype(x, y)) {
          return runtime.mapFlatInto(flat.spec, n, x, null, y, x);
        }
      }
    }
    const result = this.callInPlace([x, y], noParams);
    this.learn(x, y);
    return result;
  }

  /** After a call that passed all checks: remembers the kernel of the short way, if such operands can take it. */
  private learn(x: Input, y: Input): void {
    if (!runtime.isTensor(x)) return;
    const { index } = x.dtype;
    if (runtime.isTensor(y)) {
      if (x.dtype === y.dtype) this.flat[index] ??= this.flatFor([x, y], x.dtype);
    } else if (typeof y === "number" && keepsDtype(x, y)) this.flatNumber[index] ??= this.flatFor([x, y], x.dtype);
  }

  private flatFor(operands: readonly Input[], dtype: DType): Flat | undefined {
    if (this.ownParams > 0 || this.computeDtype(operands) !== dtype) return undefined;
    const tensors = operands.filter((x) => runtime.isTensor(x));
    const result = this.definition.result ?? dtype;
    const variant = this.variantFor(operands);
    return {
      spec: variant.forwardSpec(tensors, dtype, result),
      result,
      variant,
      attributes: { compute: dtype, params: noParams },
    };
  }

  private variantFor(operands: readonly Input[]): Variant {
    let numbers = 0;
    for (let i = 0; i < this.arity; i++) if (!runtime.isTensor(operands[i])) numbers |= 1 << i;
    let variant = this.variants[numbers];
    if (variant === undefined) {
      variant = new Variant(this.definition, this.arity, numbers, this.ownParams);
      this.variants[numbers] = variant;
    }
    return variant;
  }

  /** Throws for operands that are neither tensors nor numbers, or numbers where there must be tensors. */
  private checkOperands(operands: readonly Input[]): void {
    let numbers = 0;
    for (let i = 0; i < this.arity; i++) {
      const x = operands[i];
      if (runtime.isTensor(x)) continue;
      if (!isNumberLike(x)) refuseArgument(this.definition, i, x);
      numbers |= 1 << i;
    }
    if (numbers !== 0) checkTensors(this.definition, operands, numbers, this.arity);
  }

  /** The dtype in which the op is computed. */
  private computeDtype(operands: readonly Input[]): DType {
    const { compute: rule, integral } = this.definition;
    if (rule === "first") return (operands.find((x) => runtime.isTensor(x)) as Tensor).dtype;
    const compute = commonDtype(operands);
    if (rule === "float" && !compute.isFloatingPoint) return getDefaultDtype();
    return compute === bool && integral === true ? int64 : compute;
  }

  /** Runs the op with its own numbers; the result goes to `out` if there is one. */
  call(operands: readonly Input[], own: readonly number[], out: Tensor | null): Tensor {
    this.checkOperands(operands);
    const given = operands.some((x) => runtime.isTensor(x)) ? operands : operands.map(asTensor);
    const attributes = this.attributesFor(given, own);
    const variant = this.variantFor(given);
    const inputs = given.filter((x) => runtime.isTensor(x));
    return out === null ? runtime.call(variant, inputs, attributes) : runtime.callOut(variant, inputs, attributes, out);
  }

  private attributesFor(operands: readonly Input[], own: readonly number[]): Attributes {
    const compute = this.computeDtype(operands);
    this.definition.check?.(compute, operands);
    const numbers: number[] = [];
    for (const x of operands) if (!runtime.isTensor(x)) numbers.push(numberOf(x));
    return { compute, params: own.length === 0 ? numbers : numbers.concat(own) };
  }

  /** The first operand becomes the result. */
  callInPlace(operands: readonly Input[], own: readonly number[]): Tensor {
    this.checkOperands(operands);
    const self = operands[0] as Tensor;
    const attributes = this.attributesFor(operands, own);
    const result = this.definition.result ?? attributes.compute;
    if (!canCast(result, self.dtype)) {
      throw new DTypeError(
        `result type ${kernelName(result)} can't be cast to the desired output type ${kernelName(self.dtype)}`,
        `use ${this.name}() without the underscore, or convert the tensor first`,
      );
    }
    const inputs = operands.filter((x) => runtime.isTensor(x));
    const shape = inputs.length > 1 ? commonShape(inputs) : self.shape;
    if (!sameShape(shape, self.shape)) {
      throw new ShapeError(
        `output with shape ${formatShape(self.shape)} doesn't match the broadcast shape ${formatShape(shape)}`,
      );
    }
    checkInternalOverlap(self, this.name);
    return runtime.callInPlace(this.variantFor(operands), inputs.length > 1 ? separated(self, inputs) : inputs, attributes);
  }
}

/** Whether two tensors have the same dtype and lie in memory alike. */
function alike(x: Tensor, y: Tensor): boolean {
  return (
    x.dtype === y.dtype && x.storage.device === y.storage.device && sameShape(x.shape, y.shape) && sameShape(x.strides, y.strides)
  );
}

/** Whether the tensor's dtype is that of a computation with a plain number. */
function keepsDtype(x: Tensor, y: number): boolean {
  const { category } = x.dtype;
  return category === 2 || (category === 1 && Number.isInteger(y));
}

function commonDtype(operands: readonly Input[]): DType {
  const first = operands[0]!;
  if (runtime.isTensor(first)) {
    let same = true;
    for (let i = 1; i < operands.length && same; i++) {
      const x = operands[i]!;
      same = runtime.isTensor(x) ? x.dtype === first.dtype : typeof x === "number" && keepsDtype(first, x);
    }
    if (same) return first.dtype;
  }
  return resultType(operands);
}

function asTensor(x: Input): Tensor {
  return runtime.isTensor(x) ? x : runtime.full([], x, resultType([x]));
}

/** How a pointwise op is called: by operands (tensors or numbers), its own numbers, and where the result goes. */
export interface Pointwise {
  readonly name: string;
  (operands: readonly Input[], own?: readonly number[], out?: Tensor | null): Tensor;
  /** The first operand becomes the result. */
  inPlace(operands: readonly Input[], own?: readonly number[]): Tensor;
  /** The op itself, for the short ways of calling it. */
  readonly op: PointwiseOp;
}

/**
 * Declares a pointwise op of `arity` operands, of which any but not all may be plain numbers, with `ownParams` further numbers.
 * @__NO_SIDE_EFFECTS__
 */
export function definePointwise(definition: PointwiseDefinition, arity: number, ownParams = 0): Pointwise {
  const op = new PointwiseOp(definition, arity, ownParams);
  const invoke = (operands: readonly Input[], own: readonly number[] = noParams, out: Tensor | null = null): Tensor =>
    op.call(operands, own, out);
  const inPlace = (operands: readonly Input[], own: readonly number[] = noParams): Tensor => op.callInPlace(operands, own);
  return Object.defineProperty(Object.assign(invoke, { inPlace, op }), "name", { value: definition.name }) as Pointwise;
}

/** Python's name for the kind of an argument, which PyTorch's messages have. */
function describe(x: unknown): string {
  if (x === null || x === undefined) return "NoneType";
  if (runtime.isTensor(x)) return "Tensor";
  if (typeof x === "string") return "str";
  if (isNumberLike(x)) return ["bool", "int", "float"][categoryOfNumber(x)]!;
  return Array.isArray(x) ? "list" : typeof x;
}

function refuseArgument(definition: PointwiseDefinition, i: number, x: unknown): never {
  const name = (definition.operands ?? operandNames)[i]!;
  throw new ArgumentTypeError(
    `${definition.name}(): argument '${name}' (position ${i + 1}) must be Tensor, not ${describe(x)}`,
    "make a tensor of it: torch.tensor(…)",
  );
}

/** Throws PyTorch's errors for numbers where the op takes tensors only. */
function checkTensors(definition: PointwiseDefinition, operands: readonly Input[], numbers: number, arity: number): void {
  const { tensors } = definition;
  if (tensors === "all") {
    for (let i = 0; i < arity; i++) if ((numbers & (1 << i)) !== 0) refuseArgument(definition, i, operands[i]);
  }
  const refused = tensors === "first" ? (numbers & 1) !== 0 : tensors === "one" && numbers === (1 << arity) - 1;
  if (!refused) return;
  const names = definition.operands ?? operandNames;
  const given = operands.slice(0, arity).map(describe).join(", ");
  const taken = operands.slice(1, arity).map((_, i) => `Tensor or Number ${names[i + 1]!}`);
  throw new ArgumentTypeError(
    `${definition.name}() received an invalid combination of arguments - got (${given}), but expected one of:\n * (${[`Tensor ${names[0]!}`, ...taken].join(", ")})`,
    tensors === "one" ? "one of them has to be a tensor" : "the first one has to be a tensor",
  );
}
