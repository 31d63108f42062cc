/**
 * Products of matrices on the device, see `Backend.gemm`.
 */
import type { GemmArguments, Operand } from "../../backend.ts";
import type { GpuQueue } from "../queue.ts";
import { subgroupMatrixGemm } from "./subgroupMatrix.ts";
import { elementOf, isFloatOperand, type ProductText, runProduct, storedElement } from "./product.ts";

const mostBatchDims = 3;

/** See `Renderer.gemm`. */
export function gemm(queue: GpuQueue, { a, b, out, alpha, beta, bias, activation }: GemmArguments): boolean {
  const inputs = bias === null ? [a, b] : [a, b, bias];
  if (activation !== "none" && activation !== "relu") return false;
  if (![...inputs, out].every((x) => isFloatOperand(x, queue))) return false;
  if (inputs.some((x) => x.storage === out.storage)) return false;
  const rank = out.shape.length;
  const m = out.shape[rank - 2]!;
  const n = out.shape[rank - 1]!;
  const k = a.shape[a.shape.length - 1]!;
  const dims = batchDims(a, b, out);
  if (dims.length > mostBatchDims || k === 0) return false;
  const batch = dims.reduce((total, d) => total * d.size, 1);
  if (batch * m * n === 0) return true;
  if (subgroupMatrixGemm(queue, { a, b, out, alpha, beta, bias, activation })) return true;

  const [aRow, aStep] = lastStrides(a);
  const [bStep, bColumn] = lastStrides(b);
  const [cRow, cColumn] = lastStrides(out);
  const [biasRow, biasColumn] = bias === null ? [0, 0] : lastStrides(bias, m, n);
  const aAlongK = aStep === 1 || aRow !== 1;
  const bAlongK = bColumn !== 1;
  const key = `gemm ${inputs.map((x) => x.dtype.key).join(" ")} ${out.dtype.key} ${dims.length} ${aAlongK} ${bAlongK} ${beta !== 0} ${activation}`;
  const names = [
    ...["a_offset", "b_offset", "c_offset", "a_row_step", "a_k", "b_k", "b_column_step", "c_row", "c_column"],
    ...["bias_offset", "bias_row", "bias_column", "alpha_f32", "beta_f32"],
    ...dims.flatMap((_, d) => [`size${d}`, `a_batch${d}`, `b_batch${d}`, `c_batch${d}`]),
  ];
  const text = (): ProductText => {
    const offset = (x: "a" | "b" | "c") =>
      dims.map((_, d) => `let i${d} = rest % args.size${d}; rest /= args.size${d}; at += i${d} * args.${x}_batch${d};`).join(" ");
    const base = (x: "a" | "b" | "c") => `var at = args.${x}_offset; var rest = batch; ${offset(x)}`;
    const target = storedElement(out, queue, "y");
    return {
      name: "gemm",
      names,
      aAlongK,
      bAlongK,
      functions: /* wgsl */ `
alias RowOfA = u32;
alias ColumnOfB = u32;
alias Step = u32;
fn step_of(k: u32) -> u32 { return k; }
fn next_step(k: u32) -> u32 { return k + 1u; }
fn a_row(batch: u32, row: u32) -> u32 { ${base("a")} return at + row * args.a_row_step; }
fn a_at(row: u32, k: u32) -> f32 { return ${elementOf(0, a, queue, "row + k * args.a_k")}; }
fn b_column(batch: u32, column: u32) -> u32 { ${base("b")} return at + column * args.b_column_step; }
fn b_at(column: u32, k: u32) -> f32 { return ${elementOf(1, b, queue, "column + k * args.b_k")}; }
fn store(batch: u32, row: u32, column: u32, value: f32) {
  ${base("c")}
  at += row * args.c_row + column * args.c_column;
  var y = args.alpha_f32 * value;
  ${beta === 0 ? "" : `y = fma(args.beta_f32, ${elementOf(inputs.length, out, queue, "at")}, y);`}
  ${bias === null ? "" : `y += ${elementOf(2, bias, queue, "args.bias_offset + row * args.bias_row + column * args.bias_column")};`}
  ${activation === "relu" ? "y = f32_max(y, 0.0);" : ""}
  b${inputs.length}[at] = ${target};
}`,
    };
  };
  const values = [
    ...[a.storageOffset, b.storageOffset, out.storageOffset, aRow, aStep, bStep, bColumn, cRow, cColumn],
    ...[bias?.storageOffset ?? 0, biasRow, biasColumn, alpha, beta],
    ...dims.flatMap((d) => [d.size, d.a, d.b, d.c]),
  ];
  runProduct(queue, key, text, { operands: [...inputs, out], m, n, k, batch, values });
  return true;
}

/** Strides of the last two dimensions; 0 where the operand is broadcast. */
function lastStrides(x: Operand, m = 0, n = 0): [row: number, column: number] {
  const rank = x.shape.length;
  const stride = (d: number, size: number) => (d < 0 || (size > 1 && x.shape[d] === 1) ? 0 : x.strides[d]!);
  return [stride(rank - 2, m), stride(rank - 1, n)];
}

interface BatchDim {
  readonly size: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

/** The batch dimensions, the fastest first, joined where all operands can. */
function batchDims(a: Operand, b: Operand, out: Operand): BatchDim[] {
  const dims: BatchDim[] = [];
  const rank = out.shape.length;
  for (let d = rank - 3; d >= 0; d--) {
    const size = out.shape[d]!;
    if (size === 1) continue;
    const strideOf = (x: Operand) => {
      const at = d + x.shape.length - rank;
      return at < 0 || x.shape[at] === 1 ? 0 : x.strides[at]!;
    };
    const [aStride, bStride, cStride] = [strideOf(a), strideOf(b), out.strides[d]!];
    const inner = dims.at(-1);
    if (inner && aStride === inner.a * inner.size && bStride === inner.b * inner.size && cStride === inner.c * inner.size)
      dims[dims.length - 1] = { ...inner, size: inner.size * size };
    else dims.push({ size, a: aStride, b: bStride, c: cStride });
  }
  return dims;
}
