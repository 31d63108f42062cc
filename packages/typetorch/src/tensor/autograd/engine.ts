/**
 * The backward pass: nodes run when all gradients of their results have arrived, latest first. Iterative throughout, so that a graph of any depth works.
 */
import { AutogradError, ShapeError } from "../../core/errors.ts";
import { sameShape } from "../../core/shape.ts";
import type { Gradients } from "../../ops/op.ts";
import { runtime } from "../../ops/runtime.ts";
import { devices, onDeviceOfGradients } from "../devices.ts";
import type { Tensor } from "../tensor.ts";
import { AccumulateGrad, gradEdge, soleOwner } from "./edges.ts";
import { assignGradEnabled, gradEnabled } from "./gradMode.ts";
import { isAnomalyEnabled, type Node, OpNode } from "./node.ts";

/** Where a gradient is asked for: result `nr` of `node`. */
interface Capture {
  node: Node;
  nr: number;
  slot: number;
}

/** Nodes that are ready, largest sequence number first (a binary heap). */
class ReadyQueue {
  private readonly heap: Node[] = [];
  get size(): number {
    return this.heap.length;
  }
  push(node: Node): void {
    const heap = this.heap;
    let i = heap.length;
    heap.push(node);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent]!.sequence >= node.sequence) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = node;
  }
  pop(): Node {
    const heap = this.heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    const n = heap.length;
    if (n > 0) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= n) break;
        if (child + 1 < n && heap[child + 1]!.sequence > heap[child]!.sequence) child++;
        if (heap[child]!.sequence <= last.sequence) break;
        heap[i] = heap[child]!;
        i = child;
      }
      heap[i] = last;
    }
    return top;
  }
}

/** What a backward pass knows of a node: how many gradients are still to come, and the sums so far. */
export class Pending {
  readonly pass: Pass;
  /** Of a pass that runs further out: a hook may start one of its own. */
  readonly outer: Pending | null;
  waiting = 0;
  readonly grads: (Tensor | null)[] = [];
  /** Bit k: the engine made grads[k] by itself and may add into it. */
  owned = 0;
  /** False when nothing that is asked for lies behind the node. */
  wanted = true;

  constructor(pass: Pass, outer: Pending | null) {
    this.pass = pass;
    this.outer = outer;
  }
}

/** One backward pass. */
class Pass {
  readonly nodes: Node[] = [];
  readonly queue = new ReadyQueue();
  /** The gradients asked for, or null when they are accumulated in the leaves. */
  readonly captures: Map<Node, Capture[]> | null;
  readonly results: (Tensor | null)[] = [];
  readonly options: BackwardOptions;

  constructor(captures: Map<Node, Capture[]> | null, options: BackwardOptions) {
    this.captures = captures;
    this.options = options;
  }
  knows(node: Node): boolean {
    return node.pending !== null && node.pending.pass === this;
  }
  begin(node: Node): Pending {
    const p = new Pending(this, node.pending);
    node.pending = p;
    this.nodes.push(node);
    return p;
  }
  end(): void {
    for (let i = 0; i < this.nodes.length; i++) {
      const node = this.nodes[i]!;
      node.pending = node.pending!.outer;
    }
  }
}

export interface BackwardOptions {
  retainGraph: boolean;
  createGraph: boolean;
}

/** Runs the graph from `roots`. With `inputs`, gives their gradients and accumulates nothing; without, adds into the leaves' `grad`. */
export function runBackward(
  roots: readonly Tensor[],
  rootGrads: readonly (Tensor | null)[],
  inputs: readonly Tensor[] | null,
  options: BackwardOptions,
): (Tensor | null)[] {
  const pass = new Pass(inputs === null ? null : new Map(), options);
  inputs?.forEach((x, slot) => {
    pass.results.push(null);
    const node = gradEdge(x);
    if (node === null) {
      throw new AutogradError(
        "One of the differentiated Tensors does not require grad",
        `input ${slot} does not: call requiresGrad_() on it before the forward`,
      );
    }
    const list = pass.captures!.get(node) ?? [];
    list.push({ node, nr: x.node === null ? 0 : x.outputNr, slot });
    pass.captures!.set(node, list);
  });

  const previous = gradEnabled;
  try {
    start(pass, roots, rootGrads);
    assignGradEnabled(options.createGraph);
    while (pass.queue.size > 0) runNode(pass.queue.pop(), pass);
  } finally {
    assignGradEnabled(previous);
    pass.end();
  }
  return pass.results;
}

/** Gives the roots their gradients and finds what depends on them. */
function start(pass: Pass, roots: readonly Tensor[], rootGrads: readonly (Tensor | null)[]): void {
  for (let i = 0; i < roots.length; i++) {
    const root = roots[i]!;
    const node = gradEdge(root);
    if (node === null) {
      throw new AutogradError(
        `element ${i} of tensors does not require grad and does not have a grad_fn`,
        "no tensor that it was computed from requires a gradient, or it was computed inside noGrad",
      );
    }
    const p = pass.knows(node) ? node.pending! : pass.begin(node);
    const grad = rootGrads[i] ?? null;
    const nr = root.node === null ? 0 : root.outputNr;
    addGradient(p, nr, checkedRootGrad(root, grad, i), grad === null, pass.options.createGraph);
  }
  const starts = pass.nodes.slice();
  countDependencies(pass);
  if (pass.captures !== null) markWanted(starts, pass, pass.captures);
  for (const node of starts) if (node.pending!.waiting === 0) pass.queue.push(node);
}

function checkedRootGrad(root: Tensor, grad: Tensor | null, i: number): Tensor {
  if (grad === null) {
    if (root.numel() !== 1) {
      throw new AutogradError(
        "grad can be implicitly created only for scalar outputs",
        `this tensor has the shape [${root.shape.join(", ")}]: reduce it (x.sum()) or give a gradient of its shape`,
      );
    }
    return runtime.on(root.device, () => runtime.full(root.shape, 1, root.dtype));
  }
  if (!sameShape(grad.shape, root.shape)) {
    throw new ShapeError(
      `Mismatch in shape: grad_output[${i}] has a shape of torch.Size([${grad.shape.join(", ")}]) and output[${i}] has a shape of torch.Size([${root.shape.join(", ")}]).`,
    );
  }
  return grad;
}

/** Counts the edges into each node that the roots lead to: `pass.nodes` grows while it is walked. */
function countDependencies(pass: Pass): void {
  const { nodes } = pass;
  for (let k = 0; k < nodes.length; k++) {
    const { next } = nodes[k]!;
    for (let i = 0; i < next.length; i++) {
      const to = next[i];
      if (!to) continue;
      const p = pass.knows(to) ? to.pending! : pass.begin(to);
      p.waiting++;
    }
  }
}

/** Marks the nodes that lead to a capture; the others are not run. */
function markWanted(starts: readonly Node[], pass: Pass, captures: Map<Node, Capture[]>): void {
  const done = new Set<Node>();
  const stack: { node: Node; at: number }[] = starts.map((node) => ({ node, at: 0 }));
  for (const node of pass.nodes) node.pending!.wanted = false;
  while (stack.length > 0) {
    const top = stack[stack.length - 1]!;
    const { node } = top;
    if (top.at < node.next.length) {
      const to = node.next[top.at++];
      if (to && !done.has(to)) {
        done.add(to);
        stack.push({ node: to, at: 0 });
      }
      continue;
    }
    node.pending!.wanted = captures.has(node) || leadsToWanted(node);
    stack.pop();
  }
}

function leadsToWanted(node: Node): boolean {
  for (let i = 0; i < node.next.length; i++) if (node.next[i]?.pending?.wanted === true) return true;
  return false;
}

/** `owned`: nobody but the engine holds the memory of `grad`. */
function addGradient(p: Pending, nr: number, grad: Tensor, owned: boolean, createGraph: boolean): void {
  const have = p.grads[nr] ?? null;
  const bit = nr < 31 ? 1 << nr : 0;
  if (have === null) {
    p.grads[nr] = grad;
    if (owned) p.owned |= bit;
  } else if (!createGraph && (p.owned & bit) !== 0 && have.isContiguous()) {
    have.add_(grad);
    if (owned) runtime.release(grad);
  } else {
    p.grads[nr] = have.add(grad);
    if ((p.owned & bit) !== 0 && !createGraph) runtime.release(have);
    p.owned |= bit;
  }
}

/** Calls the hooks on the gradients that arrived; what they saw belongs to the user too. */
function runPreHooks(node: Node, p: Pending): (Tensor | null)[] {
  let grads: (Tensor | null)[] = p.grads;
  if (node.tensorHooks === null && node.preHooks === null && node.retained === null) return grads;
  p.owned = 0;
  if (node.tensorHooks) {
    for (const [nr, hooks] of node.tensorHooks) {
      for (const hook of hooks.values()) if (grads[nr]) grads[nr] = hook(grads[nr]!) || grads[nr]!;
    }
  }
  if (node.preHooks) for (const hook of node.preHooks.values()) grads = hook(grads) || grads;
  if (node.retained) {
    for (const [nr, x] of node.retained) {
      const g = grads[nr] ?? null;
      if (g) x.grad = x.grad === null ? g.clone() : x.grad.add(g);
    }
  }
  return grads;
}

function runNode(node: Node, pass: Pass): void {
  const { captures, results, options } = pass;
  const p = node.pending!;
  for (let k = 0; k < node.results; k++) p.grads[k] ??= null;
  if (node instanceof AccumulateGrad) {
    if (captures !== null) {
      let g = p.grads[0] ?? null;
      const hooks = node.variable.extras?.hooks;
      if (hooks && g) for (const hook of hooks.values()) g = hook(g) || g;
      for (const { slot } of captures.get(node) ?? []) results[slot] = g;
      return;
    }
    soleOwner.current = (p.owned & 1) !== 0 ? (p.grads[0] ?? null) : null;
    if (devices.mixed) onDeviceOfGradients(p.grads, () => node.apply(p.grads));
    else node.apply(p.grads);
    soleOwner.current = null;
    return;
  }
  const grads = runPreHooks(node, p);
  const captured = captures?.get(node);
  if (captured) {
    p.owned = 0;
    for (const { nr, slot } of captured) results[slot] = grads[nr] ?? null;
  }
  const leadsOn = captures === null || leadsToWanted(node);
  let out: Gradients = [];
  if (p.wanted && leadsOn && hasGradient(grads)) {
    try {
      out = devices.mixed ? onDeviceOfGradients(grads, () => node.apply(grads)) : node.apply(grads);
    } catch (error) {
      if (node.stack && error instanceof Error) error.message += `\nThe forward call that made ${node.name()}:\n${node.stack}`;
      throw error;
    }
    if (isAnomalyEnabled()) checkForNaN(node, out);
    if (node.hooks) {
      p.owned = 0;
      for (const hook of node.hooks.values()) out = hook([...out], grads) || out;
    }
    if (!options.retainGraph) node.release();
  }
  passOn(node, p, out, pass);
}

function hasGradient(grads: readonly (Tensor | null)[]): boolean {
  for (let i = 0; i < grads.length; i++) if (grads[i]) return true;
  return false;
}

/**
 * Hands the gradients on. What an op's own derivative computed is held by nobody else: the engine may add into it, and gives its memory back once it was used.
 */
function passOn(node: Node, p: Pending, out: Gradients, pass: Pass): void {
  const { createGraph } = pass.options;
  const next = node.next;
  const exclusive = !createGraph && node instanceof OpNode && node.hooks === null && !node.op.keepsGradients;
  for (let i = 0; i < next.length; i++) {
    const to = next[i];
    if (!to) continue;
    const q = to.pending!;
    const g = out[i] ?? null;
    if (g !== null && q.wanted) addGradient(q, node.nextNr[i]!, g, exclusive && isOnlyHolder(g, i, out, p), createGraph);
    if (--q.waiting === 0) pass.queue.push(to);
  }
  if (!exclusive) return;
  for (let k = 0; k < p.grads.length; k++) {
    const g = p.grads[k];
    if (g && k < 31 && (p.owned & (1 << k)) !== 0 && !out.some((o) => o !== null && o.storage === g.storage)) runtime.release(g);
  }
}

/** Whether the memory of out[i] is shared with no other result and not with an incoming gradient that somebody else holds. */
function isOnlyHolder(g: Tensor, i: number, out: Gradients, p: Pending): boolean {
  for (let k = 0; k < out.length; k++) if (k !== i && out[k] && out[k]!.storage === g.storage) return false;
  for (let k = 0; k < p.grads.length; k++) {
    if (p.grads[k] && p.grads[k]!.storage === g.storage) return k < 31 && (p.owned & (1 << k)) !== 0;
  }
  return g.base === null;
}

function checkForNaN(node: Node, out: readonly (Tensor | null)[]): void {
  out.forEach((g, i) => {
    if (g?.dtype.isFloatingPoint && runtime.withoutGrad(() => g.ne(g).any().item())) {
      throw new AutogradError(
        `Function '${node.name()}' returned nan values in its ${i}th output.`,
        node.stack ? `the forward call that made it:\n${node.stack}` : undefined,
      );
    }
  });
}
