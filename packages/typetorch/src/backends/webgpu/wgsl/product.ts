/**
 * Products of matrices in WGSL, the template of `gemm` and of convolutions: C = A B, where functions of the caller read A and B and store C.
 *
 * Three kernels compute it. `tiled` is for devices: a workgroup brings tiles of A and B into its memory, and an invocation holds a block of C in registers.
 * `direct` has no workgroup memory, for narrow products and for software adapters, where barriers cost more than everything else. Where C is small and k long,
 * k is cut into pieces whose products `finish` adds up in order, so that results do not depend on what ran first.
 */
import type { Operand } from "../../backend.ts";
import { deviceLayout } from "../layout.ts";
import { bufferOf } from "../memory.ts";
import type { GpuQueue } from "../queue.ts";
import { withDeclarations } from "./library.ts";
import { elementText } from "./render.ts";

/** What a product is: its texts, which depend on dtypes and on what is zero or one, and never on sizes. */
export interface ProductText {
  readonly name: string;
  /**
   * WGSL: types RowOfA, ColumnOfB and Step, places in A, B and along k taken apart as the reads need them; `fn a_row(batch: u32, row: u32) -> RowOfA`,
   * `fn b_column(batch: u32, column: u32) -> ColumnOfB`, `fn step_of(k: u32) -> Step`, `fn next_step(step: Step) -> Step`, `fn a_at(row: RowOfA, step: Step) -> f32`,
   * `fn b_at(column: ColumnOfB, step: Step) -> f32`, and last `fn store(batch: u32, row: u32, column: u32, value: f32)`. Buffers are `b0`, `b1`, … in the order
   * of the operands, arguments `args.name`.
   */
  readonly functions: string;
  /** Whether neighbours in memory are neighbours along k, in A and in B. */
  readonly aAlongK: boolean;
  readonly bAlongK: boolean;
  /** Arguments beyond the template's own: u32, or f32 where the name ends with `_f32`. */
  readonly names: readonly string[];
}

/** Operands by binding: the last one is written. No two share a storage unless both are only read. */
export interface ProductCall {
  readonly operands: readonly Operand[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: number;
  readonly values: readonly number[];
}

interface TileShape {
  /** Rows and columns of C for a workgroup, and for an invocation. */
  readonly rows: number;
  readonly columns: number;
  readonly perRows: 4 | 8;
  readonly perColumns: 4 | 8;
}

export const tileShapes: readonly TileShape[] = [
  { rows: 128, columns: 128, perRows: 8, perColumns: 8 },
  { rows: 64, columns: 64, perRows: 4, perColumns: 4 },
  { rows: 32, columns: 32, perRows: 4, perColumns: 4 },
];
/** Steps of k that a workgroup brings in at once. */
const depth = 16;
/** Workgroups that keep a device busy. */
const enough = 256;

const own = ["zero", "m", "n", "k", "row_base", "column_base", "batch_base", "batches", "splits", "piece"] as const;

/** Whether an operand can be read or written by these kernels: a float in device memory. */
export function isFloatOperand(x: Operand, queue: GpuQueue): boolean {
  const { key } = x.dtype;
  return (key === "f32" || key === "f16" || key === "bf16") && deviceLayout(x.dtype, queue.features.f16) !== null;
}

/** The element of buffer `b{binding}` at a position, as f32. */
export function elementOf(binding: number, x: Operand, queue: GpuQueue, at: string): string {
  const element = `b${binding}[${at}]`;
  return deviceLayout(x.dtype, queue.features.f16)!.wgsl === "f16" ? `f32(${element})` : element;
}

/** A value as buffers of this operand's dtype take it. */
export function storedElement(x: Operand, queue: GpuQueue, value: string): string {
  return elementText(x.dtype, value, deviceLayout(x.dtype, queue.features.f16)!);
}

/** What `choose` would choose, given by a test: a kernel, and how many pieces of work are wanted. @internal */
export const chosen: { kind: Kind | null; wanted: number | null } = { kind: null, wanted: null };

type Kind = { readonly kind: "direct"; readonly rows: 1 | 4 | 8 } | { readonly kind: "tiled"; readonly shape: TileShape };

const pipelines = new WeakMap<GpuQueue, Map<string, number>>();
let block = new DataView(new ArrayBuffer(512));

/** Enqueues a product. `text` gives its texts; it is called once for each `name`. Everything is positive. */
export function runProduct(queue: GpuQueue, name: string, text: () => ProductText, call: ProductCall): void {
  const { m, n, k, batch } = call;
  const key = queue.features.f16 ? `${name} f16` : name;
  const kind = chosen.kind ?? choose(queue, m, n, batch);
  const [tileRows, tileColumns] = kind.kind === "tiled" ? [kind.shape.rows, kind.shape.columns] : [8 * kind.rows, 32];
  const tiles = Math.ceil(m / tileRows) * Math.ceil(n / tileColumns) * batch;
  const most = queue.limits.maxComputeWorkgroupsPerDimension;

  // pieces of k, when there are too few tiles
  const wanted = chosen.wanted ?? (queue.features.software ? 16 : enough);
  let splits = Math.max(1, Math.min(Math.ceil(wanted / tiles), Math.floor(k / (8 * depth)), Math.floor(most / batch)));
  const piece = Math.ceil(k / splits / depth) * depth;
  splits = Math.ceil(k / piece);

  const names = [...own, ...textOf(key, text).names];
  const words = Math.ceil(names.length / 4) * 4;
  if (block.byteLength < words * 4) block = new DataView(new ArrayBuffer(words * 8));
  const put = (name: string, value: number): void => block.setUint32(names.indexOf(name) * 4, value, true);
  const values = [0, m, n, k, 0, 0, 0, batch, splits, piece, ...call.values];
  names.forEach((name, at) => {
    if (name.endsWith("_f32")) block.setFloat32(at * 4, values[at]!, true);
    else block.setUint32(at * 4, values[at]!, true);
  });
  const args = new Uint8Array(block.buffer, 0, words * 4);
  const last = call.operands.length - 1;
  const buffers = call.operands.map(({ storage }, binding) => bufferOf(storage, binding === last ? "read_write" : "read"));
  const partial = splits > 1 ? queue.createBuffer(splits * batch * m * n * 4) : null;
  if (partial !== null) buffers[last] = partial;

  const pipeline = pipelineOf(queue, key, text, call.operands, kind, partial !== null);
  const rowsAtOnce = most * tileRows;
  const columnsAtOnce = most * tileColumns;
  const batchesAtOnce = Math.floor(most / splits);
  for (let b = 0; b < batch; b += batchesAtOnce) {
    put("batch_base", b);
    for (let row = 0; row < m; row += rowsAtOnce) {
      put("row_base", row);
      for (let column = 0; column < n; column += columnsAtOnce) {
        put("column_base", column);
        const x = Math.ceil(Math.min(n - column, columnsAtOnce) / tileColumns);
        const y = Math.ceil(Math.min(m - row, rowsAtOnce) / tileRows);
        queue.dispatch(pipeline, buffers, args, x, y, Math.min(batch - b, batchesAtOnce) * splits);
      }
    }
  }
  if (partial === null) return;

  const finish = pipelineOf(queue, key, text, call.operands, "finish", true);
  const finishBuffers = [...buffers.slice(0, last), bufferOf(call.operands[last]!.storage, "read_write"), partial];
  const groups = Math.ceil((batch * m * n) / 64);
  const groupsY = Math.ceil(groups / most);
  put("batch_base", 0);
  queue.dispatch(finish, finishBuffers, args, Math.ceil(groups / groupsY), groupsY, 1);
  queue.destroyBuffer(partial);
}

/** Narrow products and software adapters have no use for workgroup memory; otherwise the largest tile of which there are enough. */
function choose(queue: GpuQueue, m: number, n: number, batch: number): Kind {
  if (queue.features.software || m <= 8 || n <= 8) return { kind: "direct", rows: m < 3 ? 1 : m < 8 ? 4 : 8 };
  const shape = tileShapes.find((s) => Math.ceil(m / s.rows) * Math.ceil(n / s.columns) * batch >= enough / 2);
  return { kind: "tiled", shape: shape ?? tileShapes.at(-1)! };
}

const texts = new Map<string, ProductText>();

function textOf(key: string, text: () => ProductText): ProductText {
  let known = texts.get(key);
  if (known === undefined) {
    known = text();
    texts.set(key, known);
  }
  return known;
}

function pipelineOf(
  queue: GpuQueue,
  key: string,
  text: () => ProductText,
  operands: readonly Operand[],
  kind: Kind | "finish",
  partial: boolean,
): number {
  const kindKey =
    kind === "finish"
      ? "finish"
      : kind.kind === "direct"
        ? `direct ${kind.rows}`
        : `tiled ${kind.shape.rows}x${kind.shape.columns}`;
  const full = `${key} ${kindKey}${partial ? " partial" : ""}`;
  let known = pipelines.get(queue);
  if (known === undefined) {
    known = new Map();
    pipelines.set(queue, known);
  }
  let pipeline = known.get(full);
  if (pipeline === undefined) {
    const product = textOf(key, text);
    const last = operands.length - 1;
    const hasPartial = kind === "finish";
    const bindings = operands.map((_, binding) => (binding === last ? "read_write" : "read") as "read" | "read_write");
    const names = [...own, ...product.names];
    pipeline = queue.pipeline(
      full,
      () => render(product, names, operands, queue, kind, partial),
      hasPartial ? [...bindings, "read"] : bindings,
      Math.ceil(names.length / 4) * 16,
    );
    known.set(full, pipeline);
  }
  return pipeline;
}

function render(
  product: ProductText,
  names: readonly string[],
  operands: readonly Operand[],
  queue: GpuQueue,
  kind: Kind | "finish",
  partial: boolean,
): string {
  const last = operands.length - 1;
  const half = operands.some((x) => deviceLayout(x.dtype, queue.features.f16)!.wgsl === "f16");
  const buffers = operands.map((x, binding) => {
    const element = deviceLayout(x.dtype, queue.features.f16)!.wgsl;
    if (binding < last) return `@group(0) @binding(${binding}) var<storage, read> b${binding}: array<${element}>;`;
    const target = partial && kind !== "finish" ? "partial" : `b${binding}`;
    return `@group(0) @binding(${binding}) var<storage, read_write> ${target}: array<${target === "partial" ? "f32" : element}>;`;
  });
  if (kind === "finish") buffers.push(`@group(0) @binding(${operands.length}) var<storage, read> partial: array<f32>;`);
  const fields = names.map((name) => `${name}: ${name.endsWith("_f32") ? "f32" : "u32"}`);
  for (let k = names.length; k % 4 !== 0; k++) fields.push(`unused${k}: u32`);
  const functions = partial && kind !== "finish" ? withoutStore(product.functions) : product.functions;
  const body = kind === "finish" ? finishText : kind.kind === "direct" ? directText(kind.rows) : tiledText(product, kind.shape);
  const text = [
    `struct Arguments { ${fields.join(", ")} }`,
    ...buffers,
    `@group(0) @binding(${buffers.length}) var<uniform> args: Arguments;`,
    functions,
    partial && kind !== "finish" ? partialStore : "",
    body.replaceAll("STORE(", partial && kind !== "finish" ? "store_piece(split, " : "store("),
  ].join("\n");
  return `${half ? "enable f16;\n" : ""}${withDeclarations(text, "args.zero", () => undefined)}`;
}

/** The functions but `store`, which stands last. */
function withoutStore(functions: string): string {
  return functions.slice(0, functions.indexOf("fn store("));
}

/** Products of pieces of k, one after the other. */
const partialStore = /* wgsl */ `
fn store_piece(split: u32, batch: u32, row: u32, column: u32, value: f32) {
  partial[((split * args.batches + batch) * args.m + row) * args.n + column] = value;
}`;

const finishText = /* wgsl */ `
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let at = (group.y * groups.x + group.x) * 64u + lane;
  let size = args.m * args.n;
  let total = args.batches * size;
  if (at >= total) { return; }
  var sum = 0.0;
  for (var split = 0u; split < args.splits; split += 1u) { sum += partial[split * total + at]; }
  let rest = at % size;
  store(at / size, rest / args.n, rest % args.n, sum);
}`;

/** Statements for each number below `count`. */
function each(count: number, line: (i: number) => string, separator = "\n  "): string {
  return Array.from({ length: count }, (_, i) => line(i)).join(separator);
}

/** Which product and which piece of k. `STORE(batch, row, column, value)` in the texts is the caller's `store`, or keeps the product of a piece. */
const place = /* wgsl */ `
  let batch = args.batch_base + group.z / args.splits;
  let split = group.z % args.splits;
  let begin = split * args.piece;
  let end = min(args.k, begin + args.piece);`;

/** An invocation computes `rows` x 4 of C from what it reads itself; a workgroup 8 x 8 of those. */
function directText(rows: number): string {
  return /* wgsl */ `
@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {${place}
  let row = args.row_base + (group.y * 8u + lane.y) * ${rows}u;
  let column = args.column_base + (group.x * 8u + lane.x) * 4u;
  if (row >= args.m || column >= args.n) { return; }
  ${each(rows, (r) => `let r${r} = a_row(batch, min(row + ${r}u, args.m - 1u)); var c${r} = vec4f();`)}
  ${each(4, (c) => `let q${c} = b_column(batch, min(column + ${c}u, args.n - 1u));`)}
  var step = step_of(begin);
  for (var k = begin; k < end; k += 1u) {
    let b = vec4f(${each(4, (c) => `b_at(q${c}, step)`, ", ")});
    ${each(rows, (r) => `c${r} = fma(vec4f(a_at(r${r}, step)), b, c${r});`)}
    step = next_step(step);
  }
  ${each(
    rows,
    (r) => `if (row + ${r}u < args.m) {
    ${each(4, (c) => `if (column + ${c}u < args.n) { STORE(batch, row + ${r}u, column + ${c}u, c${r}[${c}]); }`, "\n    ")}
  }`,
  )}
}`;
}

/**
 * A workgroup's tile: for each `depth` steps of k its invocations bring `rows` x depth of A and depth x `columns` of B into workgroup memory as vectors of four
 * rows or columns, and multiply them out. Rows and columns of an invocation come in fours that lie half a tile apart, so that neighbours read neighbours.
 */
function tiledText(product: ProductText, shape: TileShape): string {
  const { rows, columns, perRows, perColumns } = shape;
  const lanesX = columns / perColumns;
  const lanesY = rows / perRows;
  const lanes = lanesX * lanesY;
  const side = (name: "a" | "b", size: number, alongK: boolean) => {
    const fours = size / 4;
    const pitch = fours + 1; // the vectors of one column of a tile lie in different banks
    const loads = (fours * depth) / lanes;
    const vector = name === "a" ? "row" : "column";
    const limit = name === "a" ? "m" : "n";
    const four = (i: number) => (alongK ? `(lane + ${i * lanes}u) / ${depth}u` : `lane % ${fours}u`);
    const step = (i: number) => (alongK ? `lane % ${depth}u` : `(lane + ${i * lanes}u) / ${fours}u`);
    if (!alongK && lanes % fours !== 0) throw new Error(`a tile of ${rows}x${columns}`);
    const handles = alongK ? loads : 1;
    const declare = each(
      handles,
      (i) => `let ${name}_first${i} = ${vector}0 + (${four(i)}) * 4u;
  ${each(4, (c) => `let ${name}${i}_${c} = ${name}_${vector}(batch, min(${name}_first${i} + ${c}u, args.${limit} - 1u));`)}`,
    );
    const bring = each(loads, (i) => {
      const handle = alongK ? i : 0;
      const value = (c: number) => `${name}_at(${name}${handle}_${c}, at)`;
      return `let ${name}_k${i} = k0 + ${step(i)};
    var ${name}_v${i} = vec4f();
    if (${name}_k${i} < end) {
      let at = step_of(${name}_k${i});
      ${name}_v${i} = vec4f(${each(4, value, ", ")});
    }
    tile_${name}[(${step(i)}) * ${pitch}u + ${four(i)}] = ${name}_v${i};`;
    });
    return { pitch, declare, bring };
  };
  const a = side("a", rows, product.aAlongK);
  const b = side("b", columns, product.bAlongK);
  const bands = perRows / 4;
  const strips = perColumns / 4;
  const rowOf = (band: number) => `row0 + ${(band * rows) / bands}u + y * 4u`;
  const columnOf = (strip: number) => `column0 + ${(strip * columns) / strips}u + x * 4u`;
  const sums = each(bands * 4, (r) => each(strips, (s) => `var c${r}_${s} = vec4f();`, " "));
  const multiply = each(
    bands,
    (band) => `let u${band} = tile_a[kk * ${a.pitch}u + ${(band * rows) / bands / 4}u + y];
      ${each(4, (r) => each(strips, (s) => `c${band * 4 + r}_${s} = fma(vec4f(u${band}.${"xyzw"[r]}), v${s}, c${band * 4 + r}_${s});`, " "), "\n      ")}`,
    "\n      ",
  );
  const stores = each(bands * 4, (r) =>
    each(strips, (s) => `keep(batch, split, ${rowOf(r >> 2)} + ${r & 3}u, ${columnOf(s)}, c${r}_${s});`, " "),
  );
  return /* wgsl */ `
var<workgroup> tile_a: array<vec4f, ${a.pitch * depth}>;
var<workgroup> tile_b: array<vec4f, ${b.pitch * depth}>;
fn keep(batch: u32, split: u32, row: u32, column: u32, value: vec4f) {
  if (row >= args.m) { return; }
  ${each(4, (c) => `if (column + ${c}u < args.n) { STORE(batch, row, column + ${c}u, value[${c}]); }`)}
}
@compute @workgroup_size(${lanesX}, ${lanesY})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {${place}
  let x = lane % ${lanesX}u;
  let y = lane / ${lanesX}u;
  let row0 = args.row_base + group.y * ${rows}u;
  let column0 = args.column_base + group.x * ${columns}u;
  ${a.declare}
  ${b.declare}
  ${sums}
  for (var k0 = begin; k0 < end; k0 += ${depth}u) {
    ${a.bring}
    ${b.bring}
    workgroupBarrier();
    for (var kk = 0u; kk < ${depth}u; kk += 1u) {
      ${each(strips, (s) => `let v${s} = tile_b[kk * ${b.pitch}u + ${(s * columns) / strips / 4}u + x];`, "\n      ")}
      ${multiply}
    }
    workgroupBarrier();
  }
  ${stores}
}`;
}
