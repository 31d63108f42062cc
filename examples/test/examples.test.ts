/**
 * Short runs of all examples: they end well and leave what they promise.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import torch from "typetorch";
import { loadGpt2 } from "../src/gpt2/load.ts";

// this file runs from dist/test
const run = (...args: string[]): string => {
  const script = fileURLToPath(new URL("../src/run.js", import.meta.url));
  const result = spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });
  assert.equal(result.status, 0, `${args.join(" ")}\n${result.stdout}${result.stderr}`);
  return result.stdout;
};

test("digits: trains, draws two pictures, saves the weights, and ends with JSON", () => {
  const out = mkdtempSync(join(tmpdir(), "typetorch-digits-"));
  try {
    const args = ["--epochs", "2", "--samples", "1280", "--batch-size", "64", "--seed", "3", "--json", "--out", out];
    const lines = run("digits", ...args)
      .trim()
      .split("\n");
    const result = JSON.parse(lines[lines.length - 1]!) as { testAccuracy: number; seconds: number };
    assert.ok(result.testAccuracy > 0.75 && result.testAccuracy <= 1, `test accuracy ${result.testAccuracy}`);
    assert.ok(result.seconds > 0);
    for (const [file, width] of [
      ["training.png", 1800],
      ["digits.png", 1832],
    ] as const) {
      const png = readFileSync(join(out, file));
      assert.equal(png.toString("latin1", 1, 4), "PNG");
      assert.equal(png.readUInt32BE(16), width);
      assert.ok(png.length > 20_000, `${file} has ${png.length} bytes`);
    }
    const weights = torch.loadSafetensors(join(out, "digits.safetensors"));
    assert.deepEqual(weights.get("conv2.weight")!.shape, [64, 32, 3, 3]);
    assert.equal(weights.size, 8);
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("digits: the same seed gives the same result", () => {
  const args = ["--epochs", "1", "--samples", "256", "--batch-size", "64", "--seed", "5"];
  const out = mkdtempSync(join(tmpdir(), "typetorch-digits-"));
  try {
    const [a, b] = [0, 1].map(() => run("digits", ...args, "--out", out).match(/loss \d+\.\d+ {2}test accuracy \d+\.\d+/)?.[0]);
    assert.ok(a !== undefined);
    assert.equal(a, b);
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("gpt: learns and writes", () => {
  const small = ["--steps", "30", "--batch-size", "8", "--context", "32", "--width", "32", "--layers", "2", "--samples", "2"];
  const output = run("gpt", ...small);
  const losses = [...output.matchAll(/on unseen text (\d+\.\d+)/g)].map((m) => Number(m[1]));
  assert.equal(losses.length, 2);
  assert.ok(losses[1]! < Math.log(75), `loss ${losses[1]} is no better than guessing`);
  assert.ok(output.split("\n  | ").length >= 3, output);
});

test("names: better than guessing after one short epoch", () => {
  const output = run("names", "--epochs", "1", "--samples", "1500", "--batch-size", "32");
  const accuracy = Number(/Test accuracy (\d+\.\d+) %/.exec(output)?.[1]);
  assert.ok(accuracy > 58, output);
});

test("customFunction: the derivative is the one written, and training works by it", () => {
  const output = run("customFunction", "--steps", "150");
  assert.match(output, /passes the gradients 0,1,1,0/);
  const accuracy = Number(/Test accuracy (\d+\.\d+) %/.exec(output)?.[1]);
  assert.ok(accuracy > 80, output);
});

test("vgg: prints its nested modules and learns", () => {
  const output = run("vgg", "--steps", "12", "--batch-size", "16");
  assert.match(output, /\(features\): Sequential\([\s\S]*\(0\): Stage\([\s\S]*\(0\): ConvUnit\(/);
  const losses = [...output.matchAll(/loss (\d+\.\d+)/g)].map((m) => Number(m[1]));
  assert.ok(losses.length > 2 && losses[losses.length - 1]! < losses[0]! + 0.5, output);
});

test("gpt2: published weights, in shards written by Python, give PyTorch's scores", () => {
  const folder = fileURLToPath(new URL("../../test/fixtures/gpt2/", import.meta.url));
  const { heads, tokens, scores } = JSON.parse(readFileSync(join(folder, "scores.json"), "utf8")) as {
    heads: number;
    tokens: number[][];
    scores: number[][][];
  };
  const { model, config } = loadGpt2(join(folder, "model.safetensors.index.json"), heads);
  assert.deepEqual(config, { vocabulary: 13, context: 6, width: 8, layers: 2, heads: 2 });
  const computed = model.call(torch.tensor(tokens, { dtype: torch.int64 }));
  assert.ok(torch.allclose(computed, torch.tensor(scores), { rtol: 1e-5, atol: 1e-5 }));
});

test("gpt2: writes a small model in shards, loads it and adds tokens", () => {
  const out = mkdtempSync(join(tmpdir(), "typetorch-gpt2-"));
  try {
    const output = run("gpt2", "--out", out, "--length", "5");
    assert.match(output, /model\.safetensors\.index\.json: 2 layers of 64, 4 heads, 105344 parameters\ntokens 15 3 7( \d+){5}\n/);
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("an unknown name or option says what there is", () => {
  const script = fileURLToPath(new URL("../src/run.js", import.meta.url));
  const unknown = spawnSync(process.execPath, [script, "nothing"], { encoding: "utf8" });
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /There is no example 'nothing'/);
  const option = spawnSync(process.execPath, [script, "names", "--colour", "red"], { encoding: "utf8" });
  assert.equal(option.status, 2);
  assert.match(option.stderr, /--colour/);
  assert.match(run("names", "--help"), /--hidden N +size of the LSTM's state \(default: 64\)/);
});
