/**
 * The dispatcher: the one way in which ops are run. It records the graph, keeps views and in-place changes in order, and has a stack of modes (profiler, capture,
 * …) that may look at or replace a call; at the bottom the op runs on its backend.
 */
import { canCast, kernelName } from "../core/dtype.ts";
import { ArgumentTypeError, AutogradError, DTypeError, ShapeError } from "../core/errors.ts";
import { broadcastShapes, sameShape } from "../core/shape.ts";
import { describeKind } from "../ops/arguments.ts";
import { checkInternalOverlap } from "../ops/layout.ts";
import type { Op, Saves } from "../ops/op.ts";
import { complexNotImplemented } from "../ir/expr.ts";
import { runtime } from "../ops/runtime.ts";
import { checkInPlace, gradEdge, rebaseHistory } from "./autograd/edges.ts";
import { gradEnabled } from "./autograd/gradMode.ts";
import { type Node, OpNode } from "./autograd/node.ts";
import { devices, onDeviceOf } from "./devices.ts";
import type { Tensor } from "./tensor.ts";

/** Sees each call of an op; `proceed` runs it in the modes below. */
export interface Mode {
  call(op: Op<never>, inputs: readonly Tensor[], proceed: () => Tensor | Tensor[]): Tensor | Tensor[];
}

const modes: Mode[] = [];

/**
 * Puts a mode on top of the stack; returns a function that takes it off.
 * @example
 * const seen: string[] = [];
 * const off = torch.pushMode({
 *   call(op, inputs, proceed) {
 *     seen.push(op.name);
 *     return proceed();
 *   },
 * });
 * torch.ones(2).mul(3);
 * off();
 * seen // ["mul"]
 */
export function pushMode(mode: Mode): () => void {
  modes.push(mode);
  return () => {
    modes.splice(modes.lastIndexOf(mode), 1);
  };
}

/** The mask of a call with a volatile input: nothing is recorded and the result is volatile. */
const VOLATILE = -1;

/** Whether a call on this tensor comes down to running its kernel: there is no mode, and nothing is recorded. */
export function isPlain(x: Tensor): boolean {
  return modes.length === 0 && !(gradEnabled && (x.requiresGrad || x.volatile));
}

/** Bit i: input i takes part in the graph (bit 30 stands for all from there on). */
function gradMask(inputs: readonly Tensor[]): number {
  let mask = 0;
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    if (x.volatile) return VOLATILE;
    if (x.requiresGrad && x.dtype.isFloatingPoint) mask |= 1 << (i < 30 ? i : 30);
  }
  return mask;
}

function isNeeded(mask: number, i: number): boolean {
  return (mask & (1 << (i < 30 ? i : 30))) !== 0;
}

/** Runs an op. */
export function call<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor | Tensor[] {
  if (devices.mixed) return onDeviceOf(inputs, (there) => dispatch(op, there, attributes));
  return dispatch(op, inputs, attributes);
}

function dispatch<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor | Tensor[] {
  if (modes.length > 0) return throughModes(op, inputs, () => perform(op, inputs, attributes));
  return perform(op, inputs, attributes);
}

function throughModes<A>(op: Op<A>, inputs: readonly Tensor[], bottom: () => Tensor | Tensor[]): Tensor | Tensor[] {
  let depth = modes.length;
  const proceed = (): Tensor | Tensor[] => {
    if (depth === 0) return bottom();
    depth--;
    return modes[depth]!.call(op as unknown as Op<never>, inputs, proceed);
  };
  return proceed();
}

function refuseComplex<A>(op: Op<A>, inputs: readonly Tensor[]): void {
  for (let i = 0; i < inputs.length; i++) {
    if (inputs[i]!.dtype.isComplex) throw complexNotImplemented(op.name, inputs[i]!.dtype);
  }
}

function perform<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor | Tensor[] {
  if (!op.complex) refuseComplex(op, inputs);
  if (gradEnabled && op.backward !== null) {
    const mask = gradMask(inputs);
    if (mask === VOLATILE) return markVolatile(op.run(inputs, attributes, null));
    if (mask !== 0) return record(op, inputs, attributes, mask);
  }
  const result = op.run(inputs, attributes, null);
  if (op.view && !gradEnabled) {
    for (const x of Array.isArray(result) ? result : [result]) if (x.base !== null) x.extrasOrNew().viewMadeInNoGrad = true;
  }
  return result;
}

function markVolatile(result: Tensor | Tensor[]): Tensor | Tensor[] {
  for (const x of Array.isArray(result) ? result : [result]) x.volatile = true;
  return result;
}

/** A node for a call, with the edges to the nodes that made the inputs; `recorded` are the inputs as the derivative is to see them. */
function nodeFor<A>(
  op: Op<A>,
  inputs: readonly Tensor[],
  recorded: readonly Tensor[],
  attributes: A,
  mask: number,
  saves: Saves,
): OpNode<A> {
  const n = inputs.length;
  const next = new Array<Node | null>(n);
  const nextNr = new Array<number>(n);
  for (let i = 0; i < n; i++) {
    const x = inputs[i]!;
    if (isNeeded(mask, i)) {
      next[i] = gradEdge(x);
      nextNr[i] = x.outputNr;
    } else {
      next[i] = null;
      nextNr[i] = 0;
    }
  }
  return new OpNode(op, recorded, attributes, mask, saves.inputs, next, nextNr);
}

function record<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A, mask: number): Tensor | Tensor[] {
  const saves = op.saves(mask);
  const node = nodeFor(op, inputs, inputs, attributes, mask, saves);
  const extra: Tensor[] = [];
  const result = op.run(inputs, attributes, extra);
  if (Array.isArray(result)) {
    node.results = result.length;
    for (let i = 0; i < result.length; i++) attach(node, result[i]!, i);
    node.saveOutputs(result, saves.outputs, extra);
    if (op.view) for (const x of result) x.extrasOrNew().multiView = true;
  } else {
    attach(node, result, 0);
    if (saves.outputs.length > 0 || extra.length > 0) node.saveOutputs([result], saves.outputs, extra);
  }
  return result;
}

function attach<A>(node: OpNode<A>, result: Tensor, nr: number): void {
  if (!result.dtype.isFloatingPoint) return;
  result.node = node;
  result.outputNr = nr;
}

/** Runs an op whose result takes the place of inputs[0]. */
export function callInPlace<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor {
  if (devices.mixed) return onDeviceOf(inputs, (there) => inPlace(op, there, attributes), true);
  return inPlace(op, inputs, attributes);
}

function inPlace<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A): Tensor {
  if (!op.complex) refuseComplex(op, inputs);
  const self = inputs[0]!;
  const mask = gradEnabled ? gradMask(inputs) : 0;
  if (mask === 0 || mask === VOLATILE) {
    writeInto(op, self, inputs, attributes, null);
    self.storage.version++;
    if (mask === VOLATILE) self.volatile = true;
    return self;
  }
  checkInPlace(self);
  if (op.backward === null) {
    writeInto(op, self, inputs, attributes, null);
    self.storage.version++;
    if (self.base === null) self.node = null;
    return self;
  }
  const saves = op.saves(mask);
  let recorded = inputs;
  if (saves.inputs.includes(0)) {
    // The derivative reads what is about to be overwritten: keep a copy that has the old place in the graph.
    const old = runtime.withoutGrad(() => self.clone());
    old.node = self.gradFn;
    old.outputNr = self.outputNr;
    recorded = [old, ...inputs.slice(1).map((x) => (x === self ? old : x))];
  }
  const node = nodeFor(op, inputs, recorded, attributes, mask, saves);
  const extra: Tensor[] = [];
  writeInto(op, self, recorded, attributes, extra);
  self.storage.version++;
  rebaseHistory(self, node);
  if (self.base === null) {
    if (saves.outputs.length > 0 || extra.length > 0) node.saveOutputs([self], saves.outputs, extra);
  } else {
    // A view's own node is made anew later; the derivative gets an alias that stands for the result.
    const result = runtime.alias(self, self.shape, self.strides, self.storageOffset);
    result.base = null;
    result.node = node;
    if (saves.outputs.length > 0 || extra.length > 0) node.saveOutputs([result], saves.outputs, extra);
  }
  return self;
}

function writeInto<A>(op: Op<A>, out: Tensor, inputs: readonly Tensor[], attributes: A, extra: Tensor[] | null): void {
  if (op.into !== null) {
    op.into(out, inputs, attributes, extra);
    return;
  }
  const result = op.run(inputs, attributes, extra) as Tensor;
  runtime.withoutGrad(() => copyElements(out, result));
}

/** Set by copy.ts. @internal */
export let copyElements: (out: Tensor, from: Tensor) => void;
export function setCopyElements(fn: (out: Tensor, from: Tensor) => void): void {
  copyElements = fn;
}

/** Throws unless the result can be written to `out`: a tensor whose elements are memory of their own, or exactly those of an input. */
function checkOut(name: string, inputs: readonly Tensor[], out: Tensor): void {
  if (!runtime.isTensor(out)) {
    throw new ArgumentTypeError(`${name}(): argument 'out' must be Tensor, not ${describeKind(out)}`);
  }
  checkInternalOverlap(out, name);
  for (const x of inputs) {
    const exact = x.storageOffset === out.storageOffset && sameShape(x.shape, out.shape) && sameShape(x.strides, out.strides);
    if (x.storage === out.storage && !exact && overlap(x, out)) {
      throw new ShapeError(
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. Please clone() the tensor before performing the operation.",
      );
    }
  }
}

/** Whether the stretches of one storage that two tensors lie in have bytes in common. */
function overlap(x: Tensor, y: Tensor): boolean {
  if (x.numel() === 0 || y.numel() === 0) return false;
  const end = (t: Tensor): number => t.shape.reduce((last, n, i) => last + (n - 1) * t.strides[i]!, t.storageOffset);
  return (
    x.storageOffset * x.dtype.itemsize < (end(y) + 1) * y.dtype.itemsize &&
    y.storageOffset * y.dtype.itemsize < (end(x) + 1) * x.dtype.itemsize
  );
}

/** Runs an op and writes its result to `out`, as `out=` does in PyTorch. */
export function callOut<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A, out: Tensor): Tensor {
  if (!op.complex) refuseComplex(op, inputs);
  checkOut(op.name, inputs, out);
  if (gradEnabled && (gradMask(inputs) !== 0 || out.requiresGrad)) {
    throw new AutogradError(
      `${op.name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad.`,
      "leave `out` away, or work inside torch.noGrad(() => …)",
    );
  }
  if (op.into !== null && op.elementwiseDtype?.(attributes) === out.dtype && !devices.mixed) {
    if (sameShape(out.shape, inputs.map((x) => x.shape).reduce(broadcastShapes))) {
      op.into(out, inputs, attributes, null);
      out.storage.version++;
      return out;
    }
  }
  const result = devices.mixed
    ? onDeviceOf([out, ...inputs], ([, ...there]) => op.run(there, attributes, null) as Tensor, true)
    : (op.run(inputs, attributes, null) as Tensor);
  if (!canCast(result.dtype, out.dtype)) {
    throw new DTypeError(
      `result type ${kernelName(result.dtype)} can't be cast to the desired output type ${kernelName(out.dtype)}`,
    );
  }
  if (!sameShape(out.shape, result.shape)) out.resize_(result.shape);
  copyElements(out, result);
  out.storage.version++;
  return out;
}
