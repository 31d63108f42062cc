/**
 * Sharded sets: `model.safetensors.index.json` names the file of each tensor.
 */
import { SerializationError } from "../core/errors.ts";
import type { Reader } from "./bytes.ts";
import { JsonScanner, shorten } from "./jsonScanner.ts";
import type { SafetensorsHeader } from "./safetensorsHeader.ts";
import type { AsyncInput } from "./source.ts";

/** Which file has which tensor. */
export interface ShardIndex {
  readonly name: string;
  /** The shards' file names, in the order in which the index first names them. */
  readonly files: readonly string[];
  readonly fileOf: ReadonlyMap<string, string>;
}

/** An index longer than this is refused: a hundred bytes for each of a million tensors. */
const maxIndexBytes = 100_000_000;

/** Whether what is to be opened is an index, by its name. */
export function isIndex(input: AsyncInput): input is string | URL {
  const name = input instanceof URL ? input.pathname : input;
  return typeof name === "string" && /\.json(\?[^/]*)?$/.test(name);
}

/** Where a shard lies: beside its index. */
export function shardInput(index: string | URL, file: string): string | URL {
  if (index instanceof URL || /^(https?|blob|data):/.test(index)) return new URL(encodeURIComponent(file), index);
  return index.replace(/[^/\\]*$/, "") + file;
}

/** Reads and checks an index. A shard is a file beside it: names with a path are refused. */
export function* readIndex(name: string, size: number): Reader<ShardIndex> {
  const refuse = (message: string): never => {
    throw new SerializationError(
      `${name}: ${message}`,
      'an index is {"metadata": {…}, "weight_map": {"tensor name": "model-00001-of-00002.safetensors", …}}',
    );
  };
  if (size > maxIndexBytes) refuse(`${size} bytes are too long for an index of shards`);
  const bytes = yield { offset: 0, length: size };
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return refuse("invalid UTF-8 in the index");
  }
  const json = new JsonScanner(text, (message) => refuse(`invalid JSON in the index: ${message}`));
  const found: { fileOf?: Map<string, string> } = {};
  json.members((key) => {
    if (key === "weight_map") found.fileOf = json.strings();
    else json.skipValue();
  });
  json.end();
  const { fileOf } = found;
  if (fileOf === undefined) return refuse("has no weight_map");
  for (const [tensor, file] of fileOf) {
    if (!/^[^/\\:\0]+\.safetensors$/.test(file) || file.startsWith(".")) {
      refuse(`weight_map['${shorten(tensor)}'] is '${shorten(file)}', which is not the name of a shard beside the index`);
    }
  }
  return { name, files: [...new Set(fileOf.values())], fileOf };
}

/** Checks that the shards have exactly the tensors that the index says. */
export function checkShards(index: ShardIndex, headers: readonly SafetensorsHeader[]): void {
  const refuse = (message: string): never => {
    throw new SerializationError(`${index.name}: ${message}`, "the index and its shards are not of one set; download them again");
  };
  for (const [k, file] of index.files.entries()) {
    for (const tensor of headers[k]!.tensors.keys()) {
      if (index.fileOf.get(tensor) !== file) refuse(`the tensor '${tensor}' is in ${file}, but not by the index`);
    }
  }
  const headerOf = new Map(index.files.map((file, k) => [file, headers[k]!]));
  for (const [tensor, file] of index.fileOf) {
    if (!headerOf.get(file)!.tensors.has(tensor)) refuse(`the tensor '${tensor}' is not in ${file}`);
  }
}
