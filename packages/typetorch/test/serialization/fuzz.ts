/**
 * Mutates valid files and loads them: each must load, or end in one of the library's own errors, soon and without much memory, be it tensors or JavaScript's own
 * objects. `npm run fuzz -- --count 20000` runs many; the unit tests run some of them.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as torch from "../../src/index.ts";
import { readSync } from "../../src/serialization/bytes.ts";
import { PickleAccount } from "../../src/serialization/pickleAccount.ts";
import { memorySink } from "../../src/serialization/sink.ts";
import { memorySource } from "../../src/serialization/source.ts";
import { readEntry, readZipDirectory } from "../../src/serialization/zipReader.ts";
import { ZipWriter } from "../../src/serialization/zipWriter.ts";

/** A load may take so many times the file, and so much in any case. */
const mostTimes = 4;
const alwaysAllowed = 1 << 20;
/** Where opcodes were repeated, objects may take so many bytes for each byte of the pickle, see docs/serialization.md. */
const objectBytes = 40;

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
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(16))]);
        break;
      case 5: {
        const piece = bytes.subarray(at, at + 1 + random(64));
        const to = place();
        bytes = Buffer.concat([bytes.subarray(0, to), piece, bytes.subarray(to)]);
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

/** Opcodes that make much of little, and text that does so in headers. */
const runs = [
  "}",
  "]",
  ")",
  "(",
  "N",
  "2",
  "0",
  "\x8f",
  "}\x94",
  "]\x94",
  "N\x85",
  "(t",
  "(l",
  "(d",
  "h\0",
  "G",
  "\x8b\xff\xff\xff\x7f",
  "[",
  "{",
  '"a":',
  "9",
  "0,",
  " ",
];

/** A copy with a run of opcodes, up to 50,000 times the same. */
function repeat(original: Uint8Array, random: (n: number) => number): Uint8Array {
  const piece = Buffer.from(runs[random(runs.length)]!, "latin1");
  const at = random(original.length + 1);
  const run = Buffer.alloc(piece.length * (1 << random(16)), piece);
  return Buffer.concat([original.subarray(0, at), run, original.subarray(at)]);
}

export interface Outcome {
  loaded: number;
  refused: number;
  /** Milliseconds of the slowest load, and of which mutation. */
  slowest: number;
  slowestAt: number;
  /** The most memory of tensors and of the heap that a load took beyond 1 MiB, in units of the file, where no opcodes were repeated. */
  mostMemory: number;
  /** How often memory was looked at closely, as what is in use and garbage together were too much. */
  looks: number;
  failures: string[];
}

/** Where a file's structure stands: the pickle, the header, and of an archive the headers and the directory. */
function structureOf(bytes: Uint8Array): [number, number][] {
  const text = Buffer.from(bytes).toString("latin1");
  const out: [number, number][] = [];
  for (const signature of ["PK\x01\x02", "PK\x03\x04", "PK\x05\x06", "PK\x06\x06", "PK\x06\x07"]) {
    for (let at = text.indexOf(signature); at >= 0; at = text.indexOf(signature, at + 1)) out.push([at, at + 46]);
  }
  for (let at = text.indexOf("\x80\x02"); at >= 0; at = text.indexOf("\x80\x02", at + 1)) out.push([at, at + 400]);
  return out.length > 0 ? out : [[0, 400]];
}

/**
 * A valid file; of an archive also a file inside of it (the pickle, or an array), with a function that packs another one in its place: a CRC keeps changes inside of
 * archives from being read.
 */
export interface Subject {
  readonly bytes: Uint8Array;
  /** Bytes when decompressed. */
  readonly size: number;
  readonly inside: Uint8Array | null;
  readonly repack: (inside: Uint8Array) => Uint8Array;
}

/** The files of a folder of recorded checkpoints that are valid. */
export function validFiles(folder: string): string[] {
  const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as { file: string; expect: string }[];
  return index.filter(({ expect }) => expect === "load").map(({ file }) => join(folder, file));
}

/** Prepares a file for being mutated. */
export function subjectOf(bytes: Uint8Array): Subject {
  const source = memorySource(bytes);
  let entries: { name: string; stored: boolean; content: Uint8Array }[] = [];
  try {
    const archive = readSync(source, readZipDirectory(source));
    entries = [...archive.entries.values()].map((entry) => ({
      name: entry.name,
      stored: entry.stored,
      content: readSync(source, readEntry(archive, entry)).slice(),
    }));
  } catch {
    // no archive
  }
  const at = entries.findIndex(({ name }) => /data\.pkl$|\.npy$/.test(name));
  return {
    bytes,
    size: Math.max(bytes.length, entries.reduce((sum, { content }) => sum + content.length, 0)), // biome-ignore format: short
    inside: entries[at]?.content ?? null,
    repack(inside) {
      const zip = new ZipWriter();
      const sink = memorySink();
      entries.forEach(({ name, stored, content: old }, i) => {
        const content = i === at ? inside : old;
        const pieces = stored ? zip.add(name, [content], content.length) : zip.addDeflated(name, [content], content.length);
        for (const piece of pieces) sink.write(piece);
      });
      for (const piece of zip.finish()) sink.write(piece);
      return sink.bytes;
    },
  };
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Collects garbage and waits for the bytes of dead buffers to be freed, which the next collection does. */
function clear(): void {
  collect();
  collect();
}

/** Tensors and heap, garbage included. */
function memory(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** The most memory in use while a function runs, without garbage: what it makes of pickles is looked at on the way. */
function inUse(run: () => unknown): number {
  clear();
  const before = memory();
  let most = 0;
  const look = () => {
    collect();
    most = Math.max(most, memory() - before);
  };
  const { spend } = PickleAccount.prototype;
  let next = alwaysAllowed / 4;
  let spent = 0;
  PickleAccount.prototype.spend = function (this: PickleAccount, bytes: number) {
    spent += bytes;
    if (spent > next) {
      next = spent + alwaysAllowed / 4;
      look();
    }
    spend.call(this, bytes);
  };
  let result: unknown;
  try {
    result = run();
  } catch (error) {
    result = error;
  } finally {
    PickleAccount.prototype.spend = spend;
  }
  look();
  return result === most ? 0 : most; // the result is held until here
}

function timeOf(run: () => unknown): number {
  const start = performance.now();
  try {
    run();
  } catch {
    // refused
  }
  return performance.now() - start;
}

/** Loads `count` mutations of the files. */
export function fuzz(
  subjects: readonly Subject[],
  count: number,
  seed: number,
  load: (bytes: Uint8Array) => unknown = torch.load,
): Outcome {
  const random = randomNumbers(seed);
  const outcome: Outcome = { loaded: 0, refused: 0, slowest: 0, slowestAt: -1, mostMemory: 0, looks: 0, failures: [] };
  const structures = subjects.map(({ bytes }) => structureOf(bytes));
  for (let i = 0; i < count; i++) {
    const k = random(subjects.length);
    const { bytes, size, inside, repack } = subjects[k]!;
    const isRun = random(10) === 0;
    const change = (part: Uint8Array, focus: [number, number][]) => (isRun ? repeat(part, random) : mutate(part, random, focus));
    const part = inside !== null && random(3) > 0 ? change(inside, [[0, 400]]) : null;
    const mutated = part === null ? change(bytes, structures[k]!) : repack(part);
    if (i % 64 === 0) clear(); // garbage that went while a file is loaded would hide what the file takes
    const before = memory();
    const start = performance.now();
    try {
      load(mutated);
      outcome.loaded++;
    } catch (error) {
      if (error instanceof torch.TorchError) outcome.refused++;
      else outcome.failures.push(`mutation ${i} of seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    let time = performance.now() - start;
    if (time > 300)
      time = Math.min(
        time,
        timeOf(() => load(mutated)),
      ); // another process may have had the machine
    if (time > outcome.slowest) [outcome.slowest, outcome.slowestAt] = [time, i];
    const length = Math.max(mutated.length, size, part?.length ?? 0);
    const objects = isRun ? objectBytes * length : 0;
    let used = memory() - before;
    // again: small tensors share slabs of memory, and one of the loads has to get the next
    for (let looks = 0; looks < 3 && used > alwaysAllowed; looks++) {
      outcome.looks++;
      used = Math.min(
        used,
        inUse(() => load(mutated)),
      );
    }
    if (!isRun) outcome.mostMemory = Math.max(outcome.mostMemory, (used - alwaysAllowed) / length);
    if (used > alwaysAllowed + mostTimes * length + objects)
      outcome.failures.push(`mutation ${i} of seed ${seed}: ${used} bytes of memory for a file of ${length}`);
  }
  return outcome;
}

/** A format of files: how they are loaded, and valid ones. */
export interface Format {
  readonly name: string;
  readonly load: (bytes: Uint8Array) => unknown;
  readonly files: readonly Uint8Array[];
}

/** The formats, with the recorded checkpoints of a folder and files that are made here, among them some of more than a megabyte. */
export function formats(recorded: string): Format[] {
  const model = new torch.nn.Sequential(new torch.nn.Linear(40, 80), new torch.nn.BatchNorm1d(80), new torch.nn.Linear(80, 2));
  const state = model.stateDict();
  const large = new Map([...state, ["large", torch.ones(300, 1000)], ["bits", torch.ones(50_000).gt(0)]]);
  const checkpoints = validFiles(recorded).map((file) => readFileSync(file));
  const isArchive = (bytes: Uint8Array) => bytes[0] === 0x50 && bytes[1] === 0x4b;
  const arrays = { a: torch.ones(3, 4), b: torch.arange(5), t: torch.ones(30, 40).t() };
  const ramp = torch.arange(300_000).remainder(1000);
  return [
    { name: "zip", load: torch.load, files: [...checkpoints.filter(isArchive), torch.save(large)] },
    { name: "legacy", load: torch.load, files: checkpoints.filter((bytes) => !isArchive(bytes)) },
    {
      name: "safetensors",
      load: torch.loadSafetensors,
      files: [
        torch.saveSafetensors(state, { metadata: { format: "pt" } }),
        torch.saveSafetensors(arrays),
        torch.saveSafetensors(large),
      ],
    },
    {
      name: "npy",
      load: torch.loadNpy,
      files: [...Object.values(arrays), torch.ones(2, 3).gt(0), torch.tensor(1), ramp].map((x) => torch.saveNpy(x)),
    },
    { name: "npz", load: torch.loadNpz, files: [torch.saveNpz(arrays), torch.saveNpz({ ramp })] },
    {
      name: "npz, deflated",
      load: torch.loadNpz,
      files: [
        torch.saveNpz(arrays, { compressed: true }),
        torch.saveNpz({ ramp: ramp.narrow(0, 0, 40_000), zeros: torch.zeros(1000, 300) }, { compressed: true }),
      ],
    },
  ];
}
