/**
 * Products of half-precision matrices on the matrix units of a GPU, by the experimental extension `chromium_experimental_subgroup_matrix`. Only where
 * TYPETORCH_WEBGPU_SUBGROUP_MATRIX=1 asks for it, and for plain products whose sizes are multiples of the tiles; gemm.ts does the rest.
 */
import { float16, float32 } from "../../../core/dtype.ts";
import type { GemmArguments, Operand } from "../../backend.ts";
import { bufferOf } from "../memory.ts";
import type { GpuQueue, SubgroupMatrixShape } from "../queue.ts";

/** Matrices of the result that a subgroup holds along rows and along columns. */
const tile = 4;

/** One operand of a plain matrix: its rows or its columns lie one after the other. */
interface Layout {
  readonly columnMajor: boolean;
  readonly stride: number;
}

function layoutOf(x: Operand): Layout | null {
  const [row, column] = x.strides.slice(-2) as [number, number];
  if (column === 1) return { columnMajor: false, stride: row };
  return row === 1 ? { columnMajor: true, stride: column } : null;
}

/** Enqueues the product, or returns false when it is not one of those. */
export function subgroupMatrixGemm(queue: GpuQueue, { a, b, out, alpha, beta, bias, activation }: GemmArguments): boolean {
  const shape = queue.features.subgroupMatrix;
  if (shape === null || out.shape.length !== 2 || a.shape.length !== 2 || b.shape.length !== 2) return false;
  if (a.dtype !== float16 || b.dtype !== float16 || (out.dtype !== float16 && out.dtype !== float32)) return false;
  if (alpha !== 1 || beta !== 0 || bias !== null || activation !== "none") return false;
  const [m, n] = out.shape as [number, number];
  const k = a.shape[1]!;
  if (m % (tile * shape.m) !== 0 || n % (tile * shape.n) !== 0 || k % shape.k !== 0 || k === 0) return false;
  const [la, lb] = [layoutOf(a), layoutOf(b)];
  if (la === null || lb === null || out.strides[1] !== 1) return false;
  if (a.storage === out.storage || b.storage === out.storage) return false;

  const half = out.dtype === float16;
  const lanes = queue.features.subgroupMaxSize;
  const key = `subgroup matrix ${shape.m}x${shape.n}x${shape.k} ${la.columnMajor} ${lb.columnMajor} ${half} ${lanes}`;
  const text = () => subgroupMatrixText(shape, lanes, la.columnMajor, lb.columnMajor, half);
  const pipeline = queue.pipeline(key, text, ["read", "read", "read_write"], 32);
  const args = Uint32Array.of(k, a.storageOffset, b.storageOffset, out.storageOffset, la.stride, lb.stride, out.strides[0]!, 0);
  const buffers = [bufferOf(a.storage, "read"), bufferOf(b.storage, "read"), bufferOf(out.storage, "read_write")];
  queue.dispatch(pipeline, buffers, new Uint8Array(args.buffer), n / (tile * shape.n), m / (tile * shape.m), 1);
  return true;
}

const each = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join("\n  ");

/** A workgroup is one subgroup of `lanes`, and computes tile x tile matrices of the result. @internal */
export function subgroupMatrixText(
  { m, n, k }: SubgroupMatrixShape,
  lanes: number,
  aColumnMajor: boolean,
  bColumnMajor: boolean,
  half: boolean,
): string {
  const left = `subgroup_matrix_left<f16, ${k}, ${m}>`;
  const right = `subgroup_matrix_right<f16, ${n}, ${k}>`;
  const result = `subgroup_matrix_result<f32, ${n}, ${m}>`;
  const at = (row: string, column: string, stride: string, columnMajor: boolean) =>
    columnMajor ? `(${column}) * ${stride} + ${row}` : `(${row}) * ${stride} + ${column}`;
  const sums = (line: (i: number, j: number) => string) => each(tile, (i) => each(tile, (j) => line(i, j)));
  const direct = sums(
    (i, j) =>
      `subgroupMatrixStore(&c, args.c_offset + (row + ${i * m}u) * args.c_stride + column + ${j * n}u, c${i}_${j}, false, args.c_stride);`,
  );
  const rounded = sums(
    (i, j) => `subgroupMatrixStore(&stage, 0u, c${i}_${j}, false, ${n}u);
  workgroupBarrier();
  for (var e = lane; e < ${m * n}u; e += ${lanes}u) {
    c[args.c_offset + (row + ${i * m}u + e / ${n}u) * args.c_stride + column + ${j * n}u + e % ${n}u] = f16(stage[e]);
  }
  workgroupBarrier();`,
  );
  return /* wgsl */ `
enable f16;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
struct Arguments { k: u32, a_offset: u32, b_offset: u32, c_offset: u32, a_stride: u32, b_stride: u32, c_stride: u32, unused: u32 }
@group(0) @binding(0) var<storage, read> a: array<f16>;
@group(0) @binding(1) var<storage, read> b: array<f16>;
@group(0) @binding(2) var<storage, read_write> c: array<${half ? "f16" : "f32"}>;
@group(0) @binding(3) var<uniform> args: Arguments;
${half ? `var<workgroup> stage: array<f32, ${m * n}>;` : ""}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * ${tile * m}u;
  let column = group.x * ${tile * n}u;
  ${sums((i, j) => `var c${i}_${j}: ${result};`)}
  for (var k = 0u; k < args.k; k += ${k}u) {
    ${each(tile, (i) => `let a${i} = subgroupMatrixLoad<${left}>(&a, args.a_offset + ${at(`row + ${i * m}u`, "k", "args.a_stride", aColumnMajor)}, ${aColumnMajor}, args.a_stride);`)}
    ${each(tile, (j) => `let b${j} = subgroupMatrixLoad<${right}>(&b, args.b_offset + ${at("k", `column + ${j * n}u`, "args.b_stride", bColumnMajor)}, ${bColumnMajor}, args.b_stride);`)}
    ${sums((i, j) => `c${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, c${i}_${j});`)}
  }
  ${half ? rounded : direct}
}`;
}
