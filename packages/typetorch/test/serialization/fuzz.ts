/**
 * Mutates valid files and loads them: each must load, or end in one of the library's own errors, soon and without much memory. `npm run fuzz -- --count 20000` runs
 * many; the unit tests run some of them.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import * as torch from "../../src/index.ts";
import { readSync } from "../../src/serialization/bytes.ts";
import { memorySink } from "../../src/serialization/sink.ts";
import { memorySource } from "../../src/serialization/source.ts";
import { readEntry, readZipDirectory } from "../../src/serialization/zipReader.ts";
import { ZipWriter } from "../../src/serialization/zipWriter.ts";

/** Small tensors share slabs of memory, half of one at most: below this a file's size says nothing. */
const leastCounted = 32 << 10;

/** Numbers below n, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): (n: number) => number {
  let state = seed | 0;
  return (n) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

const interesting = [0, 1, 2, 0x7f, 0x80, 0xff, 0x28, 0x2e, 0x52, 0x5d, 0x7d, 0x8b, 0x8d, 0x8e, 0x94, 0x95];
const lengths = [0, 1, 255, 256, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** A changed copy: bits, bytes, lengths, pieces cut out, doubled, moved, or the end cut off; mostly near `focus`, where the structure is. */
export function mutate(
  original: Uint8Array,
  random: (n: number) => number,
  focus: readonly (readonly [number, number])[],
): Uint8Array {
  let bytes = original.slice();
  const place = (): number => {
    if (bytes.length === 0) return 0;
    const [from, to] = focus.length > 0 && random(4) > 0 ? focus[random(focus.length)]! : [0, bytes.length];
    return Math.min(from + random(Math.max(to - from, 1)), bytes.length - 1);
  };
  for (let changes = 1 + random(3); changes > 0 && bytes.length > 0; changes--) {
    const at = place();
    switch (random(8)) {
      case 0:
        bytes[at]! ^= 1 << random(8);
        break;
      case 1:
        bytes[at] = random(256);
        break;
      case 2:
        bytes[at] = interesting[random(interesting.length)]!;
        break;
      case 3: {
        const value = lengths[random(lengths.length)]!;
        for (let i = 0; i < 4 && at + i < bytes.length; i++) bytes[at + i] = (value >>> (8 * i)) & 255;
        break;
      }
      case 4:
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random(16))]);
        break;
      case 5: {
        const piece = bytes.subarray(at, at + 1 + random(64));
        const to = place();
        bytes = Uint8Array.from([...bytes.subarray(0, to), ...piece, ...bytes.subarray(to)]);
        break;
      }
      case 6: {
        const piece = bytes.slice(at, at + 1 + random(32));
        bytes.set(piece, Math.min(place(), bytes.length - piece.length));
        break;
      }
      default:
        if (random(4) === 0) bytes = bytes.slice(0, at);
        else bytes[at] = (bytes[at]! + 1) & 255;
    }
  }
  return bytes;
}

export interface Outcome {
  loaded: number;
  refused: number;
  /** Milliseconds of the slowest load, and of which mutation. */
  slowest: number;
  slowestAt: number;
  /** Most bytes that a load asked for, in units of the file's size. */
  mostMemory: number;
  failures: string[];
}

/** Where a file's structure stands: the pickle, and of an archive the headers and the directory. */
function structureOf(bytes: Uint8Array): [number, number][] {
  const text = Buffer.from(bytes).toString("latin1");
  const out: [number, number][] = [];
  for (const signature of ["PK\x01\x02", "PK\x03\x04", "PK\x05\x06", "PK\x06\x06", "PK\x06\x07"]) {
    for (let at = text.indexOf(signature); at >= 0; at = text.indexOf(signature, at + 1)) out.push([at, at + 46]);
  }
  for (let at = text.indexOf("\x80\x02"); at >= 0; at = text.indexOf("\x80\x02", at + 1)) out.push([at, at + 400]);
  return out;
}

/** A valid file; of an archive also its pickle, with a function that packs another one in its place: a CRC keeps changes inside of archives from being read. */
export interface Subject {
  readonly bytes: Uint8Array;
  readonly pickle: Uint8Array | null;
  readonly repack: (pickle: Uint8Array) => Uint8Array;
}

/** The files of a folder of recorded checkpoints that are valid. */
export function validFiles(folder: string): string[] {
  const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as { file: string; expect: string }[];
  return index.filter(({ expect }) => expect === "load").map(({ file }) => join(folder, file));
}

/** Prepares a file for being mutated. */
export function subjectOf(bytes: Uint8Array): Subject {
  const source = memorySource(bytes);
  let entries: [string, Uint8Array][] = [];
  try {
    const archive = readSync(source, readZipDirectory(source));
    entries = [...archive.entries.values()].map((entry) => [entry.name, readSync(source, readEntry(archive, entry))]);
  } catch {
    // no archive
  }
  const at = entries.findIndex(([name]) => name.endsWith("data.pkl"));
  return {
    bytes,
    pickle: entries[at]?.[1] ?? null,
    repack(pickle) {
      const zip = new ZipWriter();
      const sink = memorySink();
      const contents = entries.map(([name, content], i): [string, Uint8Array] => [name, i === at ? pickle : content]);
      for (const [name, content] of contents) for (const piece of zip.add(name, [content], content.length)) sink.write(piece);
      for (const piece of zip.finish()) sink.write(piece);
      return sink.bytes;
    },
  };
}

/** Loads `count` mutations of the files. */
export function fuzz(subjects: readonly Subject[], count: number, seed: number): Outcome {
  const random = randomNumbers(seed);
  const outcome: Outcome = { loaded: 0, refused: 0, slowest: 0, slowestAt: -1, mostMemory: 0, failures: [] };
  const structures = subjects.map(({ bytes }) => structureOf(bytes));
  for (let i = 0; i < count; i++) {
    const k = random(subjects.length);
    const { bytes, pickle, repack } = subjects[k]!;
    const inPickle = pickle !== null && random(3) > 0;
    const mutated = inPickle ? repack(mutate(pickle, random, [])) : mutate(bytes, random, structures[k]!);
    const before = process.memoryUsage().arrayBuffers;
    const start = performance.now();
    try {
      torch.load<unknown>(mutated);
      outcome.loaded++;
    } catch (error) {
      if (error instanceof torch.TorchError) outcome.refused++;
      else outcome.failures.push(`mutation ${i} of seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    const time = performance.now() - start;
    const used = (process.memoryUsage().arrayBuffers - before) / Math.max(mutated.length, leastCounted);
    if (time > outcome.slowest) [outcome.slowest, outcome.slowestAt] = [time, i];
    outcome.mostMemory = Math.max(outcome.mostMemory, used);
  }
  return outcome;
}
