/**
 * Text and whole numbers as pickles hold them.
 */
import { UnpicklingError } from "../core/errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** ASCII shorter than this is decoded sooner without the decoder. */
const shortText = 24;

/** UTF-8 in which lone surrogates may stand, as Python's `surrogatepass` writes them. */
export function decodeText(all: Uint8Array, start = 0, end = all.length): string {
  if (end - start < shortText) {
    const codes: number[] = [];
    let i = start;
    for (; i < end && all[i]! < 128; i++) codes.push(all[i]!);
    if (i === end) return String.fromCharCode(...codes);
  }
  const bytes = all.subarray(start, end);
  try {
    return decoder.decode(bytes);
  } catch {
    return decodeSurrogates(bytes);
  }
}

/** Decodes the runs between the lone surrogates (0xED 0xA0 to 0xBF …), which no strict decoder takes. */
function decodeSurrogates(bytes: Uint8Array): string {
  const out: string[] = [];
  let start = 0;
  for (let i = 0; i <= bytes.length; i++) {
    const isSurrogate = bytes[i] === 0xed && bytes[i + 1]! >= 0xa0 && bytes[i + 1]! <= 0xbf && (bytes[i + 2]! & 0xc0) === 0x80;
    if (!isSurrogate && i < bytes.length) continue;
    try {
      out.push(decoder.decode(bytes.subarray(start, i)));
    } catch {
      throw new UnpicklingError("a string in the pickle is not UTF-8");
    }
    if (isSurrogate) out.push(String.fromCharCode(0xd000 | ((bytes[i + 1]! & 0x3f) << 6) | (bytes[i + 2]! & 0x3f)));
    start = i + 3;
    i += 2;
  }
  return out.join("");
}

/** UTF-8; lone surrogates as Python's `surrogatepass` writes them. */
export function encodeText(text: string): Uint8Array {
  if (!/[\ud800-\udfff]/.test(text)) return encoder.encode(text);
  const pieces = text.split(/((?<![\ud800-\udbff])[\udc00-\udfff]|[\ud800-\udbff](?![\udc00-\udfff]))/);
  if (pieces.length === 1) return encoder.encode(text);
  const bytes = pieces.flatMap((piece, i) => {
    if (i % 2 === 0) return [...encoder.encode(piece)];
    const code = piece.charCodeAt(0);
    return [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)];
  });
  return Uint8Array.from(bytes);
}

/** Bytes as the text whose characters they are (Latin-1). */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return text;
}

/** A number where it is exact, otherwise a bigint. */
function wholeNumber(value: bigint): number | bigint {
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : value;
}

/** Two's complement, little-endian, as many bytes as there are; none is 0. */
export function decodeLong(bytes: Uint8Array): number | bigint {
  if (bytes.length === 0) return 0;
  let hex = "0x";
  for (let i = bytes.length - 1; i >= 0; i--) hex += bytes[i]!.toString(16).padStart(2, "0");
  return wholeNumber(BigInt.asIntN(8 * bytes.length, BigInt(hex)));
}

/** The fewest bytes of two's complement, little-endian, that hold the number. */
export function encodeLong(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array(0);
  const digits = (value < 0n ? -value : value).toString(16).length;
  const length = Math.ceil((digits * 4 + 1) / 8);
  const hex = BigInt.asUintN(8 * length, value)
    .toString(16)
    .padStart(2 * length, "0");
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[length - 1 - i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  const sign = value < 0n ? 0xff : 0;
  const redundant = length > 1 && bytes[length - 1] === sign && (bytes[length - 2]! & 0x80) === (sign & 0x80);
  return redundant ? bytes.subarray(0, length - 1) : bytes;
}

/** More decimal digits are refused, as Python does. */
const longestDecimal = 4300;

/** A whole number in decimal digits, with a Python 2 `L` behind it or not; null for what is none. */
export function decodeDecimal(line: string): number | bigint | null {
  const digits = line.endsWith("L") ? line.slice(0, -1) : line;
  if (digits.length > longestDecimal || !/^[+-]?\d+$/.test(digits)) return null;
  return wholeNumber(BigInt(digits.replace(/^\+/, "")));
}

/** A number as Python's `repr` writes it; null for what is none. */
export function decodeFloat(line: string): number | null {
  const special: Record<string, number> = { nan: Number.NaN, "-nan": Number.NaN, inf: Infinity, "-inf": -Infinity };
  if (Object.hasOwn(special, line)) return special[line]!;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(line) || line.length > 1000) return null;
  return Number(line);
}

const simpleEscapes: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/** A Python 2 `str` in quotes, with its escapes; null for what is none. */
export function unquoteString(line: string): string | null {
  const quote = line[0];
  if (line.length < 2 || (quote !== "'" && quote !== '"') || !line.endsWith(quote)) return null;
  const text = line.slice(1, -1).replace(/\\(x[0-9a-f]{2}|[0-7]{1,3}|.)/gis, (all, escape: string) => {
    if (/^x[0-9a-f]{2}$/i.test(escape)) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    if (/^[0-7]/.test(escape)) return String.fromCharCode(Number.parseInt(escape, 8) & 255);
    return simpleEscapes[escape] ?? all;
  });
  return decodeText(Uint8Array.from(text, (c) => c.charCodeAt(0)));
}

/** Text of protocol 0: Latin-1 with \uXXXX escapes; null for a character beyond Unicode. */
export function unescapeText(line: string): string | null {
  let valid = true;
  const text = line.replace(/\\u([0-9a-f]{4})|\\U([0-9a-f]{8})/gi, (_, short?: string, long?: string) => {
    const code = Number.parseInt((short ?? long)!, 16);
    if (code <= 0x10ffff) return String.fromCodePoint(code);
    valid = false;
    return "";
  });
  return valid ? text : null;
}
