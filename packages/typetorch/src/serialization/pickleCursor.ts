/**
 * The bytes of a pickle, read from front to back: opcodes and their arguments.
 */
import { UnpicklingError } from "../core/errors.ts";
import { latin1 } from "./pickleText.ts";

/** The pickle goes on behind the end of the bytes. */
export class TruncatedPickleError extends UnpicklingError {}

export class PickleCursor {
  readonly bytes: Uint8Array;
  /** The next byte. */
  at: number;
  private readonly data: DataView;

  constructor(bytes: Uint8Array, start: number) {
    this.bytes = bytes;
    this.at = start;
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  private cutOff(): TruncatedPickleError {
    return new TruncatedPickleError("pickle data was truncated", "the file is cut off, or is no pickle");
  }

  /** Goes so many bytes on, and gives where they begin. Throws where there are fewer. */
  skip(length: number): number {
    this.expect(length);
    this.at += length;
    return this.at - length;
  }
  /** Throws where so many bytes do not follow. */
  expect(length: number): void {
    if (length > this.bytes.length - this.at) throw this.cutOff();
  }
  uint8(): number {
    return this.bytes[this.skip(1)]!;
  }
  uint16(): number {
    return this.data.getUint16(this.skip(2), true);
  }
  uint32(): number {
    return this.data.getUint32(this.skip(4), true);
  }
  int32(): number {
    return this.uint32() | 0;
  }
  /** A length of 64 bits. */
  length64(): number {
    const low = this.uint32();
    return this.uint32() * 2 ** 32 + low;
  }
  /** A float, big-endian. */
  float64(): number {
    return this.data.getFloat64(this.skip(8), false);
  }
  /** The text up to the end of the line. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.cutOff();
    const line = this.bytes.subarray(this.at, end);
    this.at = end + 1;
    return latin1(line[line.length - 1] === 0x0d ? line.subarray(0, -1) : line);
  }
}
