import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readByTeam } from "../../src/backends/cpu/readFile.ts";
import { native } from "../../src/backends/cpu/target.ts";
import { getNumThreads, setNumThreads } from "../../src/backends/cpu/team.ts";

test("the team reads a part of a file, and says so when there is less", () => {
  const folder = mkdtempSync(join(tmpdir(), "typetorch-read-"));
  const threads = getNumThreads();
  const able = native !== null && native.readRoutine !== 0;
  try {
    setNumThreads(3);
    const bytes = new Uint32Array(5_000_003);
    for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(i, 2654435761);
    const content = new Uint8Array(bytes.buffer);
    const path = join(folder, "data");
    writeFileSync(path, content);
    const descriptor = openSync(path, "r");
    const into = new Uint8Array(content.length - 8);
    assert.equal(readByTeam(descriptor, into, 5), able);
    if (able) assert.equal(Buffer.compare(into, content.subarray(5, content.length - 3)), 0);
    assert.equal(readByTeam(descriptor, into, 1000), false);
    assert.equal(readByTeam(descriptor, into.subarray(0, 100), 0), false, "too little to share");
    closeSync(descriptor);
    assert.equal(readByTeam(99_999, into, 0), false);
  } finally {
    setNumThreads(threads);
    rmSync(folder, { recursive: true });
  }
});
