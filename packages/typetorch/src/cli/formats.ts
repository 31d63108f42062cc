/**
 * Which format a file has: found in its bytes, because names lie.
 */
import { SerializationError } from "../core/errors.ts";
import { readSync } from "../serialization/bytes.ts";
import { isIndex } from "../serialization/safetensorsIndex.ts";
import { fileSource } from "../serialization/source.ts";
import { readZipDirectory } from "../serialization/zipReader.ts";

export type Format = "pt" | "safetensors" | "shards" | "npz" | "npy";

/** What each format is called. */
export const formatTitles: Readonly<Record<Format, string>> = {
  pt: "PyTorch checkpoint",
  safetensors: "safetensors",
  shards: "sharded safetensors",
  npz: "NumPy archive",
  npy: "NumPy array",
};

/** The format of a file. What is none of the others counts as PyTorch's, whose reader then says what is wrong. */
export function detectFormat(path: string): Format {
  if (isIndex(path)) return "shards";
  const source = fileSource(path);
  try {
    const head = source.read({ offset: 0, length: Math.min(source.size, 16) });
    const starts = (...bytes: number[]) => bytes.every((byte, k) => head[k] === byte);
    if (source.size === 0) throw new SerializationError(`${path} is empty`);
    if (starts(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)) return "npy";
    if (starts(0x50, 0x4b)) {
      const names = [...readSync(source, readZipDirectory(source)).entries.keys()];
      return names.length > 0 && names.every((name) => name.endsWith(".npy")) ? "npz" : "pt";
    }
    const isPickle = starts(0x80) && head[1]! <= 5;
    const looksLikeHeader = head[8] === 0x7b || /\.safetensors$/i.test(path);
    return looksLikeHeader && !isPickle ? "safetensors" : "pt";
  } finally {
    source.close();
  }
}

/** The format that a name to be written asks for; null for an extension that says nothing. */
export function formatOfName(path: string): Exclude<Format, "shards"> | null {
  const extension = /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase();
  if (extension === "safetensors" || extension === "npz" || extension === "npy") return extension;
  return extension === "pt" || extension === "pth" || extension === "bin" || extension === "ckpt" ? "pt" : null;
}
