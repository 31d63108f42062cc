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
import { JsonScanner, shorten } from "./jsonScanner.ts";

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
  const parsed = parseHeader(name, text);
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

function checkedProduct(file: string, { name, shape, dtype }: SafetensorsInfo, a: number, b: number): number {
  const product = a * b;
  return product > Number.MAX_SAFE_INTEGER ? refuseOverflow(file, name, shape, dtype) : product;
}

function refuseOverflow(file: string, name: string, shape: readonly number[], dtype: string): never {
  return refuse(
    file,
    `overflow computing buffer size from shape and/or element type of tensor \`${shorten(name)}\`: [${shorten(shape.join(", "))}] of ${dtype}`,
  );
}

/** Reads the JSON. The format wants `{` as the first character. */
function parseHeader(file: string, text: string): { metadata: Map<string, string> | null; tensors: SafetensorsInfo[] } {
  const json = new JsonScanner(text, (message) => refuse(file, `invalid JSON in header: ${message}`));
  if (text.charCodeAt(0) !== 0x7b) json.fail("expected `{` as the first character");
  const found: { metadata: Map<string, string> | null; tensors: SafetensorsInfo[] } = { metadata: null, tensors: [] };
  json.members((name) => {
    if (name === "__metadata__")
      found.metadata = json.isNull() ? null : json.strings(); // the reference implementation takes null too
    else found.tensors.push(parseInfo(file, name, json));
  });
  json.end();
  return found;
}

function parseInfo(file: string, name: string, json: JsonScanner): SafetensorsInfo {
  const found: { dtype?: string; shape?: number[]; offsets?: number[] } = {};
  json.members((key) => {
    if (key === "dtype") found.dtype = json.string();
    else if (key === "shape") found.shape = json.numbers();
    else if (key === "data_offsets") found.offsets = json.numbers();
    else json.skipValue(); // the reference implementation ignores other fields too
  });
  const { dtype, shape, offsets } = found;
  if (dtype === undefined) return json.fail(`missing field \`dtype\` of tensor \`${shorten(name)}\``);
  if (!formatDtypes.has(dtype)) {
    json.fail(`unknown variant \`${shorten(dtype)}\` as dtype, expected one of ${[...formatDtypes.keys()].join(", ")}`);
  }
  if (shape === undefined) return json.fail(`missing field \`shape\` of tensor \`${shorten(name)}\``);
  if (offsets?.length !== 2) return json.fail(`data_offsets of tensor \`${shorten(name)}\` must be there and have 2 elements`);
  for (const n of [...shape, ...offsets]) if (n > Number.MAX_SAFE_INTEGER) refuseOverflow(file, name, shape, dtype);
  return { name, dtype, shape, start: offsets[0]!, end: offsets[1]! };
}
