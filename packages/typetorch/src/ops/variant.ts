/**
 * The kernels of a pointwise op, for one way of calling it.
 */
import type { DType } from "../core/dtype.ts";
import { rowMajorCount, sameShape } from "../core/shape.ts";
import { Expr, type ScalarType, computeType, input, param } from "../ir/expr.ts";
import type { MapSpec } from "../ir/spec.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { allocateLike, broadcastOperands, commonShape, sumToShape } from "./layout.ts";
import { type Gradients, type Op, type Saved, type Saves, gradNameOf } from "./op.ts";
import type { PointwiseDefinition } from "./pointwise.ts";
import { runtime } from "./runtime.ts";

export interface Attributes {
  /** The dtype in which the expression is computed. */
  readonly compute: DType;
  /** Values of the `param` leaves: first the operands that are numbers, then the op's own. */
  readonly params: readonly number[];
}

/** One way of calling an op: which operands are tensors and which are numbers. */
export class Variant implements Op<Attributes> {
  readonly name: string;
  readonly gradName: string;
  readonly view = false;
  readonly complex = false;
  readonly keepsGradients = false;
  readonly backward: Op<Attributes>["backward"];
  private readonly definition: PointwiseDefinition;
  /** Bit i: operand i is a number. */
  private readonly numbers: number;
  private readonly arity: number;
  private readonly ownParams: number;
  /** How many operands are tensors. */
  private readonly tensorCount: number;
  private lastKey = -1;
  private lastSpec: MapSpec | null = null;
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
    this.tensorCount = arity - (this.paramCount() - ownParams);
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

  elementwiseDtype(attributes: Attributes): DType {
    return this.resultDtype(attributes.compute);
  }

  private resultDtype(compute: DType): DType {
    return this.definition.result ?? compute;
  }

  /** The forward kernel for inputs of these dtypes. */
  forwardSpec(inputs: readonly Tensor[], compute: DType, result: DType): MapSpec {
    let key = compute.index * 16 + result.index;
    for (let i = 0; i < inputs.length; i++) key = key * 16 + inputs[i]!.dtype.index;
    if (key === this.lastKey) return this.lastSpec!;
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
    this.lastKey = key;
    this.lastSpec = spec;
    return spec;
  }

  run(inputs: readonly Tensor[], attributes: Attributes): Tensor {
    const { params } = attributes;
    if (inputs.length <= 2 && params.length <= 1) {
      const n = shortCount(inputs);
      if (n > 0) {
        const result = this.resultDtype(attributes.compute);
        const spec = this.forwardSpec(inputs, attributes.compute, result);
        return runtime.mapFlat(spec, n, inputs[0]!, inputs[1] ?? null, params[0] ?? 0, result);
      }
    }
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
    const count = this.tensorCount;
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
    const count = this.tensorCount;
    let needs = 0;
    for (let i = 0; i < count; i++) if (saved.needs(i)) needs |= 1 << i;
    const { inputs, outputs } = this.saves(needs);
    const operands = new Array<Tensor | null>(count + 1);
    for (let i = 0; i <= count; i++) operands[i] = null;
    const present: Tensor[] = [g];
    for (let k = 0; k < inputs.length; k++) {
      const x = saved.input(inputs[k]!);
      operands[inputs[k]!] = x;
      present.push(x);
    }
    if (outputs.length > 0) {
      const out = saved.output(0);
      operands[count] = out;
      present.push(out);
    }
    if (runtime.recording(present)) return this.deriveWithTensors(g, operands, needs, params, saved);

    const kernel = this.backwardKernel(needs, present, operands, saved, compute);
    const results = this.launchBackward(kernel, g, present, params, saved);
    for (let i = 0; i < count; i++) {
      const r = results[i];
      if (r) results[i] = sumToShape(r, saved.inputShape(i));
    }
    return results;
  }

  /** The gradients in the shape of g. */
  private launchBackward(
    kernel: BackwardKernel,
    g: Tensor,
    present: readonly Tensor[],
    params: readonly number[],
    saved: Saved<Attributes>,
  ): (Tensor | null)[] {
    const { plan, spec } = kernel;
    const { shape } = g;
    const results = new Array<Tensor | null>(plan.length);
    let outs: Tensor[] | null = null;
    for (let i = 0; i < plan.length; i++) {
      if (plan[i] !== "compute") {
        results[i] = plan[i] === "pass" ? g : null;
        continue;
      }
      const dtype = saved.inputDtype(i);
      const n = kernel.short && params.length <= 1 ? shortCount(present) : 0;
      if (n > 0) {
        results[i] = runtime.mapFlat(spec!, n, g, present[1] ?? null, params[0] ?? 0, dtype);
        continue;
      }
      const out = allocateLike([g], shape, dtype);
      results[i] = out;
      outs ??= [];
      outs.push(out);
    }
    if (outs !== null) runtime.backendOf(g).map(spec!, shape, broadcastOperands(present, shape), outs, params);
    return results;
  }

  private backwardKernel(
    needs: number,
    present: readonly Tensor[],
    operands: readonly (Tensor | null)[],
    saved: Saved<Attributes>,
    compute: DType,
  ): BackwardKernel {
    let key = needs * 16 + compute.index;
    for (const x of present) key = key * 16 + x.dtype.index;
    for (let i = 0; i < operands.length - 1; i++) key = key * 16 + saved.inputDtype(i).index;
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
    kernel = { plan, spec, short: outputs.length === 1 && present.length <= 2 };
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

let connector: Variant | null = null;

/**
 * A piecewise linear op's gradient reads its operands in conditions only, so that nothing connects it with them. PyTorch's derivative of it with respect to
 * them is zero, not absent.
 */
function withZeroDerivative(gradient: Tensor, operands: readonly (Tensor | null)[]): Tensor {
  const x = operands.find((t) => t?.requiresGrad && sameShape(t.shape, gradient.shape));
  if (!x) return gradient;
  connector ??= new Variant(
    { name: "piecewise_backward", compute: "first", forward: ([g]) => g!, backward: (g) => [g, g.mul(0)] },
    2,
    0,
    0,
  );
  return runtime.call(connector, [gradient, x], { compute: gradient.dtype, params: [] });
}

interface BackwardKernel {
  readonly plan: readonly ("none" | "pass" | "compute")[];
  readonly spec: MapSpec | null;
  /** Whether there are few enough operands for `mapFlat`. */
  readonly short: boolean;
}

/** Number of elements of one or two operands that are contiguous and of one shape; 0 for others. */
function shortCount(operands: readonly Tensor[]): number {
  const x = operands[0]!;
  const n = rowMajorCount(x.shape, x.strides);
  if (n === 0 || operands.length === 1) return n;
  const y = operands[1]!;
  const alike = sameShape(x.shape, y.shape) && sameShape(x.strides, y.strides) && x.storage.device === y.storage.device;
  return alike ? n : 0;
}

function collectInputs(e: Expr, used: Set<number>): void {
  if (e.op === "input") used.add(e.value as number);
  for (const a of e.args) collectInputs(a, used);
}

/** The expression with its `input` leaves replaced. Shared parts stay shared. */
function substitute(e: Expr, replacement: (k: number) => Expr, done = new Map<Expr, Expr>()): Expr {
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
