/**
 * The header of a safetensors file: its dtypes, its JSON and every rule of the format. A file is eight bytes with the header's length (little-endian), the
 * header, and the tensors' data without gaps. The rules and the phrases of the errors are those of the reference implementation; where that one is laxer than
 * the format's text (duplicate names, blanks before the header), the text holds.
 */
import {
  type DType,
  bfloat16,
  bool,
  complex64,
  float16,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  uint8,
} from "../core/dtype.ts";
import { DTypeError, SerializationError } from "../core/errors.ts";
import type { Reader } from "./bytes.ts";

/** The longest header that a reader accepts, in bytes. */
export const maxHeaderBytes = 100_000_000;

interface FormatDtype {
  readonly bits: number;
  /** The dtype here; null when there is none. */
  readonly dtype: DType | null;
}

/** Every dtype of the format, in the order in which the reference implementation sorts them when it writes. */
const formatDtypes: ReadonlyMap<string, FormatDtype> = new Map<string, FormatDtype>([
  ["BOOL", { bits: 8, dtype: bool }],
  ["F4", { bits: 4, dtype: null }],
  ["F6_E2M3", { bits: 6, dtype: null }],
  ["F6_E3M2", { bits: 6, dtype: null }],
  ["U8", { bits: 8, dtype: uint8 }],
  ["I8", { bits: 8, dtype: int8 }],
  ["F8_E5M2", { bits: 8, dtype: null }],
  ["F8_E4M3", { bits: 8, dtype: null }],
  ["F8_E8M0", { bits: 8, dtype: null }],
  ["F8_E4M3FNUZ", { bits: 8, dtype: null }],
  ["F8_E5M2FNUZ", { bits: 8, dtype: null }],
  ["I16", { bits: 16, dtype: int16 }],
  ["U16", { bits: 16, dtype: null }],
  ["F16", { bits: 16, dtype: float16 }],
  ["BF16", { bits: 16, dtype: bfloat16 }],
  ["I32", { bits: 32, dtype: int32 }],
  ["U32", { bits: 32, dtype: null }],
  ["F32", { bits: 32, dtype: float32 }],
  ["C64", { bits: 64, dtype: complex64 }],
  ["F64", { bits: 64, dtype: float64 }],
  ["I64", { bits: 64, dtype: int64 }],
  ["U64", { bits: 64, dtype: null }],
]);

const rankOfDtype: ReadonlyMap<string, number> = new Map([...formatDtypes.keys()].map((name, rank) => [name, rank]));
const nameOfDtype: ReadonlyMap<DType | null, string> = new Map([...formatDtypes].map(([name, { dtype }]) => [dtype, name]));

/** What the header says of one tensor. */
export interface SafetensorsInfo {
  readonly name: string;
  /** The format's name of the dtype: `F32`, `BF16`, also those that have no tensors here. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Where its bytes begin and end, counted from the end of the header. */
  readonly start: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** The free-form notes; null when the file has none. */
  readonly metadata: ReadonlyMap<string, string> | null;
  /** In the order of the data. */
  readonly tensors: ReadonlyMap<string, SafetensorsInfo>;
  /** Where the data begins in the file. */
  readonly dataStart: number;
}

/** The name that PyTorch has for a dtype of the format; the format's own where there is none. */
export function torchNameOf(formatName: string): string {
  return formatDtypes.get(formatName)?.dtype?.name ?? formatName;
}

/** The dtype of a tensor in a file. Throws {@link DTypeError} for those that TypeTorch does not have. */
export function dtypeOfInfo(info: SafetensorsInfo): DType {
  const dtype = formatDtypes.get(info.dtype)?.dtype ?? null;
  if (dtype === null) {
    throw new DTypeError(
      `safetensors: the tensor '${info.name}' is ${info.dtype}, for which there is no dtype here`,
      "the other tensors of the file can be read by name: openSafetensors(path).getTensor(name); convert this one in Python",
    );
  }
  return dtype;
}

/** The format's name of a dtype. Throws {@link DTypeError} for those that the format does not have. */
export function formatNameOf(dtype: DType, tensorName: string): string {
  const name = nameOfDtype.get(dtype);
  if (name === undefined) {
    throw new DTypeError(
      `safetensors: the tensor '${tensorName}' is ${dtype}, which the format does not have`,
      "convert it with x.to(…), or use torch.save",
    );
  }
  return name;
}

/** Compares for the order in which tensors are written: large elements first, so that all data is aligned; then by the bytes of the names. */
export function compareForWriting(a: SafetensorsInfo, b: SafetensorsInfo): number {
  return rankOfDtype.get(b.dtype)! - rankOfDtype.get(a.dtype)! || compareUtf8(a.name, b.name);
}

/** The order of two strings' UTF-8 bytes, which is that of their code points; that of UTF-16 units differs for surrogates only. */
export function compareUtf8(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const surrogates = (x & 0xf800) === 0xd800 || (y & 0xf800) === 0xd800;
    return surrogates ? a.codePointAt(i)! - b.codePointAt(i)! : x - y;
  }
  return a.length - b.length;
}

/** Reads and checks the header of the file `name` of `size` bytes. Throws {@link SerializationError} for whatever breaks a rule. */
export function* readHeader(name: string, size: number): Reader<SafetensorsHeader> {
  if (size < 8) refuse(name, `header too small: a safetensors file has at least 8 bytes, this one ${size}`);
  const head = yield { offset: 0, length: 8 };
  const length = Number(new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true));
  if (length > maxHeaderBytes) {
    refuse(name, `header too large: its length is said to be ${length}, the most is ${maxHeaderBytes} bytes`);
  }
  if (length + 8 > size) {
    refuse(name, `invalid header length: ${length} bytes of header do not fit in a file of ${size} bytes, which may be cut off`);
  }
  const bytes = yield { offset: 8, length };
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse(name, "invalid UTF-8 in header");
  }
  const parsed = new HeaderParser(name, text).parse();
  const tensors = checkLayout(name, parsed.tensors, size - 8 - length);
  return { metadata: parsed.metadata, tensors, dataStart: 8 + length };
}

function refuse(file: string, message: string): never {
  throw new SerializationError(
    `${file}: Error while deserializing: ${message}`,
    "the file is damaged or no safetensors file; copy or download it again",
  );
}

/** Checks that the tensors fill the data exactly, each with the bytes that its shape and dtype ask for. Returns them in the order of the data. */
function checkLayout(file: string, infos: SafetensorsInfo[], dataBytes: number): Map<string, SafetensorsInfo> {
  infos.sort((a, b) => a.start - b.start || a.end - b.end);
  const tensors = new Map<string, SafetensorsInfo>();
  let end = 0;
  for (const info of infos) {
    if (info.start !== end || info.end < info.start) {
      refuse(
        file,
        `invalid offset for tensor \`${info.name}\`: its data is at [${info.start}, ${info.end}], the data before it ends at ${end}`,
      );
    }
    end = info.end;
    const bits =
      info.shape.reduce((product, n) => checkedProduct(file, info, product, n), 1) * formatDtypes.get(info.dtype)!.bits;
    checkedProduct(file, info, bits, 1);
    if (bits % 8 !== 0) refuse(file, `tensor \`${info.name}\` of ${info.dtype} does not end at a byte boundary`);
    if (info.end - info.start !== bits / 8) {
      refuse(
        file,
        `info for tensor \`${info.name}\` has the shape [${info.shape.join(", ")}] of ${info.dtype}, which takes ${bits / 8} bytes, but it has ${info.end - info.start}`,
      );
    }
    tensors.set(info.name, info);
  }
  if (end !== dataBytes) {
    refuse(
      file,
      `incomplete metadata, file not fully covered: the tensors take ${end} bytes, the file has ${dataBytes} bytes of data`,
    );
  }
  return tensors;
}

function checkedProduct(file: string, info: SafetensorsInfo, a: number, b: number): number {
  const product = a * b;
  if (product > Number.MAX_SAFE_INTEGER) {
    refuse(
      file,
      `overflow computing buffer size from shape and/or element type of tensor \`${info.name}\`: [${info.shape.join(", ")}] of ${info.dtype}`,
    );
  }
  return product;
}

const quote = 0x22;
const backslash = 0x5c;
const deepest = 64;

/**
 * Reads the header's JSON, which may come from anybody: only what the format allows is built, so the time is linear and the memory a small multiple of the
 * text. (`JSON.parse` takes the last of duplicate keys and builds whatever is written.)
 */
class HeaderParser {
  private readonly file: string;
  private readonly text: string;
  private at = 0;

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
  }

  parse(): { metadata: Map<string, string> | null; tensors: SafetensorsInfo[] } {
    if (this.text.charCodeAt(0) !== 0x7b) this.fail("expected `{` as the first character");
    const found: { metadata: Map<string, string> | null; tensors: SafetensorsInfo[] } = { metadata: null, tensors: [] };
    this.members((name) => {
      if (name === "__metadata__") found.metadata = this.metadata();
      else found.tensors.push(this.info(name));
    });
    this.blanks();
    if (this.at !== this.text.length) this.fail("trailing characters");
    return found;
  }

  private metadata(): Map<string, string> {
    const metadata = new Map<string, string>();
    this.members((key) => {
      this.blanks();
      if (this.text.charCodeAt(this.at) !== quote) this.fail("__metadata__ maps strings to strings: expected a string");
      metadata.set(key, this.string());
    });
    return metadata;
  }

  private info(name: string): SafetensorsInfo {
    const found: { dtype?: string; shape?: number[]; offsets?: number[] } = {};
    this.members((key) => {
      if (key === "dtype") found.dtype = this.dtype();
      else if (key === "shape") found.shape = this.numbers();
      else if (key === "data_offsets") found.offsets = this.numbers();
      else this.skipValue();
    });
    const { dtype, shape, offsets } = found;
    if (dtype === undefined) return this.fail(`missing field \`dtype\` of tensor \`${shorten(name)}\``);
    if (shape === undefined) return this.fail(`missing field \`shape\` of tensor \`${shorten(name)}\``);
    if (offsets?.length !== 2) return this.fail(`data_offsets of tensor \`${shorten(name)}\` must be there and have 2 elements`);
    return { name, dtype, shape, start: offsets[0]!, end: offsets[1]! };
  }

  private dtype(): string {
    this.blanks();
    const dtype = this.string();
    if (!formatDtypes.has(dtype)) {
      this.fail(`unknown variant \`${shorten(dtype)}\` as dtype, expected one of ${[...formatDtypes.keys()].join(", ")}`);
    }
    return dtype;
  }

  /** Reads an object; `value` reads the value of each key. */
  private members(value: (key: string) => void): void {
    this.expect(0x7b, "`{`");
    const seen = new Set<string>();
    if (this.next() === 0x7d) {
      this.at++;
      return;
    }
    for (;;) {
      this.blanks();
      const key = this.string();
      if (seen.has(key)) this.fail(`duplicate key \`${shorten(key)}\``);
      seen.add(key);
      this.expect(0x3a, "`:`");
      value(key);
      if (this.next() !== 0x2c) break;
      this.at++;
    }
    this.expect(0x7d, "`,` or `}`");
  }

  private numbers(): number[] {
    const out: number[] = [];
    this.expect(0x5b, "`[`");
    if (this.next() === 0x5d) {
      this.at++;
      return out;
    }
    for (;;) {
      out.push(this.integer());
      if (this.next() !== 0x2c) break;
      this.at++;
    }
    this.expect(0x5d, "`,` or `]`");
    return out;
  }

  private integer(): number {
    this.blanks();
    const from = this.at;
    while (isDigit(this.text.charCodeAt(this.at))) this.at++;
    const digits = this.text.slice(from, this.at);
    if (digits === "" || (digits.length > 1 && digits.startsWith("0")) || /[.eE]/.test(this.text.charAt(this.at))) {
      this.fail("expected an integer that is not negative");
    }
    const value = digits.length > 16 ? Number.POSITIVE_INFINITY : Number(digits);
    if (value > Number.MAX_SAFE_INTEGER) {
      refuse(
        this.file,
        `overflow computing buffer size from shape and/or element type: the number ${shorten(digits)} in the header is above 2^53`,
      );
    }
    return value;
  }

  private string(): string {
    if (this.text.charCodeAt(this.at) !== quote) this.fail("expected a string");
    const from = this.at++;
    let escaped = false;
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (Number.isNaN(c)) this.fail("a string does not end");
      if (c < 0x20) this.fail("control character (\\u0000-\\u001F) found while parsing a string");
      this.at++;
      if (c === quote) break;
      if (c === backslash) {
        escaped = true;
        this.at++;
      }
    }
    if (!escaped) return this.text.slice(from + 1, this.at - 1);
    let value: string;
    try {
      value = JSON.parse(this.text.slice(from, this.at)) as string;
    } catch {
      return this.fail("invalid escape in a string");
    }
    if (/\p{Surrogate}/u.test(value)) this.fail("a string has half of a surrogate pair");
    return value;
  }

  /** Reads over a value of a field that the format does not name, which the reference implementation ignores too. */
  private skipValue(depth = 0): void {
    if (depth > deepest) this.fail("recursion limit exceeded");
    const c = this.next();
    if (c === 0x7b) this.members(() => this.skipValue(depth + 1));
    else if (c === 0x5b) {
      this.at++;
      if (this.next() === 0x5d) {
        this.at++;
        return;
      }
      for (;;) {
        this.skipValue(depth + 1);
        if (this.next() !== 0x2c) break;
        this.at++;
      }
      this.expect(0x5d, "`,` or `]`");
    } else if (c === quote) this.string();
    else {
      const literal = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y;
      literal.lastIndex = this.at;
      if (!literal.test(this.text)) this.fail("expected a value");
      this.at = literal.lastIndex;
    }
  }

  /** The next character that is not blank. */
  private next(): number {
    this.blanks();
    return this.text.charCodeAt(this.at);
  }

  private blanks(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.at++;
    }
  }

  private expect(character: number, what: string): void {
    if (this.next() !== character) this.fail(`expected ${what}`);
    this.at++;
  }

  private fail(message: string): never {
    return refuse(this.file, `invalid JSON in header: ${message} (character ${this.at} of ${this.text.length})`);
  }
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39;
}

/** What of a string fits in a message. */
function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
