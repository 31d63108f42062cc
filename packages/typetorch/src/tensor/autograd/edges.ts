/**
 * How tensors hang in the graph: the edge to the node that made a tensor, the leaf node that accumulates into `grad`, and in-place changes seen through views.
 */
import { AutogradError } from "../../core/errors.ts";
import type { Gradients } from "../../ops/op.ts";
import { runtime } from "../../ops/runtime.ts";
import { Tensor } from "../tensor.ts";
import { gradEnabled } from "./gradMode.ts";
import { Node, rebuild } from "./node.ts";

/** Adds into `variable.grad`: what the graph ends in. */
export class AccumulateGrad extends Node {
  readonly variable: Tensor;
  constructor(variable: Tensor) {
    super([], [], Number.MAX_SAFE_INTEGER);
    this.variable = variable;
  }
  name(): string {
    return "AccumulateGrad";
  }
  apply(grads: Gradients): Gradients {
    let grad = grads[0] ?? null;
    if (grad === null) return [];
    const x = this.variable;
    const hooks = x.extras?.hooks;
    if (hooks) for (const hook of hooks.values()) grad = hook(grad) || grad;
    if (x.ownGrad === null) {
      // A gradient that nobody else holds is taken over as it is; others are copied.
      x.ownGrad = takeable(grad) ? grad : grad.clone();
      x.gradShared = gradEnabled || Boolean(hooks); // hooks and a graph may hold it
    } else if (gradEnabled) x.grad = x.ownGrad.add(grad);
    else x.ownGrad.add_(grad);
    return [];
  }
}

/** Set by the engine for a gradient buffer that it alone holds. @internal */
export const soleOwner = { current: null as Tensor | null };

function takeable(grad: Tensor): boolean {
  return soleOwner.current === grad && grad.isContiguous() && grad.storage.nbytes === grad.numel() * grad.dtype.itemsize;
}

/** The node to which the gradient of `x` goes, or null. */
export function gradEdge(x: Tensor): Node | null {
  const node = x.gradFn;
  if (node !== null) return node;
  if (!x.leafRequiresGrad) return null;
  const extras = x.extrasOrNew();
  extras.accumulator ??= new AccumulateGrad(x);
  return extras.accumulator;
}

rebuild.withHistory = (x, node, outputNr) => {
  const alias = new Tensor(x.storage, x.shape, x.strides, x.storageOffset, x.dtype);
  alias.node = node;
  alias.outputNr = outputNr;
  if (node === null) alias.leafRequiresGrad = x.leafRequiresGrad;
  return alias;
};

/** Throws PyTorch's errors for in-place changes that the graph could not follow. */
export function checkInPlace(x: Tensor): void {
  if (x.leafRequiresGrad && x.node === null) {
    throw new AutogradError(
      "a leaf Variable that requires grad is being used in an in-place operation.",
      "do it inside torch.noGrad(() => …), or on x.clone()",
    );
  }
  const base = x.base;
  if (base === null) return;
  if (base.leafRequiresGrad && base.node === null) {
    throw new AutogradError(
      "a view of a leaf Variable that requires grad is being used in an in-place operation.",
      "do it inside torch.noGrad(() => …), or on a clone()",
    );
  }
  if (x.extras?.multiView) {
    throw new AutogradError(
      `Output ${x.outputNr} of ${x.node?.name() ?? "a view function"} is a view and is being modified inplace. This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified inplace. You should replace the inplace operation by an out-of-place one.`,
    );
  }
  if (x.extras?.viewMadeInNoGrad && base.requiresGrad) {
    throw new AutogradError(
      "A view was created in no_grad mode and is being modified inplace with grad mode enabled. This view is not part of the graph, so the change could not be recorded.",
      "make the view outside of noGrad, or change it inside",
    );
  }
}

/**
 * The gradient of a base that was changed through a view: `fn` is the node of the in-place op on the view. The base's gradient goes to its former node, but for
 * the elements of the view, which go through `fn`.
 */
class CopySlices extends Node {
  private readonly shape: readonly number[];
  private readonly strides: readonly number[];
  private readonly offset: number;
  private readonly baseOffset: number;
  private readonly fn: Node;

  constructor(base: Tensor, view: Tensor, baseEdge: Node | null, baseNr: number, fn: Node) {
    super([baseEdge, ...fn.next.slice(1)], [baseNr, ...fn.nextNr.slice(1)]);
    this.shape = view.shape;
    this.strides = view.strides;
    this.offset = view.storageOffset;
    this.baseOffset = base.storageOffset;
    this.fn = fn;
    this.baseShape = base.shape;
    this.baseStrides = base.strides;
  }
  private readonly baseShape: readonly number[];
  private readonly baseStrides: readonly number[];

  name(): string {
    return "CopySlices";
  }
  apply(grads: Gradients): Gradients {
    const grad = grads[0] ?? null;
    if (grad === null) return this.next.map(() => null);
    // The gradient gets the layout of the base, so that the view's strides address the same elements.
    const result = runtime.emptyStrided(this.baseShape, this.baseStrides, grad.dtype).copy_(grad);
    const slice = result.asStrided(this.shape, this.strides, this.offset - this.baseOffset);
    const inner = this.fn.apply([slice.clone()]);
    if (this.next[0] !== null) {
      if (inner[0]) slice.copy_(inner[0]);
      else slice.zero_();
    }
    return [this.next[0] === null ? null : result, ...inner.slice(1)];
  }
  override release(): void {
    this.fn.release();
  }
}

/** Gives an in-place op's node its place: `x` is its result now. `edge` and `nr` are where the gradient of the former x went. */
export function rebaseHistory(x: Tensor, node: Node): void {
  const base = x.base;
  if (base === null) {
    x.node = node;
    x.outputNr = 0;
    return;
  }
  const edge = gradEdge(base);
  base.node = new CopySlices(base, x, edge, base.outputNr, node);
  base.outputNr = 0;
  base.leafRequiresGrad = false;
  x.viewVersion = -1; // its own node is made anew from the base's on demand
}
