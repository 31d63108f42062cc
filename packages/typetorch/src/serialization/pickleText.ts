/**
 * Text and whole numbers as pickles hold them.
 */
import { UnpicklingError } from "../core/errors.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** UTF-8 in which lone surrogates may stand, as Python's `surrogatepass` writes them. */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.length < 24) {
    let text = "";
    let i = 0;
    for (; i < bytes.length && bytes[i]! < 128; i++) text += String.fromCharCode(bytes[i]!);
    if (i === bytes.length) return text;
  }
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
export function wholeNumber(value: bigint): number | bigint {
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
