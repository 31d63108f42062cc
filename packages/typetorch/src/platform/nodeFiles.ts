/**
 * Files on Node: read by range, and replaced so that a crash at any moment leaves the old file or the new one.
 */
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { hostname } from "node:os";
import { kill, pid } from "node:process";
import { threadId } from "node:worker_threads";
import * as zlib from "node:zlib";
import { SerializationError } from "../core/errors.ts";
import { crc32 as crc32OfTable } from "./crc32.ts";
import type { FileMapping, Native, OpenFile, OpenFileAsync, Replacement } from "./types.ts";

/** zlib's CRC where Node has it (from 20.15 and 22.2 on). */
export const crc32OfNode: (bytes: Uint8Array, crc: number) => number =
  (zlib as { crc32?: (bytes: Uint8Array, crc: number) => number }).crc32 ?? crc32OfTable;

/** The most that one system call moves. */
const callBytes = 1 << 30;

function failed(doing: string, path: string, error: unknown): SerializationError {
  const code = (error as { code?: string }).code;
  const reasons: Record<string, string> = {
    ENOENT: "No such file or directory",
    EACCES: "Permission denied",
    EISDIR: "Is a directory",
    ENOSPC: "No space left on device",
    ENOTDIR: "Not a directory",
  };
  return new SerializationError(`cannot ${doing} '${path}': ${reasons[code ?? ""] ?? (error as Error).message}`);
}

function checkRegular(path: string, isFile: boolean): void {
  if (!isFile)
    throw new SerializationError(`cannot read '${path}': not a regular file`, "read it into memory and pass the bytes");
}

/** How many buffers over a mapping are left. */
interface Uses {
  readonly mapping: FileMapping;
  count: number;
}

/** Unmaps a file when the last buffer over it is gone. */
const mapped = new FinalizationRegistry<Uses>((uses) => {
  if (--uses.count === 0) uses.mapping.unmap();
});

function mapOpenFile(native: Native | null, fd: number, size: number): ReturnType<OpenFile["map"]> {
  const mapping = native?.mapFile(fd, size) ?? null;
  if (mapping === null) return null;
  const uses: Uses = { mapping, count: 0 };
  return (offset, nbytes) => {
    const address = mapping.address + offset;
    if (address % 64 !== 0 || nbytes === 0 || nbytes >= 2 ** 32) return null; // kernels want aligned storages, views have less than 4 GiB
    const buffer = mapping.view(offset, nbytes);
    uses.count++;
    mapped.register(buffer, uses);
    return { buffer, address };
  };
}

/** Opens a file. `native` gives the layer that maps files, when one is to be mapped. */
export function openFileWith(native: () => Native | null, path: string): OpenFile {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)); // a pipe without writer would block
  } catch (error) {
    throw failed("open", path, error);
  }
  try {
    const status = fstatSync(fd);
    checkRegular(path, status.isFile());
    return {
      size: status.size,
      descriptor: fd,
      read(into, position) {
        let done = 0;
        while (done < into.length) {
          const read = readSync(fd, into, done, Math.min(into.length - done, callBytes), position + done);
          if (read === 0) break;
          done += read;
        }
        return done;
      },
      map: () => mapOpenFile(native(), fd, status.size),
      close: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

export async function openFileAsync(path: string): Promise<OpenFileAsync> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw failed("open", path, error);
  }
  try {
    const status = await handle.stat();
    checkRegular(path, status.isFile());
    return {
      size: status.size,
      async read(into, position) {
        let done = 0;
        while (done < into.length) {
          const { bytesRead } = await handle.read(into, done, Math.min(into.length - done, callBytes), position + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        return done;
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

let replacements = 0;

/** Of this computer: processes are told apart by their numbers only on one of them, and folders may be shared. */
const host = crc32OfNode(new TextEncoder().encode(hostname()), 0).toString(16).padStart(8, "0");

/** The beginning of the names of temporary files for a target: the same for all processes. */
function temporaryPrefix(target: string): string {
  return `.${basename(target).slice(0, 100)}.${host}-`;
}

/** Removes what processes left that were killed while they wrote the target. */
function removeLeftOvers(target: string): void {
  const prefix = temporaryPrefix(target);
  for (const name of readdirSync(dirname(target))) {
    const writer =
      name.startsWith(prefix) && name.endsWith(".tmp") ? Number(/^\d+/.exec(name.slice(prefix.length))?.[0]) : Number.NaN;
    if (writer > 0 && !isAlive(writer)) rmSync(join(dirname(target), name), { force: true });
  }
}

function isAlive(process: number): boolean {
  try {
    return kill(process, 0);
  } catch (error) {
    return (error as { code?: string }).code !== "ESRCH"; // of another user
  }
}

export function replaceFile(path: string): Replacement {
  try {
    // Through a link, so that it stays one; a pipe or a device is written to as it is.
    const target = existsSync(path) ? realpathSync(path) : path;
    const old = existsSync(target) ? statSync(target) : null;
    if (old?.isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" });
    const inPlace = old !== null && !old.isFile();
    const own = `${temporaryPrefix(target)}${pid}-${threadId}-${replacements++}.tmp`;
    const written = inPlace ? target : join(dirname(target), own);
    if (!inPlace) {
      removeLeftOvers(target);
      rmSync(written, { force: true }); // of a process that had the same number
    }
    const fd = openSync(written, inPlace ? "w" : "wx");
    if (old !== null && !inPlace) fchmodSync(fd, old.mode & 0o777);
    return { write: writerOf(fd, path), ...ending(fd, path, written, inPlace ? null : target) };
  } catch (error) {
    throw failed("write", path, error);
  }
}

function writerOf(fd: number, path: string): (bytes: Uint8Array) => void {
  return (bytes) => {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, Math.min(bytes.length - done, callBytes));
    } catch (error) {
      throw failed("write", path, error);
    }
  };
}

function ending(fd: number, path: string, written: string, target: string | null): Pick<Replacement, "commit" | "abort"> {
  let open = true;
  const close = () => {
    if (open) closeSync(fd);
    open = false;
  };
  return {
    commit() {
      try {
        if (target !== null) fsyncSync(fd);
        close();
        if (target === null) return;
        renameSync(written, target);
        syncFolder(dirname(target));
      } catch (error) {
        throw failed("write", path, error);
      }
    },
    abort() {
      close();
      if (target !== null && existsSync(written)) unlinkSync(written);
    },
  };
}

/** Brings a folder's entries to the disk; not every system can. */
function syncFolder(folder: string): void {
  let fd: number;
  try {
    fd = openSync(folder, "r");
  } catch {
    return;
  }
  try {
    fsyncSync(fd);
  } catch {
    // the file itself is on the disk
  } finally {
    closeSync(fd);
  }
}

export function deflateRaw(bytes: Uint8Array): Uint8Array {
  return zlib.deflateRawSync(bytes);
}
