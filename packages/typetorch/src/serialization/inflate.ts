/**
 * Inflating (RFC 1951), piece by piece: what comes out goes where it belongs as it comes, so that a file can never take more memory than was found to be right.
 */
import { SerializationError } from "../core/errors.ts";
import type { Reader } from "./bytes.ts";

const windowBytes = 32 << 10;
const outputBytes = 256 << 10;
const longestMatch = 258;
/** A symbol with its distance and what is read ahead is shorter; so is, with much room, what stands before a block's symbols. */
const symbolBytes = 16;
const headerBytes = 1 << 10;
/** What is read of the file at a time. */
const inputBytes = 64 << 10;

const lengthBase = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258]; // biome-ignore format: a table
const lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]; // biome-ignore format: a table
const distanceBase = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577]; // biome-ignore format: a table
const distanceBits = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
/** In which order the lengths of the code for code lengths stand. */
const lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Codes up to this length are looked up at once. */
const tableBits = 10;
const longestCode = 15;
/** A code for code lengths is not longer. */
const longestLengthCode = 7;

function damaged(why: string): SerializationError {
  return new SerializationError(`compressed data is damaged: ${why}`, "copy or download the file again");
}

/** A Huffman code: symbols by the bits that stand for them. */
class Code {
  /** By the next bits: the symbol times 16, and the length of its code; 0 for a longer code. */
  readonly table = new Uint16Array(1 << tableBits);
  /** How many codes there are of each length, and their symbols in the order of the codes. */
  readonly counts = new Uint16Array(longestCode + 1);
  readonly symbols: Uint16Array;

  constructor(lengths: ArrayLike<number>, what: string, mayBeIncomplete: boolean) {
    const { counts, table } = this;
    for (let symbol = 0; symbol < lengths.length; symbol++) counts[lengths[symbol]!]!++;
    counts[0] = 0;
    let left = 1;
    for (let length = 1; length <= longestCode; length++) {
      left = 2 * left - counts[length]!;
      if (left < 0) throw damaged(`over-subscribed ${what}`);
    }
    const starts = new Uint16Array(longestCode + 2);
    const next = new Uint16Array(longestCode + 2); // the next code of each length
    for (let length = 1; length <= longestCode; length++) {
      starts[length + 1] = starts[length]! + counts[length]!;
      next[length + 1] = (next[length]! + counts[length]!) << 1;
    }
    const used = starts[longestCode + 1]!;
    if (left > 0 && !(mayBeIncomplete && used === counts[1]!)) throw damaged(`incomplete ${what}`);
    this.symbols = new Uint16Array(used);
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol]!;
      if (length === 0) continue;
      this.symbols[starts[length]!++] = symbol;
      const code = next[length]!++;
      if (length > tableBits) continue;
      for (let at = reversed(code, length); at < table.length; at += 1 << length) table[at] = (symbol << 4) | length;
    }
  }
}

function reversed(code: number, length: number): number {
  let out = 0;
  for (let i = 0; i < length; i++) out |= ((code >> i) & 1) << (length - 1 - i);
  return out;
}

let fixed: { readonly literals: Code; readonly distances: Code } | null = null;

function fixedCodes(): { readonly literals: Code; readonly distances: Code } {
  fixed ??= {
    literals: new Code(
      Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)),
      "code",
      false,
    ),
    distances: new Code(new Array<number>(32).fill(5), "code", false),
  };
  return fixed;
}

/** Inflates one stream. */
class Inflater {
  private input = new Uint8Array(0);
  /** The next byte of the input, and where the input ends; it is followed by `symbolBytes` zeros when it is the last. */
  private at = 0;
  private end = 0;
  private isLast = false;
  private bits = 0;
  private bitCount = 0;

  /** The last `windowBytes` of what came before, then what is new. */
  private readonly output = new Uint8Array(windowBytes + outputBytes + longestMatch);
  private filled = windowBytes;
  private total = 0;

  private lastBlock = false;
  /** Bytes that remain of a stored block. */
  private stored = 0;
  private literals: Code | null = null;
  private distances: Code | null = null;
  private done = false;

  /** Whether the stream ends where its bytes do. */
  get usedAll(): boolean {
    return this.done && this.isLast && this.at === this.end;
  }

  /** Gives the next bytes of the stream; `isLast` if there are no more. */
  feed(bytes: Uint8Array, isLast: boolean): void {
    const rest = this.input.subarray(this.at, this.end);
    const input = new Uint8Array(rest.length + bytes.length + symbolBytes);
    input.set(rest);
    input.set(bytes, rest.length);
    this.input = input;
    this.at = 0;
    this.end = rest.length + bytes.length;
    this.isLast = isLast;
  }

  /** The next piece of what comes out, valid until the next call; null where more input is needed; an empty one at the end. */
  next(): Uint8Array | null {
    if (this.filled > windowBytes) {
      this.output.copyWithin(0, this.filled - windowBytes, this.filled);
      this.filled = windowBytes;
    }
    const start = this.filled;
    while (!this.done && this.filled < windowBytes + outputBytes) {
      if (!this.step()) break;
    }
    const piece = this.output.subarray(start, this.filled);
    this.total += piece.length;
    return piece.length > 0 || this.done ? piece : null;
  }

  /** Whether so many bytes of input are there, or all that there are. */
  private has(bytes: number): boolean {
    return this.isLast || this.end - this.at >= bytes;
  }

  /** Does some of the work. False where more input is needed. */
  private step(): boolean {
    if (this.stored > 0) return this.copyStored();
    if (this.literals !== null) return this.decode(this.literals, this.distances!);
    if (this.lastBlock) {
      this.done = true;
      return true;
    }
    if (!this.has(headerBytes)) return false;
    this.lastBlock = this.take(1) === 1;
    const kind = this.take(2);
    if (kind === 0) this.beginStored();
    else if (kind === 1) ({ literals: this.literals, distances: this.distances } = fixedCodes());
    else if (kind === 2) this.readCodes();
    else throw damaged("invalid block type");
    return true;
  }

  /** The next bits of the input, 16 at most. */
  private take(count: number): number {
    while (this.bitCount < count) {
      if (this.at >= this.end) throw damaged("unexpected end of file");
      this.bits |= this.input[this.at++]! << this.bitCount;
      this.bitCount += 8;
    }
    const value = this.bits & ((1 << count) - 1);
    this.bits >>>= count;
    this.bitCount -= count;
    return value;
  }

  private beginStored(): void {
    this.take(this.bitCount & 7);
    const length = this.take(16);
    if (length !== (this.take(16) ^ 0xffff)) throw damaged("invalid stored block lengths");
    this.at -= this.bitCount >> 3; // whole bytes that were read ahead
    this.bits = this.bitCount = 0;
    this.stored = length;
  }

  private copyStored(): boolean {
    const count = Math.min(this.stored, this.end - this.at, windowBytes + outputBytes - this.filled);
    if (count === 0) {
      if (this.isLast) throw damaged("unexpected end of file");
      return false;
    }
    this.output.set(this.input.subarray(this.at, this.at + count), this.filled);
    this.at += count;
    this.filled += count;
    this.stored -= count;
    return true;
  }

  private readCodes(): void {
    const literalCount = this.take(5) + 257;
    const distanceCount = this.take(5) + 1;
    const lengthCount = this.take(4) + 4;
    if (literalCount > 286 || distanceCount > 30) throw damaged("too many length or distance symbols");
    const ofLengths = new Uint8Array(19);
    for (let i = 0; i < lengthCount; i++) ofLengths[lengthOrder[i]!] = this.take(3);
    const code = new Code(ofLengths, "code lengths set", false);
    const lengths = new Uint8Array(literalCount + distanceCount);
    for (let i = 0; i < lengths.length; ) {
      const symbol = this.symbol(code);
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw damaged("invalid bit length repeat");
      const value = symbol === 16 ? lengths[i - 1]! : 0;
      const count = symbol === 16 ? 3 + this.take(2) : symbol === 17 ? 3 + this.take(3) : 11 + this.take(7);
      if (i + count > lengths.length) throw damaged("invalid bit length repeat");
      lengths.fill(value, i, i + count);
      i += count;
    }
    if (lengths[256] === 0) throw damaged("missing end-of-block");
    this.literals = new Code(lengths.subarray(0, literalCount), "literal/lengths set", true);
    this.distances = new Code(lengths.subarray(literalCount), "distances set", true);
  }

  /** Decodes one symbol of a short code. */
  private symbol(code: Code): number {
    while (this.bitCount < longestLengthCode && this.at < this.end) {
      this.bits |= this.input[this.at++]! << this.bitCount;
      this.bitCount += 8;
    }
    const entry = code.table[this.bits & ((1 << tableBits) - 1)]!;
    if (entry === 0) throw damaged("invalid code");
    this.take(entry & 15);
    return entry >> 4;
  }

  /** Decodes symbols of a block until it ends, the output is full or the input used up. */
  private decode(literals: Code, distances: Code): boolean {
    const { input, output } = this;
    const { table } = literals;
    const { table: distanceTable } = distances;
    const inputLimit = this.isLast ? this.end : this.end - symbolBytes;
    const outputLimit = windowBytes + outputBytes;
    const earliest = Math.max(0, windowBytes - this.total);
    const mask = (1 << tableBits) - 1;
    let { at, filled, bits, bitCount } = this;
    while (at <= inputLimit && filled < outputLimit) {
      while (bitCount <= 24) {
        bits |= input[at++]! << bitCount; // zeros behind the end, which is checked below
        bitCount += 8;
      }
      let entry = table[bits & mask]!;
      if (entry === 0) entry = longEntry(literals, bits);
      bits >>>= entry & 15;
      bitCount -= entry & 15;
      const symbol = entry >> 4;
      if (symbol < 256) {
        output[filled++] = symbol;
        continue;
      }
      if (symbol === 256) {
        this.literals = this.distances = null;
        break;
      }
      if (symbol > 285) throw damaged("invalid literal/length code");
      const extra = lengthBits[symbol - 257]!;
      const length = lengthBase[symbol - 257]! + (bits & ((1 << extra) - 1));
      bits >>>= extra;
      bitCount -= extra;
      while (bitCount <= 24) {
        bits |= input[at++]! << bitCount;
        bitCount += 8;
      }
      let far = distanceTable[bits & mask]!;
      if (far === 0) far = longEntry(distances, bits);
      bits >>>= far & 15;
      bitCount -= far & 15;
      if (far >> 4 > 29) throw damaged("invalid distance code");
      const farExtra = distanceBits[far >> 4]!;
      while (bitCount < farExtra) {
        bits |= input[at++]! << bitCount;
        bitCount += 8;
      }
      const distance = distanceBase[far >> 4]! + (bits & ((1 << farExtra) - 1));
      bits >>>= farExtra;
      bitCount -= farExtra;
      const from = filled - distance;
      if (from < earliest) throw damaged("invalid distance too far back");
      if (distance >= length && length > 32) output.copyWithin(filled, from, from + length);
      else if (distance === 1) output.fill(output[from]!, filled, filled + length);
      else for (let i = 0; i < length; i++) output[filled + i] = output[from + i]!;
      filled += length;
    }
    const progress = filled > this.filled || this.literals === null;
    const back = Math.min(bitCount >> 3, at); // whole bytes that were read ahead
    at -= back;
    bitCount -= 8 * back;
    bits &= (1 << bitCount) - 1;
    if (at > this.end) throw damaged("unexpected end of file");
    this.at = at;
    this.filled = filled;
    this.bits = bits;
    this.bitCount = bitCount;
    if (!progress && this.isLast) throw damaged("unexpected end of file");
    return progress;
  }
}

/** The table's entry of a code that is too long for it. */
function longEntry({ counts, symbols }: Code, bits: number): number {
  let code = 0;
  let first = 0;
  let index = 0;
  for (let length = 1; length <= longestCode; length++) {
    code |= (bits >>> (length - 1)) & 1;
    const count = counts[length]!;
    if (code - count < first) return (symbols[index + code - first]! << 4) | length;
    index += count;
    first = (first + count) << 1;
    code <<= 1;
  }
  throw damaged("invalid code");
}

/**
 * Reads `length` bytes of the file from `offset` on and inflates them into the windows, which must hold `size` bytes together, or to the end of the windows where
 * they hold less. `each` sees what comes out. Gives what the windows' generator returns.
 */
export function* inflateInto<T>(
  { offset, length, size }: { readonly offset: number; readonly length: number; readonly size: number },
  windows: Iterator<Uint8Array, T>,
  each: (piece: Uint8Array) => void,
): Reader<T> {
  const inflater = new Inflater();
  let read = 0;
  function* pieces(): Generator<{ offset: number; length: number }, Uint8Array, Uint8Array> {
    for (;;) {
      const piece = inflater.next();
      if (piece !== null) return piece;
      const count = Math.min(inputBytes, length - read);
      inflater.feed(yield { offset: offset + read, length: count }, read + count === length);
      read += count;
    }
  }

  let target = windows.next();
  let placed = 0; // in the target
  let total = 0;
  while (!target.done) {
    if (placed === target.value.length) {
      target = windows.next();
      placed = 0;
      continue;
    }
    let piece = yield* pieces();
    if (piece.length === 0) throw damaged(`it holds ${total} bytes, not the ${size} it declares`);
    total += piece.length;
    if (total > size) throw new SerializationError(`compressed data is longer than the ${size} bytes it declares`);
    each(piece);
    while (piece.length > 0 && !target.done) {
      const part = piece.subarray(0, target.value.length - placed);
      target.value.set(part, placed);
      placed += part.length;
      piece = piece.subarray(part.length);
      if (placed < target.value.length) break;
      target = windows.next();
      placed = 0;
    }
  }
  if (total < size) return target.value;
  const rest = yield* pieces();
  if (rest.length > 0) throw new SerializationError(`compressed data is longer than the ${size} bytes it declares`);
  if (!inflater.usedAll) throw damaged("other bytes follow it");
  return target.value;
}
