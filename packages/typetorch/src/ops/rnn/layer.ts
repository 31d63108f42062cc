/**
 * One direction of one recurrent layer over a whole sequence, as one op. The input projection of all steps is one matrix product; each step is one matrix product
 * on the hidden state and one kernel; backward gathers the weights' gradients of all steps in one matrix product each.
 */
import type { DType } from "../../core/dtype.ts";
import type { Operand } from "../../backends/backend.ts";
import { computeType, type Expr, input } from "../../ir/expr.ts";
import type { MapSpec } from "../../ir/spec.ts";
import { ShapeError } from "../../core/errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { cat, stack } from "../memory/cat.ts";
import { defineOp, type Gradients, type Op, type Saved } from "../op.ts";
import { runtime } from "../runtime.ts";
import { type Cell, type CellValues, gruCell, lstmCell, reluCell, tanhCell } from "./cells.ts";

interface LayerAttributes {
  /** The input is (batch, time, features) instead of (time, batch, features). */
  readonly batchFirst: boolean;
  /** From the last step to the first. */
  readonly reverse: boolean;
}

/** Sizes and memory order of one call. */
interface Geometry {
  readonly steps: number;
  readonly batch: number;
  readonly hidden: number;
  /** Elements from a step to the next, and from a batch row to the next, in a buffer with `width` features. */
  step(width: number): number;
  row(width: number): number;
  shape(width: number): number[];
  /** Time steps in the order of computation. */
  readonly order: readonly number[];
}

function geometryOf(x: Tensor, hidden: number, { batchFirst, reverse }: LayerAttributes): Geometry {
  const [first, second] = x.shape as [number, number, number];
  const steps = batchFirst ? second : first;
  const batch = batchFirst ? first : second;
  const order = Array.from({ length: steps }, (_, t) => (reverse ? steps - 1 - t : t));
  return {
    steps,
    batch,
    hidden,
    step: (width) => (batchFirst ? width : width * batch),
    row: (width) => (batchFirst ? width * steps : width),
    shape: (width) => (batchFirst ? [batch, steps, width] : [steps, batch, width]),
    order,
  };
}

/** Columns `from` to `from + width` of one time step of a buffer with `total` features: (batch, width). */
function stepView(buffer: Tensor, geometry: Geometry, t: number, total: number, from = 0, width = total): Operand {
  return {
    storage: buffer.storage,
    storageOffset: buffer.storageOffset + t * geometry.step(total) + from,
    shape: [geometry.batch, width],
    strides: [geometry.row(total), 1],
    dtype: buffer.dtype,
  };
}

function matrix(x: Tensor, rows: number, columns: number): Operand {
  return { storage: x.storage, storageOffset: x.storageOffset, shape: [rows, columns], strides: [columns, 1], dtype: x.dtype };
}
function transposed(x: Operand): Operand {
  return { ...x, shape: [x.shape[1]!, x.shape[0]!], strides: [x.strides[1]!, x.strides[0]!] };
}
/** A bias (n) as every row of (m, n). */
function rowBias(bias: Tensor, rows: number): Operand {
  return {
    storage: bias.storage,
    storageOffset: bias.storageOffset,
    shape: [rows, bias.shape[0]!],
    strides: [0, bias.strides[0]!],
    dtype: bias.dtype,
  };
}

function multiply(like: Tensor, a: Operand, b: Operand, out: Operand, beta = 0, bias: Operand | null = null): void {
  runtime.backendOf(like).gemm({ a, b, out, alpha: 1, beta, bias, activation: "none" });
}

/** The op's inputs by name. */
function unpack(cell: Cell, inputs: readonly Tensor[], hasBias: boolean) {
  let k = 0;
  const x = inputs[k++]!;
  const h0 = inputs[k++]!;
  const c0 = cell.hasCellState ? inputs[k++]! : null;
  const wIh = inputs[k++]!;
  const wHh = inputs[k++]!;
  const bIh = hasBias ? inputs[k++]! : null;
  const bHh = hasBias ? inputs[k++]! : null;
  return { x, h0, c0, wIh, wHh, bIh, bHh };
}

interface Kernels {
  readonly forward: MapSpec;
  readonly backward: MapSpec;
}

function buildKernels(cell: Cell, dtype: DType): Kernels {
  const type = computeType(dtype);
  const take = (count: number, from: number) => Array.from({ length: count }, (_, k) => input(from + k, type));
  const spec = (name: string, inputs: number, values: readonly Expr[]): MapSpec => ({
    kind: "map",
    name: `${cell.name}_${name}`,
    inputs: new Array<DType>(inputs).fill(dtype),
    outputs: values.map((value) => ({ dtype, value })),
    params: 0,
    compiled: null,
  });
  // Forward: z…, (y…, hPrev), (cPrev) -> gates…, h, (c)
  const n = cell.gates;
  let k = n;
  const z = take(n, 0);
  const y = cell.separate ? take(n, k) : [];
  if (cell.separate) k += n;
  const none = z[0]!;
  const hPrev = cell.separate ? input(k++, type) : none;
  const cPrev = cell.hasCellState ? input(k++, type) : none;
  const step = cell.forward<Expr>(z, y, hPrev, cPrev);
  const forward = spec("step", k, [...step.gates, step.h, ...(step.c === null ? [] : [step.c])]);
  // Backward: dh of the output, dh from the step after, gates…, (y…, hPrev), (dc, c, cPrev) -> dz…, (dy of the last gate), (dhPrev), (dcPrev)
  k = 2;
  const dh = input(0, type).add(input(1, type));
  const gates = take(n, k);
  k += n;
  const yb = cell.separate ? take(n, k) : [];
  if (cell.separate) k += n;
  const hPrevB = cell.separate ? input(k++, type) : none;
  const [dc, c, cPrevB] = cell.hasCellState ? [input(k++, type), input(k++, type), input(k++, type)] : [none, none, none];
  const g = cell.backward<Expr>(dh, dc!, { gates, y: yb, hPrev: hPrevB, c: c!, cPrev: cPrevB! });
  const outputs = [...g.dz];
  if (cell.separate) outputs.push(...g.dy);
  if (g.dhPrev !== null) outputs.push(g.dhPrev);
  if (g.dcPrev !== null) outputs.push(g.dcPrev);
  return { forward, backward: spec("step_backward", k, outputs) };
}

function defineLayer(cell: Cell, hasBias: boolean): Op<LayerAttributes> {
  const kernels = new Map<DType, Kernels>();
  const kernelsFor = (dtype: DType): Kernels => {
    let found = kernels.get(dtype);
    if (found === undefined) {
      found = buildKernels(cell, dtype);
      kernels.set(dtype, found);
    }
    return found;
  };

  function run(inputs: readonly Tensor[], attributes: LayerAttributes, extra: Tensor[] | null): Tensor[] {
    const { x, h0, c0, wIh, wHh, bIh, bHh } = unpack(cell, inputs, hasBias);
    const hidden = h0.shape[1]!;
    const features = x.shape[2]!;
    const width = cell.gates * hidden;
    const geometry = geometryOf(x, hidden, attributes);
    const { steps, batch, order } = geometry;
    const { dtype } = x;
    const backend = runtime.backendOf(x);
    const spec = kernelsFor(dtype).forward;

    const z = runtime.empty(geometry.shape(width), dtype);
    const bias = bIh === null ? null : cell.separate ? bIh : bIh.add(bHh!);
    const rows = steps * batch;
    multiply(
      x,
      matrix(x, rows, features),
      transposed(matrix(wIh, width, features)),
      matrix(z, rows, width),
      0,
      bias === null ? null : rowBias(bias, rows),
    );
    const y = cell.separate ? runtime.empty(geometry.shape(width), dtype) : null;
    const yBias = y !== null && bHh !== null ? rowBias(bHh, batch) : null;
    const out = runtime.empty(geometry.shape(hidden), dtype);
    const cells = c0 === null ? null : runtime.empty(geometry.shape(hidden), dtype);
    // The step products read the weight row by row: transposed once instead of in every step.
    const weight = matrix(wHh.t().contiguous(), hidden, width);

    let hPrev: Operand = matrix(h0, batch, hidden);
    let cPrev: Operand | null = c0 === null ? null : matrix(c0, batch, hidden);
    for (const t of order) {
      const gates = Array.from({ length: cell.gates }, (_, k) => stepView(z, geometry, t, width, k * hidden, hidden));
      const operands: Operand[] = [...gates];
      if (y === null) multiply(x, hPrev, weight, stepView(z, geometry, t, width), 1);
      else {
        multiply(x, hPrev, weight, stepView(y, geometry, t, width), 0, yBias);
        for (let k = 0; k < cell.gates; k++) operands.push(stepView(y, geometry, t, width, k * hidden, hidden));
        operands.push(hPrev);
      }
      if (cPrev !== null) operands.push(cPrev);
      const h = stepView(out, geometry, t, hidden);
      const results: Operand[] = [...gates, h];
      hPrev = h;
      if (cells !== null) {
        cPrev = stepView(cells, geometry, t, hidden);
        results.push(cPrev);
      }
      backend.map(spec, h.shape, operands, results, []);
    }
    const last = order[steps - 1]!;
    const timeDim = attributes.batchFirst ? 1 : 0;
    const results = [out, out.select(timeDim, last).clone()];
    if (cells !== null) results.push(cells.select(timeDim, last).clone());
    if (extra !== null) {
      extra.push(z);
      if (cells !== null) extra.push(cells);
      if (y !== null) extra.push(y);
    }
    return results;
  }

  function backward(grads: Gradients, saved: Saved<LayerAttributes>): Gradients {
    const { attributes } = saved;
    const inputs = inputNumbers.map((i) => saved.input(i));
    if (runtime.recording([...grads, ...inputs])) return deriveWithTensors(cell, grads, inputs, attributes, hasBias);

    const { x, h0, c0, wIh, wHh } = unpack(cell, inputs, hasBias);
    const hidden = h0.shape[1]!;
    const features = x.shape[2]!;
    const width = cell.gates * hidden;
    const geometry = geometryOf(x, hidden, attributes);
    const { steps, batch, order } = geometry;
    const { dtype } = x;
    const backend = runtime.backendOf(x);
    const spec = kernelsFor(dtype).backward;
    const out = saved.output(0);
    const z = saved.extra(0);
    const cells = cell.hasCellState ? saved.extra(1) : null;
    const y = cell.separate ? saved.extra(cell.hasCellState ? 2 : 1) : null;

    const gOut = grads[0] === null ? runtime.full(geometry.shape(hidden), 0, dtype) : grads[0]!.contiguous();
    const dz = runtime.empty(geometry.shape(width), dtype);
    const dy = y === null ? dz : runtime.empty(geometry.shape(width), dtype);
    const small = (g: Tensor | null | undefined): Tensor =>
      g === null || g === undefined ? runtime.full([batch, hidden], 0, dtype) : g.clone().contiguous();
    const dh = small(grads[1]);
    const dc = cells === null ? null : small(grads[2]);
    const dhOperand = matrix(dh, batch, hidden);
    const dcOperand = dc === null ? null : matrix(dc, batch, hidden);
    const weight = matrix(wHh, width, hidden);

    for (let s = steps - 1; s >= 0; s--) {
      const t = order[s]!;
      const before = s > 0 ? order[s - 1]! : -1;
      const columns = (buffer: Tensor) =>
        Array.from({ length: cell.gates }, (_, k) => stepView(buffer, geometry, t, width, k * hidden, hidden));
      const operands: Operand[] = [stepView(gOut, geometry, t, hidden), dhOperand, ...columns(z)];
      const results: Operand[] = columns(dz);
      if (y !== null) {
        operands.push(...columns(y));
        operands.push(before < 0 ? matrix(h0, batch, hidden) : stepView(out, geometry, before, hidden));
        results.push(...columns(dy), dhOperand);
      }
      if (cells !== null) {
        operands.push(dcOperand!, stepView(cells, geometry, t, hidden));
        operands.push(before < 0 ? matrix(c0!, batch, hidden) : stepView(cells, geometry, before, hidden));
        results.push(dcOperand!);
      }
      backend.map(spec, [batch, hidden], operands, results, []);
      multiply(x, stepView(dy, geometry, t, width), weight, dhOperand, cell.separate ? 1 : 0);
    }

    const rows = steps * batch;
    const result: (Tensor | null)[] = [];
    const index = cell.hasCellState ? 3 : 2;
    const product = (needed: boolean, shape: readonly number[], a: Operand, b: Operand): Tensor | null => {
      if (!needed) return null;
      const g = runtime.empty(shape, dtype);
      multiply(x, a, b, matrix(g, a.shape[0]!, b.shape[1]!));
      return g;
    };
    result.push(product(saved.needs(0), x.shape, matrix(dz, rows, width), matrix(wIh, width, features)));
    result.push(saved.needs(1) ? dh : null);
    if (dc !== null) result.push(saved.needs(2) ? dc : null);
    result.push(product(saved.needs(index), wIh.shape, transposed(matrix(dz, rows, width)), matrix(x, rows, features)));
    if (saved.needs(index + 1)) {
      const previous = previousStates(out, h0, geometry, attributes);
      result.push(product(true, wHh.shape, transposed(matrix(dy, rows, width)), matrix(previous, rows, hidden)));
    } else result.push(null);
    if (hasBias) {
      const sum = dz.view([rows, width]).sum(0);
      result.push(sum, y === null ? sum.clone() : dy.view([rows, width]).sum(0));
    }
    return result;
  }

  const inputNumbers = Array.from({ length: (cell.hasCellState ? 5 : 4) + (hasBias ? 2 : 0) }, (_, i) => i);
  return defineOp<LayerAttributes>({
    name: `${cell.name}_layer`,
    saves: { inputs: inputNumbers, outputs: [0] },
    run: (inputs, attributes, extra) => runtime.withoutGrad(() => run(inputs, attributes, extra)),
    backward,
  });
}

/** The hidden state that each step started from, in the memory order of `out`. */
function previousStates(out: Tensor, h0: Tensor, geometry: Geometry, { batchFirst }: LayerAttributes): Tensor {
  const { order, hidden, batch } = geometry;
  const previous = runtime.empty(out.shape, out.dtype);
  const timeDim = batchFirst ? 1 : 0;
  previous.select(timeDim, order[0]!).copy_(h0.view([batch, hidden]));
  const steps = order.length;
  if (steps > 1) {
    const reverse = order[0] !== 0;
    previous.narrow(timeDim, reverse ? 0 : 1, steps - 1).copy_(out.narrow(timeDim, reverse ? 1 : 0, steps - 1));
  }
  return previous;
}

/** The same derivative with tensors, from the inputs alone, so that it can be differentiated again. */
function deriveWithTensors(
  cell: Cell,
  grads: Gradients,
  inputs: readonly Tensor[],
  attributes: LayerAttributes,
  hasBias: boolean,
): Gradients {
  const { x, h0, c0, wIh, wHh, bIh, bHh } = unpack(cell, inputs, hasBias);
  const { order } = geometryOf(x, h0.shape[1]!, attributes);
  const timeDim = attributes.batchFirst ? 1 : 0;
  const split = (v: Tensor): Tensor[] => v.chunk(cell.gates, 1);
  const project = (v: Tensor, weight: Tensor, bias: Tensor | null) => {
    const product = v.matmul(weight.t());
    return bias === null ? product : product.add(bias);
  };
  const steps: { x: Tensor; values: CellValues<Tensor> }[] = [];
  let h = h0;
  let c = c0 ?? h0;
  for (const t of order) {
    const xt = x.select(timeDim, t);
    const zt = project(xt, wIh, bIh);
    const yt = project(h, wHh, bHh);
    const y = cell.separate ? split(yt) : [];
    const step = cell.forward<Tensor>(split(cell.separate ? zt : zt.add(yt)), y, h, c);
    const next = step.c ?? step.h;
    steps.push({ x: xt, values: { gates: step.gates, y, hPrev: h, c: next, cPrev: c } });
    h = step.h;
    c = next;
  }
  let dh = grads[1] ?? h0.mul(0);
  let dc = (cell.hasCellState ? grads[2] : null) ?? h0.mul(0);
  const dx: Tensor[] = new Array(order.length);
  let dwIh: Tensor | null = null;
  let dwHh: Tensor | null = null;
  let dbIh: Tensor | null = null;
  let dbHh: Tensor | null = null;
  const plus = (a: Tensor | null, b: Tensor) => (a === null ? b : a.add(b));
  for (let s = order.length - 1; s >= 0; s--) {
    const t = order[s]!;
    const { x: xt, values } = steps[s]!;
    const total = grads[0] === null ? dh : dh.add(grads[0]!.select(timeDim, t));
    const g = cell.backward<Tensor>(total, dc, values);
    const dz = cat([...g.dz], 1);
    const dy = cell.separate ? cat([...g.dy], 1) : dz;
    dx[t] = dz.matmul(wIh);
    dwIh = plus(dwIh, dz.t().matmul(xt));
    dwHh = plus(dwHh, dy.t().matmul(values.hPrev));
    dbIh = plus(dbIh, dz.sum(0));
    dbHh = plus(dbHh, dy.sum(0));
    dh = dy.matmul(wHh);
    if (g.dhPrev !== null) dh = dh.add(g.dhPrev);
    if (g.dcPrev !== null) dc = g.dcPrev;
  }
  const result: (Tensor | null)[] = [stack(dx, timeDim), dh];
  if (cell.hasCellState) result.push(dc);
  result.push(dwIh, dwHh);
  if (hasBias) result.push(dbIh, dbHh);
  return result;
}

/** The four cells by PyTorch's mode name; each op with and without biases. */
const layers = Object.fromEntries(
  Object.entries({ LSTM: lstmCell, GRU: gruCell, RNN_TANH: tanhCell, RNN_RELU: reluCell }).map(([mode, cell]) => [
    mode,
    { biased: defineLayer(cell, true), plain: defineLayer(cell, false) },
  ]),
);

export type RecurrentMode = "LSTM" | "GRU" | "RNN_TANH" | "RNN_RELU";

/** Weights of one direction of one layer: (gates * hidden, features), (gates * hidden, hidden), and two biases (gates * hidden) or none. */
export interface RecurrentWeights {
  readonly weightIh: Tensor;
  readonly weightHh: Tensor;
  readonly biasIh: Tensor | null;
  readonly biasHh: Tensor | null;
}

/**
 * Runs one direction of one layer over a sequence: input (time, batch, features), or (batch, time, features) with `batchFirst`, states (batch, hidden) -> the
 * outputs of all steps, and the last states.
 */
export function recurrentLayer(
  mode: RecurrentMode,
  x: Tensor,
  h0: Tensor,
  c0: Tensor | null,
  weights: RecurrentWeights,
  options: { batchFirst?: boolean; reverse?: boolean } = {},
): { output: Tensor; h: Tensor; c: Tensor | null } {
  const { weightIh, weightHh, biasIh, biasHh } = weights;
  const inputs = [x, h0];
  if (c0 !== null) inputs.push(c0);
  inputs.push(weightIh, weightHh);
  const hasBias = biasIh !== null && biasHh !== null;
  if (hasBias) inputs.push(biasIh, biasHh);
  const op = hasBias ? layers[mode]!.biased : layers[mode]!.plain;
  const { batchFirst = false, reverse = false } = options;
  if (x.shape[batchFirst ? 1 : 0] === 0) throw new ShapeError("Expected sequence length to be larger than 0 in RNN");
  const [output, h, c] = runtime.callMany(
    op,
    inputs.map((tensor) => tensor.contiguous()),
    { batchFirst, reverse },
  );
  return { output: output!, h: h!, c: c ?? null };
}
