/**
 * Convolutions on the device as products that read the image in place, see `Backend.convForward` and its derivatives. A batch of the product is a group.
 */
import type { Activation, ConvGeometry, Operand } from "../../backend.ts";
import type { GpuQueue } from "../queue.ts";
import { elementOf, isFloatOperand, type ProductText, runProduct, storedElement } from "./product.ts";

/** Sizes and strides of one convolution; arrays have an entry for each spatial dimension. */
interface Shape {
  readonly spatial: number;
  readonly samples: number;
  readonly groups: number;
  /** Channels of a group. */
  readonly inputs: number;
  readonly outputs: number;
  /** Elements of a filter's window, of the image and of the result in one channel. */
  readonly windowSize: number;
  readonly imageSize: number;
  readonly resultSize: number;
}

function shapeOf(x: Operand, weight: Operand, y: Operand, { groups }: ConvGeometry): Shape {
  const size = (t: Operand) => t.shape.slice(2).reduce((a, b) => a * b, 1);
  return {
    spatial: weight.shape.length - 2,
    samples: x.shape[0]!,
    groups,
    inputs: weight.shape[1]!,
    outputs: weight.shape[0]! / groups,
    windowSize: size(weight),
    imageSize: size(x),
    resultSize: size(y),
  };
}

/** Names and values of the arguments that all three have: geometry, and offset, strides and sizes of image, weight and result. */
function geometryArguments(x: Operand, weight: Operand, y: Operand, geometry: ConvGeometry, shape: Shape): [string[], number[]] {
  const names: string[] = [];
  const values: number[] = [];
  const add = (name: string, value: number): void => {
    names.push(name);
    values.push(value);
  };
  add("inputs", shape.inputs);
  add("outputs", shape.outputs);
  add("window_size", shape.windowSize);
  add("image_size", shape.imageSize);
  add("result_size", shape.resultSize);
  for (const [name, t] of [
    ["x", x],
    ["w", weight],
    ["y", y],
  ] as const) {
    add(`${name}_offset`, t.storageOffset);
    add(`${name}_outer`, t.strides[0]!);
    add(`${name}_channel`, t.strides[1]!);
    for (let d = 0; d < shape.spatial; d++) {
      add(`${name}_size${d}`, t.shape[2 + d]!);
      add(`${name}_step${d}`, t.strides[2 + d]!);
    }
  }
  for (let d = 0; d < shape.spatial; d++) {
    add(`stride${d}`, geometry.stride[d]!);
    add(`padding${d}`, geometry.padding[d]!);
    add(`dilation${d}`, geometry.dilation[d]!);
  }
  return [names, values];
}

/** Statements that take the number `rest` apart into `{prefix}0`, `{prefix}1`, … by the sizes `args.{sizes}d`, the last one fastest. */
function takeApart(prefix: string, sizes: string, spatial: number): string {
  let text = "";
  for (let d = spatial - 1; d >= 0; d--)
    text += d === 0 ? `let ${prefix}0 = rest; ` : `let ${prefix}${d} = rest % args.${sizes}${d}; rest /= args.${sizes}${d}; `;
  return text;
}

/** Sum over the spatial dimensions. */
function sum(spatial: number, term: (d: number) => string): string {
  return Array.from({ length: spatial }, (_, d) => term(d)).join(" + ");
}
function dims<T>(spatial: number, of: (d: number) => T): T[] {
  return Array.from({ length: spatial }, (_, d) => of(d));
}

function keyOf(kind: string, shape: Shape, operands: readonly Operand[]): string {
  return `conv ${kind} ${shape.spatial} ${operands.map((x) => x.dtype.key).join(" ")}`;
}

/** All floats, and what is written is not also read. */
function fits(queue: GpuQueue, inputs: readonly Operand[], out: Operand): boolean {
  return [...inputs, out].every((x) => isFloatOperand(x, queue)) && inputs.every((x) => x.storage !== out.storage);
}

/** k taken apart: what runs slowest, and a place in `args.{sizes}`, of which there are `args.{whole}`. */
function stepText(spatial: number, sizes: string, whole: string): string {
  const carry = dims(spatial - 1, (i) => {
    const d = spatial - 1 - i;
    return `if (step.p${d} < args.${sizes}${d}) { return step; } step.p${d} = 0u; step.p${d - 1} += 1u;`;
  });
  return /* wgsl */ `
struct Step { outer: u32, ${dims(spatial, (d) => `p${d}: u32`).join(", ")} }
fn step_of(k: u32) -> Step {
  var rest = k % args.${whole}; ${takeApart("p", sizes, spatial)}
  return Step(k / args.${whole}, ${dims(spatial, (d) => `p${d}`).join(", ")});
}
fn next_step(last: Step) -> Step {
  var step = last;
  step.p${spatial - 1} += 1u;
  ${carry.join("\n  ")}
  if (step.p0 < args.${sizes}0) { return step; }
  step.p0 = 0u;
  step.outer += 1u;
  return step;
}`;
}

/** See `Renderer.convForward`. Rows of A are output channels, columns of B pixels of the result. */
export function convForward(
  queue: GpuQueue,
  x: Operand,
  weight: Operand,
  bias: Operand | null,
  out: Operand,
  geometry: ConvGeometry,
  activation: Activation,
): boolean {
  const inputs = bias === null ? [x, weight] : [x, weight, bias];
  if ((activation !== "none" && activation !== "relu") || !fits(queue, inputs, out)) return false;
  const s = shapeOf(x, weight, out, geometry);
  const n = s.samples * s.resultSize;
  const k = s.inputs * s.windowSize;
  if (s.outputs * s.groups * n === 0) return true;
  if (k === 0) return false;
  const [names, values] = geometryArguments(x, weight, out, geometry, s);
  const target = inputs.length;
  const text = (): ProductText => ({
    name: "conv forward",
    names: [...names, "bias_offset", "bias_step"],
    aAlongK: true,
    bAlongK: false,
    functions: /* wgsl */ `
alias RowOfA = u32;${stepText(s.spatial, "w_size", "window_size")}
struct ColumnOfB { base: u32, ${dims(s.spatial, (d) => `p${d}: u32`).join(", ")} }
fn a_row(batch: u32, row: u32) -> u32 { return args.w_offset + (batch * args.outputs + row) * args.w_outer; }
fn a_at(row: u32, step: Step) -> f32 {
  let at = row + step.outer * args.w_channel + ${sum(s.spatial, (d) => `step.p${d} * args.w_step${d}`)};
  return ${elementOf(1, weight, queue, "at")};
}
fn b_column(batch: u32, column: u32) -> ColumnOfB {
  var rest = column % args.result_size; ${takeApart("o", "y_size", s.spatial)}
  let base = args.x_offset + (column / args.result_size) * args.x_outer + batch * args.inputs * args.x_channel;
  return ColumnOfB(base, ${dims(s.spatial, (d) => `o${d} * args.stride${d} - args.padding${d}`).join(", ")});
}
fn b_at(column: ColumnOfB, step: Step) -> f32 {
  ${dims(s.spatial, (d) => `let i${d} = column.p${d} + step.p${d} * args.dilation${d};`).join(" ")}
  // positions before the image wrap around to large ones
  if (${dims(s.spatial, (d) => `i${d} >= args.x_size${d}`).join(" || ")}) { return 0.0; }
  let at = column.base + step.outer * args.x_channel + ${sum(s.spatial, (d) => `i${d} * args.x_step${d}`)};
  return ${elementOf(0, x, queue, "at")};
}
fn store(batch: u32, row: u32, column: u32, value: f32) {
  var rest = column % args.result_size; ${takeApart("o", "y_size", s.spatial)}
  let channel = batch * args.outputs + row;
  let at = args.y_offset + (column / args.result_size) * args.y_outer + channel * args.y_channel + ${sum(s.spatial, (d) => `o${d} * args.y_step${d}`)};
  var y = value;
  ${bias === null ? "" : `y += ${elementOf(2, bias, queue, "args.bias_offset + channel * args.bias_step")};`}
  ${activation === "relu" ? "y = f32_max(y, 0.0);" : ""}
  b${target}[at] = ${storedElement(out, queue, "y")};
}`,
  });
  const key = keyOf(`forward ${activation} ${bias !== null}`, s, [...inputs, out]);
  runProduct(queue, key, text, {
    operands: [...inputs, out],
    m: s.outputs,
    n,
    k,
    batch: s.groups,
    values: [...values, bias?.storageOffset ?? 0, bias?.strides.at(-1) ?? 0],
  });
  return true;
}

/** See `Renderer.convBackwardInput`. Rows of A are input channels, columns of B pixels of the image. */
export function convBackwardInput(queue: GpuQueue, g: Operand, weight: Operand, gx: Operand, geometry: ConvGeometry): boolean {
  if (!fits(queue, [g, weight], gx)) return false;
  const s = shapeOf(gx, weight, g, geometry);
  const n = s.samples * s.imageSize;
  const k = s.outputs * s.windowSize;
  if (s.inputs * s.groups * n === 0) return true;
  if (k === 0) return false;
  const [names, values] = geometryArguments(gx, weight, g, geometry, s);
  const dense = geometry.stride.every((step) => step === 1);
  const text = (): ProductText => ({
    name: "conv backward input",
    names,
    aAlongK: true,
    bAlongK: false,
    functions: /* wgsl */ `
alias RowOfA = u32;${stepText(s.spatial, "w_size", "window_size")}
struct ColumnOfB { base: u32, ${dims(s.spatial, (d) => `p${d}: u32`).join(", ")} }
fn a_row(batch: u32, row: u32) -> u32 { return args.w_offset + batch * args.outputs * args.w_outer + row * args.w_channel; }
fn a_at(row: u32, step: Step) -> f32 {
  let at = row + step.outer * args.w_outer + ${sum(s.spatial, (d) => `step.p${d} * args.w_step${d}`)};
  return ${elementOf(1, weight, queue, "at")};
}
fn b_column(batch: u32, column: u32) -> ColumnOfB {
  var rest = column % args.image_size; ${takeApart("i", "x_size", s.spatial)}
  let base = args.y_offset + (column / args.image_size) * args.y_outer + batch * args.outputs * args.y_channel;
  return ColumnOfB(base, ${dims(s.spatial, (d) => `i${d} + args.padding${d}`).join(", ")});
}
fn b_at(column: ColumnOfB, step: Step) -> f32 {
  // a negative position wraps around to a large one
  ${dims(s.spatial, (d) => `let t${d} = column.p${d} - step.p${d} * args.dilation${d}; let o${d} = ${dense ? `t${d}` : `t${d} / args.stride${d}`};`).join("\n  ")}
  if (${dims(s.spatial, (d) => `${dense ? "" : `t${d} > 0x7fffffffu || o${d} * args.stride${d} != t${d} || `}o${d} >= args.y_size${d}`).join(" || ")}) { return 0.0; }
  let at = column.base + step.outer * args.y_channel + ${sum(s.spatial, (d) => `o${d} * args.y_step${d}`)};
  return ${elementOf(0, g, queue, "at")};
}
fn store(batch: u32, row: u32, column: u32, value: f32) {
  var rest = column % args.image_size; ${takeApart("i", "x_size", s.spatial)}
  let channel = batch * args.inputs + row;
  let at = args.x_offset + (column / args.image_size) * args.x_outer + channel * args.x_channel + ${sum(s.spatial, (d) => `i${d} * args.x_step${d}`)};
  b2[at] = ${storedElement(gx, queue, "value")};
}`,
  });
  runProduct(queue, keyOf(`backward input${dense ? "" : " strided"}`, s, [g, weight, gx]), text, {
    operands: [g, weight, gx],
    m: s.inputs,
    n,
    k,
    batch: s.groups,
    values,
  });
  return true;
}

/** See `Renderer.convBackwardWeight`. Rows of A are output channels, columns of B places in the window, and k runs over the pixels of the result. */
export function convBackwardWeight(queue: GpuQueue, g: Operand, x: Operand, gw: Operand, geometry: ConvGeometry): boolean {
  if (!fits(queue, [g, x], gw)) return false;
  const s = shapeOf(x, gw, g, geometry);
  const n = s.inputs * s.windowSize;
  const k = s.samples * s.resultSize;
  if (s.outputs * s.groups * n === 0) return true;
  if (k === 0) return false;
  const [names, values] = geometryArguments(x, gw, g, geometry, s);
  const text = (): ProductText => ({
    name: "conv backward weight",
    names,
    aAlongK: true,
    bAlongK: true,
    functions: /* wgsl */ `
alias RowOfA = u32;${stepText(s.spatial, "y_size", "result_size")}
struct ColumnOfB { base: u32, ${dims(s.spatial, (d) => `p${d}: u32`).join(", ")} }
fn a_row(batch: u32, row: u32) -> u32 { return args.y_offset + (batch * args.outputs + row) * args.y_channel; }
fn a_at(row: u32, step: Step) -> f32 {
  let at = row + step.outer * args.y_outer + ${sum(s.spatial, (d) => `step.p${d} * args.y_step${d}`)};
  return ${elementOf(0, g, queue, "at")};
}
fn b_column(batch: u32, column: u32) -> ColumnOfB {
  var rest = column % args.window_size; ${takeApart("w", "w_size", s.spatial)}
  let base = args.x_offset + (batch * args.inputs + column / args.window_size) * args.x_channel;
  return ColumnOfB(base, ${dims(s.spatial, (d) => `w${d} * args.dilation${d} - args.padding${d}`).join(", ")});
}
fn b_at(column: ColumnOfB, step: Step) -> f32 {
  ${dims(s.spatial, (d) => `let i${d} = column.p${d} + step.p${d} * args.stride${d};`).join(" ")}
  if (${dims(s.spatial, (d) => `i${d} >= args.x_size${d}`).join(" || ")}) { return 0.0; }
  let at = column.base + step.outer * args.x_outer + ${sum(s.spatial, (d) => `i${d} * args.x_step${d}`)};
  return ${elementOf(1, x, queue, "at")};
}
fn store(batch: u32, row: u32, column: u32, value: f32) {
  var rest = column % args.window_size; ${takeApart("w", "w_size", s.spatial)}
  let at = args.w_offset + (batch * args.outputs + row) * args.w_outer + (column / args.window_size) * args.w_channel + ${sum(s.spatial, (d) => `w${d} * args.w_step${d}`)};
  b2[at] = ${storedElement(gw, queue, "value")};
}`,
  });
  runProduct(queue, keyOf("backward weight", s, [g, x, gw]), text, {
    operands: [g, x, gw],
    m: s.outputs,
    n,
    k,
    batch: s.groups,
    values,
  });
  return true;
}
