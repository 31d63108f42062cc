/**
 * Pointwise ops: an expression over one element of each operand. The forward becomes one kernel; the derivative, written once over the algebra `Num<T>`, becomes
 * one kernel too, and with tensors in place of expressions it is the differentiable derivative of higher orders.
 */
import { type DType, bool, canCast, getDefaultDtype, int64 } from "../core/dtype.ts";
import { ArgumentTypeError, DeviceError, DTypeError, ShapeError } from "../core/errors.ts";
import { type NumberLike, categoryOfNumber, isNumberLike, numberOf, resultType } from "../core/promotion.ts";
import { kernelName } from "../core/dtype.ts";
import { broadcastShapes, contiguousStrides, formatShape, isContiguous, sameShape } from "../core/shape.ts";
import { Expr, type ScalarType, computeType, input, param } from "../ir/expr.ts";
import type { Num } from "../ir/num.ts";
import type { MapSpec } from "../ir/spec.ts";
import type { Operand } from "../backends/backend.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Gradients, type Op, type Saved, type Saves, gradNameOf } from "./op.ts";
import { runtime } from "./runtime.ts";

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

interface Attributes {
  /** The dtype in which the expression is computed. */
  readonly compute: DType;
  /** Values of the `param` leaves: first the operands that are numbers, then the op's own. */
  readonly params: readonly number[];
}

const noParams: readonly number[] = [];
const operandNames: readonly string[] = ["input", "other"];

/** One way of calling an op: which operands are tensors and which are numbers. */
class Variant implements Op<Attributes> {
  readonly name: string;
  readonly gradName: string;
  readonly view = false;
  readonly backward: Op<Attributes>["backward"];
  private readonly definition: PointwiseDefinition;
  /** Bit i: operand i is a number. */
  private readonly numbers: number;
  private readonly arity: number;
  private readonly ownParams: number;
  private readonly forwardSpecs = new Map<number, MapSpec>();
  private readonly backwardSpecs = new Map<number, BackwardKernel>();
  private readonly usage = new Map<number, Saves>();

  constructor(definition: PointwiseDefinition, arity: number, numbers: number, ownParams: number) {
    this.definition = definition;
    this.name = definition.name;
    this.gradName = definition.gradName ?? gradNameOf(definition.name);
    this.arity = arity;
    this.numbers = numbers;
    this.ownParams = ownParams;
    this.backward = definition.backward ? (grads, saved) => this.derive(grads[0]!, saved) : null;
  }

  private isNumber(i: number): boolean {
    return (this.numbers & (1 << i)) !== 0;
  }

  /** Operands in order: tensors from `tensors`, numbers from `params`; then the op's own params. */
  private arrange<T, P>(tensors: readonly T[], params: readonly P[]): { operands: (T | P)[]; own: P[] } {
    const operands: (T | P)[] = [];
    let t = 0;
    let p = 0;
    for (let i = 0; i < this.arity; i++) operands.push(this.isNumber(i) ? params[p++]! : tensors[t++]!);
    return { operands, own: params.slice(p) };
  }

  private paramCount(): number {
    let n = this.ownParams;
    for (let i = 0; i < this.arity; i++) if (this.isNumber(i)) n++;
    return n;
  }

  private resultDtype(compute: DType): DType {
    return this.definition.result ?? compute;
  }

  private forwardSpec(inputs: readonly Tensor[], compute: DType, result: DType): MapSpec {
    let key = compute.index * 10 + result.index;
    for (let i = 0; i < inputs.length; i++) key = key * 10 + inputs[i]!.dtype.index;
    let spec = this.forwardSpecs.get(key);
    if (spec === undefined) {
      const type = computeType(compute);
      const tensors = inputs.map((x, k) => input(k, computeType(x.dtype)).cast(type));
      const count = this.paramCount();
      const own0 = count - this.ownParams;
      const ownType = this.definition.paramType ?? type;
      const params = Array.from({ length: count }, (_, k) => param(k, k < own0 ? type : ownType));
      const { operands, own } = this.arrange(tensors, params);
      const value = this.definition.forward(operands, own, type, compute);
      spec = {
        kind: "map",
        name: this.name,
        inputs: inputs.map((x) => x.dtype),
        outputs: [{ dtype: result, value: value.cast(computeType(result)) }],
        params: params.length,
        compiled: null,
      };
      this.forwardSpecs.set(key, spec);
    }
    return spec;
  }

  run(inputs: readonly Tensor[], attributes: Attributes): Tensor {
    const shape = commonShape(inputs);
    const out = allocateLike(inputs, shape, this.resultDtype(attributes.compute));
    this.launch(inputs, attributes, shape, out);
    return out;
  }

  into(out: Tensor, inputs: readonly Tensor[], attributes: Attributes): void {
    this.launch(inputs, attributes, out.shape, out);
  }

  private launch(inputs: readonly Tensor[], attributes: Attributes, shape: readonly number[], out: Tensor): void {
    const spec = this.forwardSpec(inputs, attributes.compute, out.dtype);
    runtime.backendOf(out).map(spec, shape, broadcastOperands(inputs, shape), [out], attributes.params);
  }

  saves(needs: number): Saves {
    let saves = this.usage.get(needs);
    if (saves === undefined) {
      const { inputs, output } = this.usedBy(needs);
      saves = { inputs, outputs: output ? [0] : [] };
      this.usage.set(needs, saves);
    }
    return saves;
  }

  /** The derivative as expressions: input 0 is g, then the tensor operands, then the result. */
  private expressions(type: ScalarType): (Expr | null)[] {
    const count = this.arity - (this.paramCount() - this.ownParams);
    const tensors = Array.from({ length: count }, (_, k) => input(1 + k, type));
    const params = Array.from({ length: this.paramCount() }, (_, k) => param(k, type));
    const { operands, own } = this.arrange(tensors, params);
    const all = this.definition.backward!<Expr>(input(0, type), operands as Expr[], input(1 + count, type), own);
    return operands.map((_, i) => (this.isNumber(i) ? undefined : (all[i] ?? null))).filter((e) => e !== undefined);
  }

  private usedBy(needs: number): { inputs: number[]; output: boolean } {
    const used = new Set<number>();
    const gradients = this.expressions("f32");
    gradients.forEach((e, i) => {
      if (e && (needs & (1 << i)) !== 0) collectInputs(e, used);
    });
    const inputs: number[] = [];
    for (let i = 0; i < gradients.length; i++) if (used.has(1 + i)) inputs.push(i);
    return { inputs, output: used.has(1 + gradients.length) };
  }

  private derive(g: Tensor, saved: Saved<Attributes>): Gradients {
    const { compute, params } = saved.attributes;
    const count = this.arity - (this.paramCount() - this.ownParams);
    let needs = 0;
    for (let i = 0; i < count; i++) if (saved.needs(i)) needs |= 1 << i;
    const { inputs, outputs } = this.saves(needs);
    const operands: (Tensor | null)[] = new Array(count + 1).fill(null);
    for (const i of inputs) operands[i] = saved.input(i);
    if (outputs.length > 0) operands[count] = saved.output(0);
    if (runtime.recording([g, ...operands])) return this.deriveWithTensors(g, operands, needs, params, saved);

    const shape = g.shape;
    const present: Tensor[] = [g];
    for (const x of operands) if (x !== null) present.push(x);
    const kernel = this.backwardKernel(needs, present, operands, saved, compute);
    const results: (Tensor | null)[] = new Array(count).fill(null);
    const outs: Tensor[] = [];
    for (let i = 0; i < count; i++) {
      const plan = kernel.plan[i];
      if (plan === "pass") results[i] = g;
      else if (plan === "compute") {
        const out = allocateLike([g], shape, saved.inputDtype(i));
        results[i] = out;
        outs.push(out);
      }
    }
    if (outs.length > 0) runtime.backendOf(g).map(kernel.spec!, shape, broadcastOperands(present, shape), outs, params);
    for (let i = 0; i < count; i++) {
      const r = results[i];
      if (r) results[i] = sumToShape(r, saved.inputShape(i));
    }
    return results;
  }

  private backwardKernel(
    needs: number,
    present: readonly Tensor[],
    operands: readonly (Tensor | null)[],
    saved: Saved<Attributes>,
    compute: DType,
  ): BackwardKernel {
    let key = needs * 10 + compute.index;
    for (const x of present) key = key * 10 + x.dtype.index;
    for (let i = 0; i < operands.length - 1; i++) key = key * 10 + saved.inputDtype(i).index;
    let kernel = this.backwardSpecs.get(key);
    if (kernel) return kernel;
    const type = computeType(compute);
    const gradients = this.expressions(type);
    // Positions in the full list (g, operands, result) to positions among the operands that are present.
    const position = new Map<number, number>([[0, 0]]);
    let k = 1;
    operands.forEach((x, i) => {
      if (x !== null) position.set(1 + i, k++);
    });
    const leaves = present.map((x, j) => input(j, computeType(x.dtype)).cast(type));
    const plan: ("none" | "pass" | "compute")[] = [];
    const outputs: { dtype: DType; value: Expr }[] = [];
    gradients.forEach((e, i) => {
      if (!e || (needs & (1 << i)) === 0) plan.push("none");
      else if (e.op === "input" && e.value === 0 && present[0]!.dtype === saved.inputDtype(i)) plan.push("pass");
      else {
        plan.push("compute");
        const dtype = saved.inputDtype(i);
        outputs.push({ dtype, value: substitute(e, (n) => leaves[position.get(n)!]!).cast(computeType(dtype)) });
      }
    });
    const spec: MapSpec | null =
      outputs.length === 0
        ? null
        : {
            kind: "map",
            name: `${this.name}_backward`,
            inputs: present.map((x) => x.dtype),
            outputs,
            params: this.paramCount(),
            compiled: null,
          };
    kernel = { plan, spec };
    this.backwardSpecs.set(key, kernel);
    return kernel;
  }

  private deriveWithTensors(
    g: Tensor,
    tensors: readonly (Tensor | null)[],
    needs: number,
    params: readonly number[],
    saved: Saved<Attributes>,
  ): Gradients {
    const count = tensors.length - 1;
    const placeholder = g; // operands that the wanted gradients do not read
    const { operands, own } = this.arrange<Tensor, number>(
      tensors.slice(0, count).map((x) => x ?? placeholder),
      params,
    );
    const all = this.definition.backward!<Tensor>(g, operands, tensors[count] ?? placeholder, own);
    const gradients = operands.map((_, i) => (this.isNumber(i) ? undefined : (all[i] ?? null))).filter((e) => e !== undefined);
    return gradients.map((e, i) => {
      if (!e || (needs & (1 << i)) === 0) return null;
      const shaped = sumToShape(e, saved.inputShape(i));
      const typed = shaped.dtype === saved.inputDtype(i) ? shaped : shaped.to(saved.inputDtype(i));
      return typed.requiresGrad ? typed : withZeroDerivative(typed, tensors);
    });
  }
}

let flatOp: Pointwise | null = null;

/**
 * A piecewise linear op's gradient reads its operands in conditions only, so that nothing connects it with them. PyTorch's derivative of it with respect to
 * them is zero, not absent.
 */
function withZeroDerivative(gradient: Tensor, operands: readonly (Tensor | null)[]): Tensor {
  const x = operands.find((t) => t?.requiresGrad && sameShape(t.shape, gradient.shape));
  if (!x) return gradient;
  flatOp ??= definePointwise(
    { name: "piecewise_backward", compute: "first", forward: ([g]) => g!, backward: (g) => [g, g.mul(0)] },
    2,
  );
  return flatOp([gradient, x]);
}

interface BackwardKernel {
  readonly plan: readonly ("none" | "pass" | "compute")[];
  readonly spec: MapSpec | null;
}

function collectInputs(e: Expr, used: Set<number>): void {
  if (e.op === "input") used.add(e.value as number);
  for (const a of e.args) collectInputs(a, used);
}

/** The expression with its `input` leaves replaced. Shared parts stay shared. */
export function substitute(e: Expr, replacement: (k: number) => Expr, done = new Map<Expr, Expr>()): Expr {
  const known = done.get(e);
  if (known) return known;
  let result: Expr;
  if (e.op === "input") result = replacement(e.value as number);
  else if (e.args.length === 0) result = e;
  else {
    const args = e.args.map((a) => substitute(a, replacement, done));
    result = args.every((a, i) => a === e.args[i]) ? e : new Expr(e.op, e.type, args, e.value, e.ref);
  }
  done.set(e, result);
  return result;
}

export function commonShape(inputs: readonly Tensor[]): readonly number[] {
  let shape = inputs[0]!.shape;
  for (let i = 1; i < inputs.length; i++) {
    const x = inputs[i]!;
    if (x.shape !== shape) shape = broadcastShapes(shape, x.shape);
    if (x.storage.device !== inputs[0]!.storage.device) {
      throw new DeviceError(
        `Expected all tensors to be on the same device, but found at least two devices, ${inputs[0]!.device} and ${x.device}!`,
        "move one of them with x.to(device)",
      );
    }
  }
  return shape;
}

/** A new tensor of the shape; its elements lie in the order of those of the first input, the next one deciding where that is broadcast, as in PyTorch. */
export function allocateLike(inputs: readonly Tensor[], shape: readonly number[], dtype: DType): Tensor {
  if (shape.length > 1) {
    for (let i = 0; i < inputs.length; i++) {
      const x = inputs[i]!;
      if (!isContiguous(x.shape, x.strides)) return runtime.emptyStrided(shape, stridesFollowing(inputs, shape), dtype);
    }
  }
  return runtime.empty(shape, dtype);
}

/** Dense strides in the order that the inputs' strides give the dimensions. */
function stridesFollowing(inputs: readonly Tensor[], shape: readonly number[]): readonly number[] {
  const operands = inputs.map((x) => broadcastOperand(x, shape).strides);
  /** 1: dimension d lies outside of e; -1: inside; 0: either way. */
  const compare = (d: number, e: number): number => {
    for (const strides of operands) {
      const a = strides[d]!;
      const b = strides[e]!;
      if (a === 0 || b === 0) continue;
      if (a !== b) return a < b ? -1 : 1;
      if (shape[d]! > shape[e]!) return 1;
    }
    return 0;
  };
  // An insertion sort that passes over undecided pairs; innermost dimension first.
  const order = shape.map((_, i) => shape.length - 1 - i);
  for (let i = 1; i < order.length; i++) {
    let at = i;
    for (let k = i - 1; k >= 0; k--) {
      const c = compare(order[k]!, order[at]!);
      if (c < 0) break;
      if (c > 0) {
        [order[k], order[at]] = [order[at]!, order[k]!];
        at = k;
      }
    }
  }
  const out = contiguousStrides(shape);
  let step = 1;
  for (const d of order) {
    out[d] = step;
    step *= Math.max(shape[d]!, 1);
  }
  return out;
}

/** Strides without gaps whose order is that of the given ones. */
export function denseStridesLike(shape: readonly number[], strides: readonly number[]): readonly number[] {
  const order = shape.map((_, i) => i).sort((a, b) => strides[b]! - strides[a]! || a - b);
  const out = contiguousStrides(shape);
  let step = 1;
  for (let k = order.length - 1; k >= 0; k--) {
    const d = order[k]!;
    out[d] = step;
    step *= Math.max(shape[d]!, 1);
  }
  return out;
}

/** Operands with zero strides where they are broadcast. */
export function broadcastOperands(inputs: readonly Tensor[], shape: readonly number[]): readonly Operand[] {
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    if (x.shape !== shape && !sameShape(x.shape, shape)) return inputs.map((y) => broadcastOperand(y, shape));
  }
  return inputs;
}

export function broadcastOperand(x: Operand, shape: readonly number[]): Operand {
  if (sameShape(x.shape, shape)) return x;
  const skip = shape.length - x.shape.length;
  const strides = shape.map((_, i) => (i < skip || x.shape[i - skip] === 1 ? 0 : x.strides[i - skip]!));
  return { storage: x.storage, storageOffset: x.storageOffset, shape, strides, dtype: x.dtype };
}

/** The gradient of a broadcast operand: the sum over the dimensions that were stretched. */
export function sumToShape(g: Tensor, shape: readonly number[]): Tensor {
  if (g.shape === shape || sameShape(g.shape, shape)) return g;
  const skip = g.shape.length - shape.length;
  const dims: number[] = [];
  for (let i = 0; i < g.shape.length; i++) if (i < skip || (shape[i - skip] === 1 && g.shape[i] !== 1)) dims.push(i);
  const summed = dims.length > 0 ? g.sum(dims, { keepdim: true }) : g;
  return skip > 0 ? summed.view(shape) : summed;
}

/** How a pointwise op is called: by operands (tensors or numbers), its own numbers, and where the result goes. */
export interface Pointwise {
  readonly name: string;
  (operands: readonly Input[], own?: readonly number[], out?: Tensor | null): Tensor;
  /** The first operand becomes the result. */
  inPlace(operands: readonly Input[], own?: readonly number[]): Tensor;
}

/** Declares a pointwise op of `arity` operands, of which any but not all may be plain numbers, with `ownParams` further numbers. */
export function definePointwise(definition: PointwiseDefinition, arity: number, ownParams = 0): Pointwise {
  const variants: (Variant | undefined)[] = [];
  const variantFor = (numbers: number): Variant => {
    const variant = new Variant(definition, arity, numbers, ownParams);
    variants[numbers] = variant;
    return variant;
  };

  const prepare = (
    operands: readonly Input[],
    own: readonly number[],
  ): { variant: Variant; inputs: Tensor[]; attributes: Attributes } => {
    let numbers = 0;
    let first: Tensor | null = null;
    let same = true;
    for (let i = 0; i < arity; i++) {
      const x = operands[i];
      if (runtime.isTensor(x)) {
        if (first === null) first = x;
        else if (x.dtype !== first.dtype) same = false;
      } else {
        if (!isNumberLike(x)) refuseArgument(definition, i, x);
        numbers |= 1 << i;
      }
    }
    if (numbers !== 0 && definition.tensors !== undefined) checkTensors(definition, operands, numbers, arity);
    let inputs = operands as Tensor[];
    let params = own;
    if (first === null) {
      inputs = operands.map((x) => runtime.full([], x as NumberLike, resultType([x as NumberLike])));
      first = inputs[0]!;
      same = false;
      numbers = 0;
    } else if (numbers !== 0) {
      inputs = [];
      const values: number[] = [];
      for (let i = 0; i < arity; i++) {
        const x = operands[i]!;
        if (runtime.isTensor(x)) inputs.push(x);
        else values.push(numberOf(x as NumberLike));
      }
      params = own.length > 0 ? values.concat(own) : values;
    }
    let compute: DType;
    if (definition.compute === "first") compute = first.dtype;
    else {
      compute = same && numbers === 0 ? first.dtype : resultType(operands as readonly (Tensor | NumberLike)[]);
      if (definition.compute === "float" && !compute.isFloatingPoint) compute = getDefaultDtype();
      else if (compute === bool && definition.integral === true) compute = int64;
    }
    definition.check?.(compute, operands);
    return { variant: variants[numbers] ?? variantFor(numbers), inputs, attributes: { compute, params } };
  };

  const invoke = (operands: readonly Input[], own: readonly number[] = noParams, out?: Tensor | null): Tensor => {
    const { variant, inputs, attributes } = prepare(operands, own);
    if (out) return runtime.callOut(variant, inputs, attributes, out);
    return runtime.call(variant, inputs, attributes);
  };
  const inPlace = (operands: readonly Input[], own: readonly number[] = noParams): Tensor => {
    const self = operands[0] as Tensor;
    const { variant, inputs, attributes } = prepare(operands, own);
    const result = definition.result ?? attributes.compute;
    if (!canCast(result, self.dtype)) {
      throw new DTypeError(
        `result type ${kernelName(result)} can't be cast to the desired output type ${kernelName(self.dtype)}`,
        `use ${definition.name}() without the underscore, or convert the tensor first`,
      );
    }
    const shape = inputs.length > 1 ? commonShape(inputs) : self.shape;
    if (!sameShape(shape, self.shape)) {
      throw new ShapeError(
        `output with shape ${formatShape(self.shape)} doesn't match the broadcast shape ${formatShape(shape)}`,
      );
    }
    checkInternalOverlap(self, definition.name);
    return runtime.callInPlace(variant, inputs.length > 1 ? separated(self, inputs) : inputs, attributes);
  };
  return Object.defineProperty(Object.assign(invoke, { inPlace }), "name", { value: definition.name }) as Pointwise;
}

/** An operand that overlaps `self` without being the very same elements is copied before `self` is overwritten. */
function separated(self: Tensor, inputs: Tensor[]): Tensor[] {
  for (let i = 1; i < inputs.length; i++) {
    const x = inputs[i]!;
    if (
      x.storage === self.storage &&
      x !== self &&
      !(x.storageOffset === self.storageOffset && sameShape(x.shape, self.shape) && sameShape(x.strides, self.strides))
    ) {
      inputs[i] = x.clone();
    }
  }
  return inputs;
}

/** Throws where several elements are one memory location, as in an expanded tensor. */
export function checkInternalOverlap(x: Tensor, name: string): void {
  for (let i = 0; i < x.shape.length; i++) {
    if (x.strides[i] === 0 && x.shape[i]! > 1) {
      throw new ShapeError(
        "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation.",
        `${name} would write to a tensor of shape ${formatShape(x.shape)} with strides ${formatShape(x.strides)}`,
      );
    }
  }
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

/** Throws for boolean operands where PyTorch refuses them. */
export function notForBool(name: string, compute: DType, advice: string): void {
  if (compute === bool) throw new DTypeError(`${name}, with bool tensors is not supported.`, advice);
}
