/**
 * The library in pages: as one file in a script tag, and bundled with a program; under a strict content security policy; how large it is.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import * as torch from "typetorch";
import { root } from "../src/root.ts";
import { launchChromium } from "../src/chromium.ts";
import { bundleLibrary, measurePrograms, programs, singleFile } from "../src/library.ts";
import { serve } from "../src/server.ts";

/** Trains a few steps and tells the loss before and after. */
const program = `
torch.manualSeed(0);
const model = new torch.nn.Sequential(new torch.nn.Linear(4, 16), new torch.nn.Tanh(), new torch.nn.Linear(16, 2));
const optimizer = new torch.optim.Adam(model.parameters(), { lr: 0.01 });
const x = torch.randn(64, 4);
const y = x.sum(1).gt(0).to(torch.int64);
const losses = [];
for (let step = 0; step < 50; step++) {
  optimizer.zeroGrad();
  const loss = torch.nn.functional.crossEntropy(model.call(x), y);
  loss.backward();
  optimizer.step();
  losses.push(loss.item());
}
const result = { first: losses[0], last: losses[49], printed: String(model) };
`;

interface Result {
  readonly first: number;
  readonly last: number;
  readonly printed: string;
}

const PRINTED = `Sequential(
  (0): Linear(in_features=4, out_features=16, bias=True)
  (1): Tanh()
  (2): Linear(in_features=16, out_features=2, bias=True)
)`;

let whole = "";
let browser: Browser;

before(async () => {
  execFileSync(process.execPath, [join(root, "browser/dist/src/build.js")]);
  whole = readFileSync(singleFile, "utf8");
  browser = await launchChromium();
});
after(() => browser.close());

/** Opens a page with this script and gives what the script puts into the global `result`. */
async function resultOf<R = Result>(
  script: string,
  options: { isolated?: boolean; contentSecurityPolicy?: string } = {},
): Promise<R> {
  const server = await serve({
    ...options,
    files: new Map([
      ["/", { type: "text/html", body: '<!doctype html><meta charset="utf-8"><script type="module" src="page.js"></script>' }],
      ["/page.js", { type: "text/javascript", body: script }],
      ["/typetorch.js", { type: "text/javascript", body: whole }],
    ]),
  });
  const page = await browser.newPage();
  try {
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(server.address);
    await page.waitForFunction("globalThis.result !== undefined", undefined, { timeout: 20_000 }).catch((error: Error) => {
      throw new Error(errors.length > 0 ? errors.join("\n") : error.message);
    });
    return (await page.evaluate("globalThis.result")) as R;
  } finally {
    await page.close();
    await server.close();
  }
}

function check({ first, last, printed }: Result): void {
  assert.ok(first > 0.5 && first < 1, `loss ${first} at the start`);
  assert.ok(last < first - 0.2, `loss ${first} at the start, ${last} after 50 steps`);
  assert.equal(printed, PRINTED);
}

const asOneFile = `import torch from "./typetorch.js";\n${program}\nglobalThis.result = result;`;
test("one file in a script tag trains, with and without cross-origin isolation", async () => {
  check(await resultOf(asOneFile));
  check(await resultOf(asOneFile, { isolated: false }));
});

/** Large products on one thread and on several, while the workers come up: how many of them, whether all results have the same bits, what was complained about. */
const threads = `
const complaints = [];
console.warn = (text) => complaints.push(text);
let workers = 0;
const Original = globalThis.Worker;
globalThis.Worker = class extends Original {
  constructor(...args) {
    super(...args);
    workers++;
    this.addEventListener("error", (event) => complaints.push(event.message));
  }
};
const a = torch.randn(300, 300);
const b = torch.randn(300, 300);
torch.setNumThreads(1);
const alone = [...a.matmul(b).data];
torch.setNumThreads(3);
let same = true;
for (let round = 0; round < 40; round++) {
  const together = a.matmul(b).data;
  same &&= alone.every((value, k) => value === together[k]);
  await new Promise((resolve) => setTimeout(resolve, 10));
}
const result = { workers, same, complaints };
`;
test("threads share large products, for a page and for a program in a worker", async () => {
  const expected = { workers: 2, same: true, complaints: [] };
  const library = 'import torch from "./typetorch.js";\n';
  assert.deepEqual(await resultOf(`${library}${threads}\nglobalThis.result = result;`), expected);
  const inWorker = `${library}${threads}\npostMessage(result);`;
  const page = `
    const url = URL.createObjectURL(new Blob([${JSON.stringify(inWorker)}.replace("./", location.href)], { type: "text/javascript" }));
    const worker = new Worker(url, { type: "module" });
    worker.onmessage = ({ data }) => { globalThis.result = data; };
  `;
  assert.deepEqual(await resultOf(page), expected);
  assert.deepEqual(await resultOf(`${library}${threads}\nglobalThis.result = result;`, { isolated: false }), {
    ...expected,
    workers: 0,
  });
});

test("a content security policy that forbids code from text is no hindrance", async () => {
  const contentSecurityPolicy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:";
  check(await resultOf(asOneFile, { contentSecurityPolicy }));
  check(await resultOf(asOneFile, { contentSecurityPolicy: "default-src 'self'" })); // not even WebAssembly
});

test("a program that a bundler made, without configuration, trains", async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `import * as torch from "typetorch";\n${program}\nglobalThis.result = result;`,
      resolveDir: join(root, "browser"),
    },
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
  });
  check(await resultOf(outputFiles[0]!.text));
});

test("bundles hold no more than the program needs: each stays below its limit", async (t) => {
  const tooLarge: string[] = [];
  for (const [name, { gzip, brotli }] of await measurePrograms()) {
    const { most } = programs[name]!;
    t.diagnostic(`${name}: ${gzip} bytes of gzip, ${brotli} of brotli`);
    assert.ok(gzip > 50_000, `${name}: ${gzip} bytes are too few to be true`);
    if (gzip > most) tooLarge.push(`${name}: ${gzip} bytes of gzip, at most ${most}`);
  }
  assert.deepEqual(tooLarge, []);
});

test("no machine code is bundled: neither koffi nor the folder x64", async () => {
  assert.doesNotMatch(whole, /koffi|vfmadd|memfd/);
});

test("webgpu can be a chunk of its own, which nothing else needs", async () => {
  const { outputFiles, metafile } = await build({
    stdin: {
      contents:
        'import { tensor } from "typetorch/core"; export { tensor }; export const open = async () => (await import("typetorch/webgpu")).init();',
      resolveDir: join(root, "browser"),
    },
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    write: false,
    outdir: "out",
    metafile: true,
  });
  const [entry] = Object.values(metafile.outputs).filter(({ entryPoint }) => entryPoint === "<stdin>");
  const atOnce = new Set([
    "out/stdin.js",
    ...entry!.imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path),
  ]);
  const withDevice = Object.entries(metafile.outputs)
    .filter(([, { inputs }]) => Object.keys(inputs).some((name) => name.endsWith("backends/webgpu/executor.js")))
    .map(([path]) => path);
  assert.equal(outputFiles.length, Object.keys(metafile.outputs).length);
  assert.equal(withDevice.length, 1);
  assert.ok(!atOnce.has(withDevice[0]!), withDevice[0]);
});

/** Trains with what is imported by name from the parts of the package. */
const inParts = `
import { cat, manualSeed, randn, int64, Tensor } from "typetorch/core";
import * as nn from "typetorch/nn";
import { crossEntropy } from "typetorch/nn/functional";
import { Adam } from "typetorch/optim";
const torch = { manualSeed, randn, int64, nn: { ...nn, functional: { crossEntropy } }, optim: { Adam } };
`;

test("a program bundled from typetorch/core and its companions trains, and brings the rest along when it asks for it", async () => {
  const narrow = inParts.replace(
    "{ ...nn, functional",
    "{ Sequential: nn.Sequential, Linear: nn.Linear, Tanh: nn.Tanh, functional",
  );
  check(await resultOf(await bundleLibrary({ program: `${narrow}${program}\nglobalThis.result = result;` })));
  const later = `
    import { Tensor, tensor } from "typetorch/core";
    const before = "histc" in Tensor.prototype;
    const { histc } = await import("typetorch");
    globalThis.result = { before, after: tensor([1, 2, 2]).histc(2).tolist(), same: histc(tensor([1, 2, 2]), 2).tolist() };
  `;
  const bundled = await resultOf<unknown>(await bundleLibrary({ program: later }));
  assert.deepEqual(bundled, { before: false, after: [1, 2], same: [1, 2] });
});

test("bundled tensors have every method", async () => {
  const program = 'import { Tensor } from "typetorch"; globalThis.result = Object.getOwnPropertyNames(Tensor.prototype).sort();';
  const methods = await resultOf<string[]>(await bundleLibrary({ program }));
  assert.deepEqual(methods, Object.getOwnPropertyNames(torch.Tensor.prototype).sort());
});

test("the package holds the modules, their types and the one file", () => {
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json"], {
      cwd: join(root, "packages/typetorch"),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  ) as [{ files: { path: string }[] }];
  const files = new Set(packed.files.map(({ path }) => path));
  for (const file of [
    "dist/browser/typetorch.js",
    "dist/browser/workers.js",
    "dist/src/index.js",
    "dist/src/index.d.ts",
    "dist/src/platform/browser.js",
  ]) {
    assert.ok(files.has(file) && existsSync(join(root, "packages/typetorch", file)), file);
  }
  assert.ok(![...files].some((path) => path.includes("test/")));
});
