/**
 * Nodes of the autograd graph. A node takes the gradients of an op's results and gives those of its inputs; edges lead to the nodes that made the inputs.
 */
import { type DType, kernelName } from "../../core/dtype.ts";
import { AutogradError } from "../../core/errors.ts";
import type { Gradients, Op, Saved } from "../../ops/op.ts";
import type { Hook, Tensor } from "../tensor.ts";
import type { Pending } from "./engine.ts";

let sequence = 0;
let anomalyMode = false;

/** In anomaly mode each node keeps the stack of the forward call that made it. @internal */
export function setAnomaly(enabled: boolean): void {
  anomalyMode = enabled;
}
/**
 * Whether anomaly mode is on: nodes remember where they were made, as `torch.is_anomaly_enabled`.
 * @example
 * torch.autograd.detectAnomaly(() => torch.autograd.isAnomalyEnabled()) // true
 */
export function isAnomalyEnabled(): boolean {
  return anomalyMode;
}

export type NodeHook = (
  gradInputs: (Tensor | null)[],
  gradOutputs: (Tensor | null)[],
) => (Tensor | null)[] | null | undefined | void;
export type NodePreHook = (gradOutputs: (Tensor | null)[]) => (Tensor | null)[] | null | undefined | void;

/** The stack of the call, deep enough to show the user's part of it. */
function forwardStack(): string | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 64;
  const { stack } = new Error("forward call");
  Error.stackTraceLimit = limit;
  return stack;
}

export abstract class Node {
  /** Nodes run in falling order of it. */
  readonly sequence: number;
  /** For each input, the node that made it and which of its results it was; null where no gradient goes. */
  next: (Node | null)[];
  nextNr: number[];
  /** How many results it has. */
  results = 1;
  /** What a backward pass that is under way knows of it. @internal */
  pending: Pending | null = null;
  /** Hooks of tensors that this node made, by result. */
  tensorHooks: Map<number, Map<number, Hook>> | null = null;
  /** Results whose gradient is kept (`retainGrad`). */
  retained: Map<number, Tensor> | null = null;
  preHooks: Map<number, NodePreHook> | null = null;
  hooks: Map<number, NodeHook> | null = null;
  /** Where the forward was called, in anomaly mode. */
  readonly stack: string | undefined;
  private notes: Record<string, unknown> | null = null;

  constructor(next: (Node | null)[], nextNr: number[], number?: number) {
    this.sequence = number ?? sequence++;
    this.next = next;
    this.nextNr = nextNr;
    if (anomalyMode) this.stack = forwardStack();
  }
  /** For notes about the node, as PyTorch's `grad_fn.metadata`. */
  get metadata(): Record<string, unknown> {
    this.notes ??= {};
    return this.notes;
  }
  abstract name(): string;
  abstract apply(grads: Gradients): Gradients;
  /** Forgets what was saved, after a backward that does not retain the graph. */
  release(): void {}
  /** The nodes that this one feeds, as PyTorch's `next_functions`: pairs of node and result number. */
  get nextFunctions(): [Node | null, number][] {
    return this.next.map((node, i) => [node, this.nextNr[i]!]);
  }
  /** Calls `hook(gradInputs, gradOutputs)` after the node ran. Returns a handle with `remove()`. */
  registerHook(hook: NodeHook): { remove(): void } {
    this.hooks ??= new Map();
    return register(this.hooks, hook);
  }
  registerPrehook(hook: NodePreHook): { remove(): void } {
    this.preHooks ??= new Map();
    return register(this.preHooks, hook);
  }
  toString(): string {
    return `<${this.name()}>`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** Names of the nodes of compositions that PyTorch has an op for. */
const labels = new WeakMap<Node, string>();

/** Gives the node that made a tensor PyTorch's name for the op whose composition it ends. */
export function named(x: Tensor, gradName: string): Tensor {
  if (x.node !== null) labels.set(x.node, gradName);
  return x;
}

let hookId = 0;

/** Adds a hook to a list; the handle takes it off. */
export function register<T>(hooks: Map<number, T>, hook: T): { remove(): void } {
  const id = hookId++;
  hooks.set(id, hook);
  return {
    remove() {
      hooks.delete(id);
    },
  };
}

const freed =
  "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward.";

/** A tensor kept for the backward, with the version and the place in the graph that it had. */
export class SavedTensor {
  private tensor: Tensor | null;
  private readonly version: number;
  private readonly node: Node | null;
  private readonly outputNr: number;

  constructor(tensor: Tensor) {
    this.tensor = tensor;
    this.version = tensor.storage.version;
    this.node = tensor.node;
    this.outputNr = tensor.outputNr;
  }
  unpack(withHistory: (x: Tensor, node: Node | null, outputNr: number) => Tensor): Tensor {
    const x = this.tensor;
    if (x === null) throw new AutogradError(freed, "call backward({ retainGraph: true }) the first time");
    if (x.storage.version !== this.version) {
      const made = this.node === null ? "" : `, which is output ${this.outputNr} of ${this.node.name()},`;
      throw new AutogradError(
        `one of the variables needed for gradient computation has been modified by an inplace operation: [torch.${typeName(x.dtype)} [${x.shape.join(", ")}]]${made} is at version ${x.storage.version}; expected version ${this.version} instead. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True).`,
        "use the op without the trailing underscore, or change a clone()",
      );
    }
    return x.node === this.node ? x : withHistory(x, this.node, this.outputNr);
  }
  release(): void {
    this.tensor = null;
  }
}

/** PyTorch's old tensor type names, which its messages use. */
export function typeName(dtype: DType): string {
  return `${kernelName(dtype)}Tensor`;
}

/** Hooks set by the engine's module to rebuild a tensor with the history it had: breaks the import cycle. @internal */
export const rebuild: { withHistory: (x: Tensor, node: Node | null, outputNr: number) => Tensor } = {
  withHistory: (x) => x,
};

/** The node of an op that declares its derivative. */
export class OpNode<A = unknown> extends Node implements Saved<A> {
  readonly op: Op<A>;
  readonly attributes: A;
  private inputs: (SavedTensor | null)[] | null;
  private outputs: (SavedTensor | null)[] | null = null;
  private extras: SavedTensor[] | null = null;
  /** The shape and the dtype of each input, in turn. */
  private readonly inputTypes: (readonly number[] | DType)[];
  private readonly needsMask: number;

  constructor(
    op: Op<A>,
    inputs: readonly Tensor[],
    attributes: A,
    needs: number,
    saveInputs: readonly number[],
    next: (Node | null)[],
    nextNr: number[],
  ) {
    super(next, nextNr);
    this.op = op;
    this.attributes = attributes;
    this.needsMask = needs;
    const n = inputs.length;
    // Arrays of their final length: one that grows takes room for 17 elements at once.
    const types = new Array<readonly number[] | DType>(2 * n);
    for (let i = 0; i < n; i++) {
      types[2 * i] = inputs[i]!.shape;
      types[2 * i + 1] = inputs[i]!.dtype;
    }
    this.inputTypes = types;
    let saved: (SavedTensor | null)[] | null = null;
    if (saveInputs.length > 0) {
      saved = new Array<SavedTensor | null>(n);
      for (let i = 0; i < n; i++) saved[i] = null;
      for (let k = 0; k < saveInputs.length; k++) {
        const i = saveInputs[k]!;
        if (i < n) saved[i] = new SavedTensor(inputs[i]!);
      }
    }
    this.inputs = saved;
  }
  /** Keeps what the derivative reads of the results, once they have their place in the graph. */
  saveOutputs(results: readonly Tensor[], which: readonly number[], extra: readonly Tensor[]): void {
    if (which.length > 0) {
      this.outputs = new Array<SavedTensor | null>(results.length);
      for (const i of which) this.outputs[i] = new SavedTensor(results[i]!);
    }
    if (extra.length > 0) this.extras = extra.map((x) => new SavedTensor(x));
  }
  name(): string {
    return labels.get(this) ?? this.op.gradName;
  }
  apply(grads: Gradients): Gradients {
    return this.op.backward!(grads, this);
  }
  input(i: number): Tensor {
    const saved = this.inputs?.[i];
    if (!saved) throw new Error(`${this.op.name}: its derivative reads input ${i}, which it does not declare`);
    return saved.unpack(rebuild.withHistory);
  }
  output(i: number): Tensor {
    const saved = this.outputs?.[i];
    if (!saved) throw new Error(`${this.op.name}: its derivative reads output ${i}, which it does not declare`);
    return saved.unpack(rebuild.withHistory);
  }
  extra(i: number): Tensor {
    return this.extras![i]!.unpack(rebuild.withHistory);
  }
  inputShape(i: number): readonly number[] {
    return this.inputTypes[2 * i] as readonly number[];
  }
  inputDtype(i: number): DType {
    return this.inputTypes[2 * i + 1] as DType;
  }
  needs(i: number): boolean {
    return (this.needsMask & (1 << (i < 30 ? i : 30))) !== 0;
  }
  override release(): void {
    if (this.inputs) for (const s of this.inputs) s?.release();
    if (this.outputs) for (const s of this.outputs) s?.release();
    if (this.extras) for (const s of this.extras) s.release();
  }
}
