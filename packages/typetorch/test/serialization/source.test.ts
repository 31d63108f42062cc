/**
 * Sources and sinks of bytes: files, memory, blobs, servers with and without ranges; replacing files.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync, lstatSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { SerializationError } from "../../src/core/errors.ts";
import { crc32 as crc32OfTable } from "../../src/platform/crc32.ts";
import { crc32 } from "../../src/platform/index.ts";
import { type AsyncByteSource, type ByteSource, type Reader, readAsync, readSync } from "../../src/serialization/bytes.ts";
import { fileSink, memorySink, writeTo } from "../../src/serialization/sink.ts";
import {
  blobSource,
  fileSource,
  fileSourceAsync,
  memorySource,
  openSource,
  urlSource,
  withProgress,
} from "../../src/serialization/source.ts";

const folder = mkdtempSync(join(tmpdir(), "typetorch-source-"));
after(() => rmSync(folder, { recursive: true }));

const content = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
const path = join(folder, "content.bin");
writeFileSync(path, content);

/** Reads ranges in every way there is, and checks them against `content`. */
function* everyRange(size: number): Reader<number> {
  let read = 0;
  for (const [offset, length] of [
    [0, 10],
    [5, 0],
    [size - 22, 22],
    [1000, 300_000],
    [0, size],
    [size, 0],
  ] as const) {
    const expected = content.subarray(offset, offset + length);
    const bytes = yield { offset, length };
    assert.ok(Buffer.from(bytes).equals(expected));
    const into = new Uint8Array(length);
    let crc = 0;
    yield { offset, length, into, each: (piece) => (crc = crc32(piece, crc)) };
    assert.ok(Buffer.from(into).equals(expected));
    assert.equal(crc, crc32(expected, 0));
    read += 2 * length;
  }
  return read;
}

async function checkSource(open: () => ByteSource | AsyncByteSource | Promise<AsyncByteSource>): Promise<void> {
  const source = await open();
  assert.equal(source.size, content.length);
  assert.ok((await readAsync(source, everyRange(content.length))) > 0);
  await source.close();
}

test("memory, files and blobs give the bytes of every range", async () => {
  assert.ok(readSync(memorySource(content), everyRange(content.length)) > 0);
  assert.ok(readSync(memorySource(content.buffer), everyRange(content.length)) > 0);
  const file = fileSource(path);
  assert.ok(readSync(file, everyRange(content.length)) > 0);
  file.close();
  await checkSource(() => fileSourceAsync(path));
  await checkSource(() => blobSource(new Blob([content])));
});

test("a file that is not there, a folder and a wrong argument are clear errors", async () => {
  assert.throws(() => fileSource(join(folder, "none")), /cannot open '.*none': No such file or directory/);
  assert.throws(() => fileSource(folder), SerializationError);
  await assert.rejects(fileSourceAsync(join(folder, "none")), SerializationError);
  assert.throws(() => openSource(3 as never, "load"), /load: expected a path, a Uint8Array or an ArrayBuffer, but got a number/);
});

/** A server of `content`: with ranges, without, or one whose file changes after the first request. */
async function serve(kind: "ranges" | "whole" | "changing", requests: string[] = []): Promise<[Server, string]> {
  const server = createServer((request, response) => {
    const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "");
    requests.push(request.headers.range ?? "");
    if (kind === "whole" || range === null)
      return void response.writeHead(200, { "Content-Length": content.length }).end(content);
    const first = Number(range[1]);
    const last = Math.min(Number(range[2]), content.length - 1);
    response.writeHead(206, {
      "Content-Range": `bytes ${first}-${last}/${content.length}`,
      ETag: kind === "changing" ? `"${requests.length}"` : '"1"',
    });
    response.end(content.subarray(first, last + 1));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return [server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/content.bin`];
}

test("a server is asked for ranges, or for the whole file where it knows none", async () => {
  for (const kind of ["ranges", "whole"] as const) {
    const requests: string[] = [];
    const [server, url] = await serve(kind, requests);
    const seen: number[] = [];
    await checkSource(() => urlSource(url, (loaded) => seen.push(loaded)));
    assert.ok(seen.length > 0 && seen.at(-1)! <= content.length, `${seen}`);
    if (kind === "ranges") assert.ok(requests.every((range) => range !== ""));
    else assert.equal(requests.length, 1);
    server.closeAllConnections();
    server.close();
  }
});

test("a file that changes on the server while it is read is noticed", async () => {
  const [server, url] = await serve("changing");
  await assert.rejects(
    checkSource(() => urlSource(url)),
    /changed while it was read/,
  );
  server.closeAllConnections();
  server.close();
  await assert.rejects(urlSource(url), /cannot be fetched/);
});

test("progress counts the bytes up to the file's size", () => {
  const seen: [number, number][] = [];
  const source = withProgress(memorySource(content), (loaded, total) => seen.push([loaded, total]));
  source.read({ offset: 0, length: content.length });
  assert.equal(seen.length, Math.ceil(content.length / 2 ** 20));
  assert.deepEqual(seen.at(-1), [content.length, content.length]);
});

test("a sink in memory holds what was written", () => {
  const sink = memorySink(4);
  writeTo(
    sink,
    [...Array(1000).keys()].map((i) => content.subarray(i, i + 3)),
  );
  assert.equal(sink.offset, 3000);
  assert.deepEqual(
    [...sink.bytes.subarray(2990)],
    [...Array(1000).keys()].flatMap((i) => [...content.subarray(i, i + 3)]).slice(2990),
  );
});

test("a file is replaced when it is complete, and otherwise stays as it was", () => {
  const target = join(folder, "target.bin");
  const link = join(folder, "link.bin");
  writeFileSync(target, "old");
  symlinkSync("target.bin", link);
  function* interrupted(): Generator<Uint8Array> {
    yield content;
    throw new Error("interrupted");
  }
  assert.throws(() => writeTo(fileSink(target), interrupted()), /interrupted/);
  assert.equal(readFileSync(target, "utf8"), "old");
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith(".tmp")),
    [],
  );
  function* pieces(): Generator<Uint8Array> {
    yield content.subarray(0, 5);
    yield content.subarray(5, 400_000);
    yield content.subarray(400_000);
    assert.equal(readFileSync(target, "utf8"), "old");
  }
  const sink = writeTo(fileSink(link), pieces());
  assert.equal(sink.offset, content.length);
  assert.ok(readFileSync(target).equals(content));
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith(".tmp")),
    [],
  );
  assert.throws(() => fileSink(join(folder, "none", "x")), /cannot write '.*x': No such file or directory/);
  assert.throws(() => fileSink(folder), /Is a directory/);
  assert.ok(existsSync(target));
});

test("the CRC by tables is zlib's", () => {
  for (const length of [0, 1, 7, 8, 9, 1000]) {
    const bytes = content.subarray(3, 3 + length);
    assert.equal(crc32OfTable(bytes, 0), crc32(bytes, 0));
    assert.equal(crc32OfTable(bytes, 123), crc32(bytes, 123));
  }
  assert.equal(crc32OfTable(new TextEncoder().encode("123456789"), 0), 0xcbf43926);
});
