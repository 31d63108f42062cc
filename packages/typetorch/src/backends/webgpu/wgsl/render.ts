/**
 * Loop kernels as WGSL modules. A {@link Grid} says which loops become invocations of the GPU; the others run inside of one.
 */
import type { DType } from "../../../core/dtype.ts";
import { type Expr, type ScalarType, computeType } from "../../../ir/expr.ts";
import type { Access, CombineOp, Int, LoopKernel, LoopVar, Stmt } from "../../../ir/loops.ts";
import type { DeviceLayout } from "../layout.ts";
import { type ArgumentLayout, residuesWord, totalWord, zeroWord } from "./arguments.ts";
import { renderExpression } from "./expressions.ts";
import { functionText } from "./functions.ts";
import { withDeclarations } from "./library.ts";
import { constantText, renderPrimitive, typeNames } from "./primitives.ts";

/** How a kernel is spread over the device. */
export interface Grid {
  /** Loops whose iterations are items of the grid, outermost first. */
  readonly loops: readonly LoopVar[];
  /** Invocations of a workgroup. */
  readonly workgroup: number;
  /** Whether an item is a whole workgroup, which shares the iterations of the vector loop, or one invocation. */
  readonly shared: boolean;
  /** Sizes that a subgroup may have: then the invocations of an item combine their results by shuffles first. Null: in workgroup memory alone. */
  readonly subgroups: SubgroupSizes | null;
  /**
   * Whether items come in residue classes: each stores only where the computed index, modulo their number, is its own. So a scatter runs in parallel, in a
   * fixed order and without atomics.
   */
  readonly residues: boolean;
  /** Whether an item is four neighbours in memory, of all operands: they are loaded and stored as one vector. The kernel is one loop over contiguous operands. */
  readonly wide: boolean;
}

export interface SubgroupSizes {
  readonly least: number;
  readonly most: number;
}

/** Which binding each buffer of the kernel uses, and what the bindings are. Operands that share a storage share a binding. */
export interface Bindings {
  readonly ofBuffer: readonly number[];
  readonly layouts: readonly DeviceLayout[];
  readonly written: readonly boolean[];
}

type Loop = Extract<Stmt, { kind: "loop" }>;
type Accumulate = Extract<Stmt, { kind: "accumulate" }>;

/** Subgroups of a workgroup whose results are taken in one after the other: more of them are faster through workgroup memory alone. */
const mostSubgroups = 8;

/** The text of a normalized kernel; its entry point is `main`. */
export function renderKernel(kernel: LoopKernel, grid: Grid, bindings: Bindings, layout: ArgumentLayout): string {
  return new Renderer(kernel, grid, bindings, layout).text();
}

class Renderer {
  private readonly kernel: LoopKernel;
  private readonly grid: Grid;
  private readonly bindings: Bindings;
  private readonly layout: ArgumentLayout;
  private readonly lines: string[] = [];
  private readonly loopNames = new Map<LoopVar, string>();
  private readonly usedInts = new Set<number>();
  private readonly accumulatorTypes = new Map<number, ScalarType>();
  /** Arrays of workgroup memory: how many of each type. */
  private readonly sharedArrays = new Map<string, number>();
  private usesSubgroups = false;

  constructor(kernel: LoopKernel, grid: Grid, bindings: Bindings, layout: ArgumentLayout) {
    this.kernel = kernel;
    this.grid = grid;
    this.bindings = bindings;
    this.layout = layout;
  }

  text(): string {
    const { grid, bindings, kernel } = this;
    grid.loops.forEach((loop, d) => {
      this.loopNames.set(loop, `g${d}`);
    });
    this.body(kernel.body, "  ");
    const items = this.gridText();
    const declarations: string[] = [];
    bindings.layouts.forEach(({ wgsl }, k) => {
      const mode = bindings.written[k] ? "read_write" : "read";
      const element = grid.wide ? `vec4<${wgsl}>` : wgsl;
      declarations.push(`@group(0) @binding(${k}) var<storage, ${mode}> b${k}: array<${element}>;`);
    });
    const uniform = `array<vec4<u32>, ${this.layout.bytes / 16}>`;
    declarations.push(`@group(0) @binding(${bindings.layouts.length}) var<uniform> args: ${uniform};`);
    for (const [type, count] of this.sharedArrays)
      for (let k = 0; k < count; k++)
        declarations.push(`var<workgroup> ${sharedName(type, k)}: array<${type}, ${grid.workgroup}>;`);
    const head: string[] = [];
    kernel.buffers.forEach((_, k) => head.push(`  let o${k} = ${this.intWord(this.layout.offsets + k)};`));
    for (const k of [...this.usedInts].sort((a, b) => a - b)) head.push(`  let n${k} = ${this.intWord(this.layout.ints + k)};`);
    const f16 = bindings.layouts.some((l) => l.wgsl === "f16") ? "enable f16;\n" : "";
    const width = this.usesSubgroups ? ", @builtin(subgroup_size) width: u32" : "";
    const main = [
      ...declarations,
      `@compute @workgroup_size(${grid.workgroup}) fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32${width}) {`,
      ...items.before,
      ...head,
      ...items.after,
      ...this.lines,
      "}\n",
    ].join("\n");
    return `${f16}${this.usesSubgroups ? "enable subgroups;\n" : ""}// ${kernel.name}\n${withDeclarations(main, word(zeroWord), functionText)}`;
  }

  /** The item of this invocation, and the counters of the loops of the grid: the innermost moves fastest. */
  private gridText(): { before: string[]; after: string[] } {
    const { grid } = this;
    const linear = "group.y * groups.x + group.x";
    const before = [
      `  let item = ${grid.shared ? linear : `(${linear}) * ${grid.workgroup}u + lane`};`,
      `  if (item >= ${word(totalWord)}) { return; }`,
    ];
    const after: string[] = [];
    let rest = "item";
    for (let d = grid.loops.length - 1; d >= 0; d--) {
      const name = this.loopNames.get(grid.loops[d]!)!;
      if (d === 0 && !grid.residues) after.push(`  let ${name} = i32(${rest});`);
      else {
        const size = this.int(this.extentOf(grid.loops[d]!));
        after.push(`  let ${name} = i32(${rest} % u32(${size}));`);
        after.push(`  let r${d} = ${rest} / u32(${size});`);
        rest = `r${d}`;
      }
    }
    if (grid.residues) after.push(`  let residue = ${rest};`);
    for (const e of [...after]) for (const [, k] of e.matchAll(/\bn(\d+)\b/g)) this.usedInts.add(Number(k));
    return { before, after };
  }

  private extentOf(loop: LoopVar): Int {
    let extent: Int | null = null;
    const find = (body: readonly Stmt[]): void => {
      for (const s of body) {
        if (s.kind === "loop" && s.loop === loop) extent = s.extent;
        if (s.kind === "loop" || s.kind === "if") find(s.body);
      }
    };
    find(this.kernel.body);
    if (extent === null) throw new TypeError(`kernel ${this.kernel.name}: a loop of the grid is not there`);
    return extent;
  }

  private intWord(at: number): string {
    return `bitcast<i32>(${word(at)})`;
  }

  private int(int: Int): string {
    if (typeof int === "number") return String(int);
    this.usedInts.add(int.arg);
    return `n${int.arg}`;
  }

  private body(body: readonly Stmt[], indent: string): void {
    const declared = new Set<number>();
    for (const s of body) {
      if (s.kind === "accumulators") for (const id of s.ids) declared.add(id);
      this.statement(s, indent);
      if (this.grid.shared && s.kind === "loop") this.combine(s, declared, indent);
    }
  }

  private statement(s: Stmt, indent: string): void {
    const put = (line: string) => this.lines.push(`${indent}${line}`);
    switch (s.kind) {
      case "loop":
        this.loop(s, indent);
        break;
      case "if":
        put(`if (${this.expr(s.condition)}) {`);
        this.body(s.body, `${indent}  `);
        put("}");
        break;
      case "let":
        put(`let t${s.id} = ${this.expr(s.value)};`);
        break;
      case "accumulators":
        s.ids.forEach((id, k) => {
          this.accumulatorTypes.set(id, s.types[k]!);
          put(`var t${id} = ${typeNames[s.types[k]!]}(${this.expr(s.init[k]!)});`);
        });
        break;
      case "accumulate":
        for (const line of this.accumulate(
          s.op,
          s.ids.map((id) => `t${id}`),
          s.values.map((v) => this.expr(v)),
          s.values[0]!.type,
        ))
          put(line);
        break;
      case "store": {
        const guard: string[] = [];
        if (this.grid.shared && !this.inLanes) guard.push("lane == 0u");
        if (this.grid.residues) guard.push(`u32(${this.low(s.access.dynamic!.index)}) % ${word(residuesWord)} == residue`);
        const store = this.storeText(s.access, s.value);
        put(guard.length > 0 ? `if (${guard.join(" && ")}) { ${store} }` : store);
        break;
      }
    }
  }

  /** Inside of the loop whose iterations the invocations of a workgroup share. */
  private inLanes = false;

  private loop(s: Loop, indent: string): void {
    const put = (line: string) => this.lines.push(`${indent}${line}`);
    if (this.grid.loops.includes(s.loop)) {
      if (this.grid.wide) this.components(s, indent);
      else this.body(s.body, indent);
      return;
    }
    const chain = this.grid.shared ? laneChain(s) : null;
    if (chain !== null) {
      this.lanes(chain, indent);
      return;
    }
    const i = `i${this.loopNames.size}`;
    this.loopNames.set(s.loop, i);
    put(`for (var ${i} = 0; ${i} < ${this.int(s.extent)}; ${i}++) {`);
    this.body(s.body, `${indent}  `);
    put("}");
  }

  /** Which of four neighbours is being written out. */
  private component = 0;

  /** The body of the loop for four neighbours. */
  private components(s: Loop, indent: string): void {
    const put = (line: string) => this.lines.push(`${indent}${line}`);
    const { buffers } = this.kernel;
    const vector = (k: number): string => `b${this.bindings.ofBuffer[k]}[(o${k} >> 2u) + ${this.loopNames.get(s.loop)}]`;
    buffers.forEach((b, k) => {
      const type = `vec4<${this.bindings.layouts[this.bindings.ofBuffer[k]!]!.wgsl}>`;
      put(b.access === "read" ? `let q${k} = ${vector(k)};` : `var w${k}: ${type};`);
    });
    for (this.component = 0; this.component < 4; this.component++) {
      put("{");
      this.body(s.body, `${indent}  `);
      put("}");
    }
    buffers.forEach((b, k) => {
      if (b.access !== "read") put(`${vector(k)} = w${k};`);
    });
  }

  /** An element of a buffer in storage: to be loaded, or to be stored. */
  private element(access: Access, name: "q" | "w"): string {
    if (this.grid.wide) return `${name}${access.buffer}.${"xyzw"[this.component]}`;
    return `b${this.bindings.ofBuffer[access.buffer]}[${this.position(access)}]`;
  }

  /** A nest of loops around a vector loop, as one loop that the invocations of the workgroup share. */
  private lanes(chain: readonly Loop[], indent: string): void {
    const put = (line: string) => this.lines.push(`${indent}${line}`);
    // what the loop stores may be what the workgroup read before
    if (storesShared(chain[0]!, this.kernel, this.bindings)) put("workgroupBarrier();");
    const last = chain[chain.length - 1]!;
    const names = chain.map((s) => {
      const name = `i${this.loopNames.size}`;
      this.loopNames.set(s.loop, name);
      return name;
    });
    const sizes = chain.map((s) => this.int(s.extent));
    const counter = chain.length === 1 ? names[0]! : `c${names[0]}`;
    put(`for (var ${counter} = i32(lane); ${counter} < ${sizes.join(" * ")}; ${counter} += ${this.grid.workgroup}) {`);
    if (chain.length > 1) {
      let rest = counter;
      for (let d = chain.length - 1; d >= 0; d--) {
        put(`  let ${names[d]} = ${d === 0 ? rest : `${rest} % ${sizes[d]}`};`);
        if (d > 0) put(`  let q${names[d]} = ${rest} / ${sizes[d]};`);
        rest = `q${names[d]}`;
      }
    }
    this.inLanes = true;
    this.body(last.body, `${indent}  `);
    this.inLanes = false;
    put("}");
  }

  /** After a loop that was shared: its accumulators, declared in `declared`, are combined over the workgroup, in a fixed order; all invocations get the result. */
  private combine(s: Loop, declared: ReadonlySet<number>, indent: string): void {
    const put = (line: string) => this.lines.push(`${indent}${line}`);
    const updates = new Map<number, Accumulate>();
    const find = (body: readonly Stmt[]): void => {
      for (const part of body) {
        if (part.kind === "accumulate" && declared.has(part.ids[0]!)) updates.set(part.ids[0]!, part);
        else if (part.kind === "loop" || part.kind === "if") find(part.body);
      }
    };
    find(s.body);
    if (updates.size === 0) return;
    const n = this.grid.workgroup;
    const parts = Math.max(1, 2 ** Math.floor(Math.log2(n) / 2));
    const used = new Map<string, number>();
    const shares = [...updates.values()].map((update) => ({
      update,
      arrays: update.ids.map((id) => {
        const type = this.accumulatorTypes.get(id) === "bool" ? "u32" : typeNames[this.accumulatorTypes.get(id)!];
        const k = used.get(type) ?? 0;
        used.set(type, k + 1);
        this.sharedArrays.set(type, Math.max(this.sharedArrays.get(type) ?? 0, k + 1));
        return sharedName(type, k);
      }),
    }));
    const each = (visit: (id: number, array: string, type: ScalarType) => void): void => {
      for (const { update, arrays } of shares)
        update.ids.forEach((id, k) => visit(id, arrays[k]!, this.accumulatorTypes.get(id)!));
    };
    const write = (type: ScalarType, x: string): string => (type === "bool" ? `select(0u, 1u, ${x})` : x);
    const read = (type: ScalarType, x: string): string => (type === "bool" ? `(${x} != 0u)` : x);
    /** The accumulators take in what others have. */
    const takeIn = (theirs: (id: number, array: string, type: ScalarType) => string, deep: string): void => {
      for (const { update, arrays } of shares) {
        const values = update.ids.map((id, k) => theirs(id, arrays[k]!, this.accumulatorTypes.get(id)!));
        const names = update.ids.map((id) => `t${id}`);
        const type = this.accumulatorTypes.get(update.ids[0]!)!;
        for (const line of this.accumulate(update.op, names, values, type, true)) put(`${deep}${line}`);
      }
    };
    /** The accumulators become the combination of `count` entries of the arrays, from `from` on. */
    const gather = (count: string, from: string, step: number, deep: string): void => {
      each((id, array, type) => put(`${deep}t${id} = ${read(type, `${array}[${from}]`)};`));
      put(`${deep}for (var k = 1u; k < ${count}; k++) {`);
      takeIn((_, array, type) => read(type, `${array}[${from} + k${step === 1 ? "" : ` * ${step}u`}]`), `${deep}  `);
      put(`${deep}}`);
    };
    const { subgroups } = this.grid;
    if (subgroups !== null && n / subgroups.least <= mostSubgroups && shares.every(({ update }) => update.op !== "set")) {
      this.usesSubgroups = true;
      for (let distance = 1; distance < Math.min(n, subgroups.most); distance *= 2) {
        const certain = distance < subgroups.least;
        put("{");
        each((id, _, type) => put(`  let s${id} = subgroupShuffleXor(${write(type, `t${id}`)}, ${distance}u);`));
        if (!certain) put(`  if (${distance}u < width) {`);
        takeIn((id, _, type) => read(type, `s${id}`), certain ? "  " : "    ");
        if (!certain) put("  }");
        put("}");
      }
      if (n > subgroups.least) {
        put("if (lane % width == 0u) {");
        each((id, array, type) => put(`  ${array}[lane / width] = ${write(type, `t${id}`)};`));
        put("}");
        put("workgroupBarrier();");
        gather(`${n}u / width`, "0u", 1, ""); // at least once: the first is taken as it is
        put("workgroupBarrier();");
      }
      return;
    }
    each((id, array, type) => put(`${array}[lane] = ${write(type, `t${id}`)};`));
    put("workgroupBarrier();");
    put(`if (lane < ${parts}u) {`);
    gather(`${n / parts}u`, `lane * ${n / parts}u`, 1, "  ");
    each((id, array, type) => put(`  ${array}[lane * ${n / parts}u] = ${write(type, `t${id}`)};`));
    put("}");
    put("workgroupBarrier();");
    gather(`${parts}u`, "0u", n / parts, "");
    put("workgroupBarrier();");
  }

  /** Statements for ids = ids op values. With `ties` equal extremes are decided by their positions, because they do not come in order. */
  private accumulate(
    op: CombineOp,
    names: readonly string[],
    values: readonly string[],
    type: ScalarType,
    ties = false,
  ): string[] {
    switch (op) {
      case "set":
        return [`${names[0]} = ${values[0]};`];
      case "argmax":
      case "argmin": {
        const better = renderPrimitive(op === "argmax" ? "gt" : "lt", type, "bool", ["x", names[0]!]);
        const nan = (x: string): string => (type === "f32" || type === "f64" ? `${type}_isnan(${x})` : "false");
        const earlier = ties
          ? ` || ((${renderPrimitive("eq", type, "bool", ["x", names[0]!])} || (${nan("x")} && ${nan(names[0]!)})) && i64_lt(${values[1]}, ${names[1]}))`
          : "";
        return [
          `{ let x = ${values[0]}; if (${better} || (${nan("x")} && !${nan(names[0]!)})${earlier}) { ${names[0]} = x; ${names[1]} = ${values[1]}; } }`,
        ];
      }
      default:
        return [`${names[0]} = ${renderPrimitive(op, type, type, [names[0]!, values[0]!])};`];
    }
  }

  private position(access: Access): string {
    let text = `o${access.buffer}`;
    for (const { loop, stride } of access.terms) {
      if (stride === 0) continue;
      text += ` + ${this.loopNames.get(loop)}${stride === 1 ? "" : ` * ${this.int(stride)}`}`;
    }
    if (access.offset !== undefined && access.offset !== 0) text += ` + ${this.int(access.offset)}`;
    if (access.dynamic) {
      const { stride } = access.dynamic;
      text += ` + ${this.low(access.dynamic.index)}${stride === 1 ? "" : ` * ${this.int(stride)}`}`;
    }
    return text;
  }

  /** The low word of an i64 as an i32: what a position in a buffer needs. */
  private low(e: Expr): string {
    switch (e.op) {
      case "index":
        return this.loopNames.get(e.ref as LoopVar)!;
      case "extent":
        return this.int(e.ref as Int);
      case "const":
        return constantText(Number(BigInt.asIntN(32, BigInt(e.value))), "i32");
      case "add":
      case "sub":
      case "mul":
        return `(${this.low(e.args[0]!)} ${{ add: "+", sub: "-", mul: "*" }[e.op]} ${this.low(e.args[1]!)})`;
      case "cast":
        if (e.args[0]!.type === "i32") return this.expr(e.args[0]!);
        break;
    }
    return `bitcast<i32>(${this.expr(e)}.x)`;
  }

  private readonly leaf = (e: Expr): string => {
    switch (e.op) {
      case "param":
        return this.param(e);
      case "local":
        return `t${e.value}`;
      case "index":
      case "extent":
        return `i64_of_i32(${this.low(e)})`;
      case "load":
        return this.loadText(e.ref as Access, e.type);
      default:
        throw new TypeError(`kernel ${this.kernel.name}: ${e.op} must be lowered before rendering`);
    }
  };
  private readonly rendered = (e: Expr): string => this.expr(e);

  private expr(e: Expr): string {
    const [a, b] = e.args;
    if (a?.type === "i64" && isPosition(a)) {
      // counters and sizes fit an i32
      if (e.op === "cast") {
        const x = this.low(a);
        return e.type === "i64" ? this.expr(a) : renderPrimitive("cast", "i32", e.type, [x]);
      }
      if (e.type === "bool" && isPosition(b!)) return renderPrimitive(e.op as "lt", "i32", "bool", [this.low(a), this.low(b!)]);
    }
    return renderExpression(e, this.leaf, this.rendered);
  }

  private param(e: Expr): string {
    const { word: at } = this.layout.param(e);
    switch (e.type) {
      case "f32":
        return `bitcast<f32>(${word(at)})`;
      case "i32":
        return `bitcast<i32>(${word(at)})`;
      case "bool":
        return `(${word(at)} != 0u)`;
      default:
        return `vec2<u32>(${word(at)}, ${word(at + 1)})`;
    }
  }

  private loadText(access: Access, type: ScalarType): string {
    const { dtype } = this.kernel.buffers[access.buffer]!;
    checkElement(dtype, type, this.kernel.name);
    const binding = this.bindings.ofBuffer[access.buffer]!;
    let element = this.element(access, "q");
    const { wgsl } = this.bindings.layouts[binding]!;
    if (type === "f32" && wgsl === "i32") element = `bitcast<f32>(${element})`;
    if (dtype.key === "i32" && wgsl === "f32") element = `bitcast<i32>(${element})`;
    if (dtype.key === "bool") return `(${element} != 0u)`;
    return wgsl === "f16" ? `f32(${element})` : element;
  }

  private storeText(access: Access, value: Expr): string {
    const { dtype } = this.kernel.buffers[access.buffer]!;
    checkElement(dtype, value.type, this.kernel.name);
    const binding = this.bindings.ofBuffer[access.buffer]!;
    const x = this.expr(value);
    return `${this.element(access, "w")} = ${elementText(dtype, x, this.bindings.layouts[binding]!)};`;
  }
}

/** A value as it is stored: rounded or wrapped to its dtype, see layout.ts. */
export function elementText(dtype: DType, x: string, layout: DeviceLayout): string {
  switch (dtype.key) {
    case "bool":
      return `select(0u, 1u, ${x})`;
    case "u8":
      return `(${x} & 255)`;
    case "i8":
      return `((${x} << 24u) >> 24u)`;
    case "i16":
      return `((${x} << 16u) >> 16u)`;
    case "bf16":
      return `f32_to_bfloat(${x})`;
    case "f16":
      return layout.wgsl === "f16" ? `f16(f32_to_half(${x}))` : `f32_to_half(${x})`;
    default:
      return layout.wgsl === "f32" && dtype.key === "i32"
        ? `bitcast<f32>(${x})`
        : layout.wgsl === "i32" && dtype.key === "f32"
          ? `bitcast<i32>(${x})`
          : x;
  }
}

/** A word of the uniform block. */
function word(at: number): string {
  return `args[${at >> 2}].${"xyzw"[at & 3]}`;
}

function sharedName(type: string, k: number): string {
  return `shared_${type.replace(/\W/g, "")}_${k}`;
}

/** Made of counters and sizes only, and so far from overflow. */
function isPosition(e: Expr): boolean {
  if (e.op === "const") return Number(e.value) >= -(2 ** 31) && Number(e.value) < 2 ** 31;
  if (e.op === "index" || e.op === "extent") return true;
  return e.type === "i64" && (e.op === "add" || e.op === "sub" || e.op === "mul") && e.args.every(isPosition);
}

/** The loops around a vector loop that hold nothing else, from this one inwards; null when there is no such vector loop. */
function laneChain(s: Loop): Loop[] | null {
  if (s.vector) return [s];
  const only = s.body.length === 1 ? s.body[0]! : null;
  const inner = only?.kind === "loop" ? laneChain(only) : null;
  return inner && [s, ...inner];
}

/** Whether a loop stores to a buffer whose binding other buffers of the kernel use too. */
function storesShared(s: Loop, kernel: LoopKernel, bindings: Bindings): boolean {
  const visit = (body: readonly Stmt[]): boolean =>
    body.some((part) => {
      if (part.kind === "loop" || part.kind === "if") return visit(part.body);
      if (part.kind !== "store") return false;
      const binding = bindings.ofBuffer[part.access.buffer];
      return kernel.buffers.some((_, k) => k !== part.access.buffer && bindings.ofBuffer[k] === binding);
    });
  return visit(s.body);
}

/** Throws when an element of a buffer does not have the type in which its dtype is computed. */
function checkElement(dtype: DType, type: ScalarType, kernel: string): void {
  if (computeType(dtype) !== type)
    throw new TypeError(`kernel ${kernel}: an element of ${dtype} is ${computeType(dtype)}, not ${type}`);
}
