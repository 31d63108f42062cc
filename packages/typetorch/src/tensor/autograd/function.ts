/**
 * Functions whose derivative the user writes: `torch.autograd.Function`.
 */
import type { DType } from "../../core/dtype.ts";
import { AutogradError, ShapeError } from "../../core/errors.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import type { Gradients } from "../../ops/op.ts";
import { sumToShape } from "../../ops/pointwise.ts";
import { runtime } from "../../ops/runtime.ts";
import { Tensor } from "../tensor.ts";
import { checkInPlace, gradEdge, rebaseHistory } from "./edges.ts";
import { gradEnabled, noGrad } from "./gradMode.ts";
import { Node, SavedTensor, rebuild } from "./node.ts";

/** What `forward` and `backward` of a custom function share. */
export class FunctionContext {
  /** Which arguments of `forward` need a gradient. */
  needsInputGrad: boolean[] = [];
  private toSave: readonly (Tensor | null)[] = [];
  private saved: (SavedTensor | null)[] | null = null;
  /** @internal */
  dirty: readonly Tensor[] = [];
  /** @internal */
  nonDifferentiable: readonly Tensor[] = [];
  /** @internal */
  materialize = true;
  /** Anything else that the backward needs. */
  [key: string]: unknown;

  /** Keeps tensors for `backward`, which reads them as `ctx.savedTensors`. */
  saveForBackward(...tensors: (Tensor | null)[]): void {
    this.toSave = tensors;
  }
  /** The tensors given to `saveForBackward`. Throws after they were freed or changed in place. */
  get savedTensors(): Tensor[] {
    const saved = this.saved ?? this.toSave.map((x) => (x === null ? null : new SavedTensor(x)));
    return saved.map((s) => (s === null ? (null as unknown as Tensor) : s.unpack(rebuild.withHistory)));
  }
  /** Says that `forward` changed these inputs in place. */
  markDirty(...tensors: Tensor[]): void {
    this.dirty = tensors;
  }
  /** Says that no gradient flows through these results. */
  markNonDifferentiable(...tensors: Tensor[]): void {
    this.nonDifferentiable = tensors;
  }
  /** Whether `backward` gets zeros (the default) or null for results that have no gradient. */
  setMaterializeGrads(value: boolean): void {
    this.materialize = value;
  }
  /** @internal */
  freeze(): void {
    this.saved = this.toSave.map((x) => (x === null ? null : new SavedTensor(x)));
    this.toSave = [];
  }
  /** @internal */
  release(): void {
    for (const s of this.saved ?? []) s?.release();
  }
}

/** The static side of a custom function. */
export interface FunctionClass<A extends unknown[], R> {
  readonly name: string;
  forward(ctx: FunctionContext, ...args: A): R;
  backward(ctx: FunctionContext, ...grads: Tensor[]): unknown;
}

class FunctionNode extends Node {
  private readonly fn: FunctionClass<never[], unknown>;
  readonly context: FunctionContext;
  readonly inputShapes: (readonly number[] | null)[];
  /** Shape and dtype of each result, to fill in gradients that did not arrive. */
  readonly shapes: (readonly number[])[] = [];
  readonly dtypes: DType[] = [];

  constructor(fn: FunctionClass<never[], unknown>, context: FunctionContext, args: readonly unknown[]) {
    super([], []);
    this.fn = fn;
    this.context = context;
    this.inputShapes = args.map((x) => (x instanceof Tensor ? x.shape : null));
    for (const x of args) {
      const edge = x instanceof Tensor && x.requiresGrad ? gradEdge(x) : null;
      this.next.push(edge);
      this.nextNr.push(edge === null ? 0 : (x as Tensor).outputNr);
    }
  }
  name(): string {
    return `${this.fn.name}Backward`;
  }
  apply(grads: Gradients): Gradients {
    const given = this.shapes.map(
      (shape, k) => grads[k] ?? (this.context.materialize ? runtime.full(shape, 0, this.dtypes[k]!) : null),
    );
    const result = this.fn.backward(this.context, ...(given as Tensor[]));
    const list = (Array.isArray(result) ? result : [result]) as (Tensor | null | undefined)[];
    if (list.length < this.next.length || list.slice(this.next.length).some((g) => g !== null && g !== undefined)) {
      if (list.length !== this.next.length) {
        throw new AutogradError(
          `function ${this.name()} returned an incorrect number of gradients (expected ${this.next.length}, got ${list.length})`,
          "return one gradient, or null, for each argument of forward",
        );
      }
    }
    return this.next.map((_, i) => this.checked(list[i] ?? null, i));
  }
  private checked(g: Tensor | null, i: number): Tensor | null {
    const shape = this.inputShapes[i];
    if (g === null || this.next[i] === null) return null;
    if (!(g instanceof Tensor))
      throw new AutogradError(`function ${this.name()} returned a gradient that is not a Tensor at position ${i}`);
    if (!shape || sameShape(g.shape, shape)) return g;
    const fits =
      shape.length <= g.shape.length && shape.every((n, k) => n === 1 || n === g.shape[g.shape.length - shape.length + k]);
    if (!fits) {
      throw new ShapeError(
        `Function ${this.name()} returned an invalid gradient at index ${i} - got ${formatShape(g.shape)} but expected shape compatible with ${formatShape(shape)}`,
      );
    }
    return sumToShape(g, shape);
  }
  override release(): void {
    this.context.release();
  }
}

/**
 * A function with its own derivative: subclass it with static `forward(ctx, …args)` and `backward(ctx, …grads)`, and call `apply`. As `torch.autograd.Function`.
 * @example
 * class Double extends torch.autograd.Function {
 *   static forward(ctx: torch.autograd.FunctionContext, x: torch.Tensor) { return x.mul(2); }
 *   static backward(ctx: torch.autograd.FunctionContext, g: torch.Tensor) { return g.mul(2); }
 * }
 * Double.apply(torch.tensor([1, 2])) // tensor([2., 4.])
 */
// biome-ignore lint/complexity/noStaticOnlyClass: PyTorch's API
export class Function {
  static apply<A extends unknown[], R>(this: FunctionClass<A, R>, ...args: A): R {
    const context = new FunctionContext();
    const recording = gradEnabled && args.some((x) => x instanceof Tensor && x.requiresGrad);
    context.needsInputGrad = args.map((x) => x instanceof Tensor && x.requiresGrad);
    const result = noGrad(() => this.forward(context, ...args));
    if (!recording) return result;
    const outputs = (Array.isArray(result) ? result : [result]) as unknown[];
    const node = new FunctionNode(this as unknown as FunctionClass<never[], unknown>, context, args);
    const replaced = outputs.map((x) => {
      if (!(x instanceof Tensor)) return x;
      node.shapes.push(x.shape);
      node.dtypes.push(x.dtype);
      node.results = node.shapes.length;
      const nr = node.shapes.length - 1;
      if (context.nonDifferentiable.includes(x) || !x.dtype.isFloatingPoint) return x;
      if (context.dirty.includes(x)) {
        checkInPlace(x);
        x.storage.version++;
        rebaseHistory(x, node);
        if (x.base === null) x.outputNr = nr;
        return x;
      }
      // An input that is returned as it is, or a view of one, becomes a tensor of its own in the graph.
      const y =
        args.includes(x) || x.base !== null || x.node !== null
          ? new Tensor(x.storage, x.shape, x.strides, x.storageOffset, x.dtype)
          : x;
      y.node = node;
      y.outputNr = nr;
      return y;
    });
    context.freeze();
    return (Array.isArray(result) ? replaced : replaced[0]) as R;
  }
}
