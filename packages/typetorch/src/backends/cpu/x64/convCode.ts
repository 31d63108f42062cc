/**
 * What all passes of convolutions share: compiled routines, tables, the slots that say how the input is copied, contiguous copies of operands.
 */
import type { Storage } from "../../../core/storage.ts";
import type { Native } from "../../../platform/index.ts";
import type { Operand } from "../../backend.ts";
import type { Piece } from "../convPiece.ts";
import { type ConvShape, elementsOf, type Images, imagesOf, isContiguous } from "../convShape.ts";
import { allocate, release } from "../memory.ts";
import { addressOf, type Copy } from "../product.ts";
import { Assembler } from "./assembler.ts";
import { emitCopyApart, emitCopyEven } from "./convCopy.ts";
import type { CopySlots } from "./convFrame.ts";
import { slackBytes } from "./convPlan.ts";
import { Gemm } from "./gemm.ts";

const ceil = (a: number, b: number): number => Math.ceil(a / b);

export class ConvCode {
  readonly native: Native;
  readonly gemm: Gemm;
  readonly #compiled = new Map<string, number>();
  readonly #offsetTables = new Map<string, Storage>();

  constructor(native: Native, options: { readonly avx512?: boolean }) {
    this.native = native;
    this.gemm = new Gemm(native, options);
  }

  /** The address of a routine, which is emitted when first asked for. */
  routine(double: boolean, name: string, emit: (a: Assembler) => void): number {
    const { target } = this.gemm.codeOf(double);
    const key = `${name} ${double}`;
    let address = this.#compiled.get(key);
    if (address === undefined) {
      const a = new Assembler({ avx512: target.avx512 });
      emit(a);
      address = this.native.installCode(a.finish());
      this.#compiled.set(key, address);
    }
    return address;
  }

  /** Address of int32s, which are kept for the next call. */
  tableOf(entries: Int32Array): number {
    const key = entries.join();
    let table = this.#offsetTables.get(key);
    if (table === undefined) {
      if (this.#offsetTables.size >= 256) this.#offsetTables.clear();
      table = allocate(entries.length * 4);
      new Int32Array(table.buffer, table.byteOffset, entries.length).set(entries);
      this.#offsetTables.set(key, table);
    }
    return table.address;
  }

  copyApart(double: boolean): number {
    return this.routine(double, "copy apart", (a) => emitCopyApart(a, this.gemm.codeOf(double).target));
  }

  /** Sets the slots of `copyNames` for the input's copy. */
  setCopy(
    block: Float64Array,
    at: CopySlots,
    shape: ConvShape,
    x: Images,
    plan: { readonly piece: Piece; readonly copyTable: number },
    double: boolean,
  ): void {
    const { item, target, copyRows } = this.gemm.codeOf(double);
    const { piece } = plan;
    block[at.x] = x.address;
    block[at.xImage] = x.image * item;
    block[at.xGroup] = shape.inputs * x.channel * item;
    block[at.xChannel] = x.channel * item;
    block[at.xRow] = x.row * shape.strideY * item;
    block[at.xColumn] = x.column * shape.strideX * item;
    const apart = x.column * shape.strideX;
    if (apart === 1) block[at.copy] = copyRows;
    else if (apart === 2) block[at.copy] = this.routine(double, "copy even", (a) => emitCopyEven(a, target));
    else block[at.copy] = this.copyApart(double);
    block[at.copyTable] = plan.copyTable;
    block[at.planes] = piece.planes;
    block[at.channels] = shape.inputs;
    block[at.copyChannel] = piece.channelElements * item;
    block[at.copyRow] = piece.planeWidth * item;
    block[at.copyBytes] = ceil(shape.inputs * piece.channelElements * item + slackBytes(target), 64) * 64;
    block[at.rowBlocks] = piece.blocks;
    block[at.groups] = shape.groups;
  }

  clear(double: boolean, address: number, elements: number): void {
    const zero = allocate(8);
    new Float64Array(zero.buffer, zero.byteOffset, 1)[0] = 0;
    this.copy(double, 1, elements, zero.address, 0, 0, address, 0, 1);
    release(zero);
  }

  copy(double: boolean, ...rest: Parameters<Copy>): void {
    this.gemm.copyOf(this.gemm.codeOf(double))(...rest);
  }

  /** Address of the elements in contiguous order, through a copy where they are not. */
  contiguous(x: Operand, temporary: Storage[]): number {
    if (isContiguous(x)) return addressOf(x);
    const copy = allocate(elementsOf(x) * x.dtype.itemsize);
    temporary.push(copy);
    this.copyPlanes(
      x,
      copy.address,
      x.shape.slice(2).reduce((a, b) => a * b, 1),
      "in",
    );
    return copy.address;
  }

  /** Copies between a strided operand of rank 3 or 4 and contiguous memory, plane by plane. */
  copyPlanes(x: Operand, dense: number, plane: number, direction: "in" | "out"): void {
    const item = x.dtype.itemsize;
    const i = imagesOf(x);
    const double = x.dtype.key === "f64";
    const width = x.shape[x.shape.length - 1]!;
    const height = plane / width;
    for (let n = 0; n < x.shape[0]!; n++) {
      for (let c = 0; c < x.shape[1]!; c++) {
        const strided = i.address + (n * i.image + c * i.channel) * item;
        const there = dense + (n * x.shape[1]! + c) * plane * item;
        if (direction === "in") this.copy(double, height, width, strided, i.row, i.column, there, width, 1);
        else this.copy(double, height, width, there, width, 1, strided, i.row, i.column);
      }
    }
  }
}
