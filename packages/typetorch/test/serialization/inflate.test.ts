/**
 * Inflating, against zlib: what it deflates is inflated, and of damaged streams the same are refused.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import * as torch from "../../src/index.ts";
import { readSync } from "../../src/serialization/bytes.ts";
import { inflateInto } from "../../src/serialization/inflate.ts";
import { memorySource } from "../../src/serialization/source.ts";
import { randomNumbers } from "./fuzz.ts";

const random = randomNumbers(11);

/** Inflates into windows of the given sizes. */
function inflate(deflated: Uint8Array, windows: number[], size = windows.reduce((a, b) => a + b, 0)): Buffer {
  const out = windows.map((length) => Buffer.alloc(length));
  readSync(
    memorySource(deflated),
    inflateInto({ offset: 0, length: deflated.length, size }, out[Symbol.iterator](), () => {}),
  );
  return Buffer.concat(out);
}

/** Bytes of several kinds: equal, random, of few values, and of repeated pieces from up to 32 KiB before. */
function contents(length: number): Buffer[] {
  const repeated = Buffer.from(Array.from({ length }, () => random(256)));
  for (let at = 40_000; at + 300 < length; at += 1 + random(300))
    repeated.copyWithin(at, at - 1 - random(32_768), at - random(200));
  return [Buffer.alloc(length), Buffer.from(Array.from({ length }, () => random(4) * random(3))), repeated];
}

test("what zlib deflates, at every level and by every strategy", () => {
  for (const length of [0, 1, 100, 1000, 65_535, 65_536, 300_000]) {
    for (const content of contents(length)) {
      for (const level of [0, 1, 6, 9]) {
        for (const strategy of [constants.Z_DEFAULT_STRATEGY, constants.Z_HUFFMAN_ONLY, constants.Z_FIXED]) {
          const windows = length > 500 ? [12, 0, 130, length - 142] : [length];
          assert.ok(
            inflate(deflateRawSync(content, { level, strategy }), windows).equals(content),
            `${length} ${level} ${strategy}`,
          );
        }
      }
    }
  }
});

test("of 4,000 damaged streams the same are refused", () => {
  const [, few, repeated] = contents(3000);
  const streams = [0, 1, 9].flatMap((level) => [deflateRawSync(few!, { level }), deflateRawSync(repeated!, { level })]);
  streams.push(deflateRawSync(few!, { strategy: constants.Z_FIXED }));
  let refused = 0;
  for (let i = 0; i < 4000; i++) {
    const damaged = Buffer.from(streams[i % streams.length]!);
    for (let k = 0; k <= random(3); k++)
      damaged[random(random(2) === 0 ? 60 : damaged.length) % damaged.length]! ^= 1 << random(8);
    let expected: Buffer | null = null;
    try {
      const { buffer, engine } = inflateRawSync(damaged, { info: true }) as unknown as {
        buffer: Buffer;
        engine: { bytesWritten: number };
      };
      if (engine.bytesWritten === damaged.length) expected = buffer; // other bytes behind the stream are refused here
    } catch {
      refused++;
    }
    if (expected === null) assert.throws(() => inflate(damaged, [3000]), torch.SerializationError);
    else assert.ok(inflate(damaged, [expected.length]).equals(expected));
  }
  assert.ok(refused > 1000 && refused < 3999, `${refused} refused`);
});

test("streams that are shorter or longer than declared, cut off, or followed by other bytes", () => {
  const deflated = deflateRawSync(Buffer.alloc(1000, "abcd"));
  assert.throws(() => inflate(deflated, [1001]), /it holds 1000 bytes, not the 1001 it declares/);
  assert.throws(() => inflate(deflated, [999]), /longer than the 999 bytes it declares/);
  assert.throws(() => inflate(deflated.subarray(0, -1), [1000]), /unexpected end of file/);
  assert.throws(() => inflate(Buffer.concat([deflated, deflated]), [1000]), /other bytes follow it/);
  assert.ok(inflate(deflated, [10], 1000).equals(Buffer.from("abcdabcdab"))); // the beginning alone
});
