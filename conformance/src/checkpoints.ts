/**
 * The suite of files: each of `checkpoints/index.json` must load to what its description says, or be refused with one of the library's own errors.
 */
import fs from "node:fs";
import path from "node:path";
import { type Api, Mismatch } from "./api.ts";
import { Describer } from "./describe.ts";
import { isObject, type Json, type JsonObject, readJson } from "./format.ts";
import { squeezenet } from "./squeezenet.ts";

interface Entry {
  readonly file: string;
  readonly expect: "load" | "refuse" | "load or clear error";
  readonly format?: string;
  readonly note?: string;
  readonly description?: string;
}

/** What a malicious pickle of the recorded files would leave behind, in the working directory. */
const traceOfExecution = "ORACLE_PICKLE_WAS_EXECUTED";

export interface FileCase {
  readonly op: string;
  readonly id: string;
  run(api: Api): void;
}

/** The cases of the folder `checkpoints` of a directory; none if it has no such folder. */
export function checkpointCases(directory: string): FileCase[] {
  const folder = path.join(directory, "checkpoints");
  const index = readJson(folder, "index.json") as unknown as Entry[] | null;
  if (index === null) return [];
  const cases: FileCase[] = index
    .filter((entry) => entry.file.endsWith(".pt"))
    .map((entry) => ({ op: entry.file, id: entry.note || entry.file, run: (api) => runFile(api, folder, entry) }));
  if (fs.existsSync(path.join(folder, "squeezenet1_1.logits.json"))) {
    cases.push({ op: "squeezenet1_1.pt", id: "logits", run: (api) => runSqueezenet(api, folder) });
  }
  return cases;
}

function runFile(api: Api, folder: string, entry: Entry): void {
  const file = path.join(folder, entry.file);
  const TorchError = api.torch.TorchError as new () => Error;
  const result = attempt(() => api.fn("load")(file));
  for (const place of [".", folder]) {
    if (fs.existsSync(path.join(place, traceOfExecution)))
      throw new Mismatch(`the file's code was run: there is ${traceOfExecution}`);
  }
  if ("error" in result) {
    if (!(result.error instanceof TorchError)) throw result.error;
    if (entry.expect === "load") throw new Mismatch(`refused: ${result.error.message}`);
    return;
  }
  const { value } = result;
  if (entry.expect === "refuse") throw new Mismatch("loaded, but it should be refused");
  if (entry.description === undefined) return;
  const expected = (readJson(folder, entry.description) as JsonObject).root!;
  compare(new Describer(api).describe(value), expected, "");
  // and once more through a file of our own
  const save = api.fn("save");
  const again = api.fn("load")(save(value));
  compare(new Describer(api).describe(again), expected, "saved and loaded again");
}

function attempt(action: () => unknown): { value: unknown } | { error: unknown } {
  try {
    return { value: action() };
  } catch (error) {
    return { error };
  }
}

/** Throws unless the descriptions are equal. Our one kind of number is an int where it is whole; sums are not compared, as there are checksums. */
function compare(actual: Json, expected: Json, at: string): void {
  if (isObject(actual) && typeof actual.$f === "number") {
    compare(actual.$f, expected, at);
    return;
  }
  if (isObject(expected) && typeof expected.$f === "number") {
    compare(actual, expected.$f, at);
    return;
  }
  if (isObject(expected) && expected.type === "float" && isObject(expected.value) && Number.isSafeInteger(expected.value.$f)) {
    compare(actual, { type: "int", value: String(expected.value.$f) }, at);
    return;
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) throw differs(actual, expected, at);
    expected.forEach((item, i) => compare(actual[i]!, item, `${at}[${i}]`));
  } else if (isObject(expected)) {
    if (!isObject(actual)) throw differs(actual, expected, at);
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      if (key !== "sum") compare(actual[key] ?? null, expected[key] ?? null, `${at}.${key}`);
    }
  } else if (!Object.is(actual, expected)) throw differs(actual, expected, at);
}

function differs(actual: Json, expected: Json, at: string): Mismatch {
  return new Mismatch(`${at}: ${JSON.stringify(actual).slice(0, 200)}, expected ${JSON.stringify(expected).slice(0, 200)}`);
}

/** The recorded input of a model: made of sines and cosines, so that it need not be stored. */
function input(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.37) + 0.5 * Math.cos(i * 0.011));
}

function runSqueezenet(api: Api, folder: string): void {
  const recorded = readJson(folder, "squeezenet1_1.logits.json") as unknown as { input_shape: number[]; logits: number[][] };
  const model = squeezenet();
  model.loadStateDict(api.fn("load")(path.join(folder, "squeezenet1_1.pt")) as never);
  model.eval();
  const flat = input(recorded.input_shape.reduce((a, b) => a * b, 1));
  const x = (api.fn("tensor")(flat) as { reshape(shape: number[]): never }).reshape(recorded.input_shape);
  const logits = (model.call(x) as { toArray(): unknown }).toArray() as number[][];
  recorded.logits.forEach((row, i) => {
    row.forEach((value, k) => {
      if (!(Math.abs(logits[i]![k]! - value) <= 1e-4))
        throw new Mismatch(`logit [${i}, ${k}] is ${logits[i]![k]}, expected ${value}`);
    });
  });
}
