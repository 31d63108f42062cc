/**
 * The library as one file for script tags, and how large it is.
 */
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build, type BuildOptions, type Plugin } from "esbuild";
import { root } from "./root.ts";

const distribution = join(root, "packages/typetorch/dist/browser");
/** Where `npm run build` puts the single file. */
export const singleFile = join(distribution, "typetorch.js");
/** Where it puts the text of the workers, which every bundler then takes along. */
export const workersFile = join(distribution, "workers.js");

const source = join(root, "packages/typetorch/dist/src");

/** The entries of the library's own workers, by the functions in platform/workers.ts that give their addresses. */
const workerFiles: Readonly<Record<string, string>> = {
  cpuWorkerUrl: join(source, "backends/cpu/teamWorker.js"),
  webgpuWorkerUrl: join(source, "backends/webgpu/worker.js"),
};

/** Gives a bundle this module in the place of platform/workers.ts. */
function withWorkers(text: () => Promise<string>): Plugin {
  return {
    name: "workers",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^#workers$/ }, () => ({ path: "workers", namespace: "workers" }));
      onLoad({ filter: /.*/, namespace: "workers" }, async () => ({ contents: await text(), loader: "js" }));
    },
  };
}

let workers: Promise<string> | null = null;

/** The module that holds the text of the workers. */
export function bundleWorkers(): Promise<string> {
  workers ??= (async () => {
    const noWorkers = withWorkers(async () =>
      Object.keys(workerFiles)
        .map((name) => `export function ${name}() { throw new Error("a worker starts no workers"); }\n`)
        .join(""),
    );
    const functions = Object.entries(workerFiles).map(async ([name, file]) => {
      const text = JSON.stringify(await bundle({ entryPoints: [file] }, noWorkers));
      return `let ${name}Made;\nexport function ${name}() {\n  return (${name}Made ??= addressOf(${text}));\n}\n`;
    });
    return `const addressOf = (text) => new URL(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
${(await Promise.all(functions)).join("")}`;
  })();
  return workers;
}

/** For bundles of this repository, which are made from what was compiled just now. */
export const workersInside: Plugin = withWorkers(bundleWorkers);

async function bundle(from: BuildOptions, plugin: Plugin): Promise<string> {
  const { outputFiles } = await build({
    ...from,
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    legalComments: "none",
    logLevel: "error",
    plugins: [plugin],
  });
  return outputFiles![0]!.text;
}

/** One minified module: of a file, or of a program in text. */
export function bundleLibrary(from: { entry: string } | { program: string }): Promise<string> {
  const options: BuildOptions =
    "entry" in from ? { entryPoints: [from.entry] } : { stdin: { contents: from.program, resolveDir: join(root, "browser") } };
  return bundle(options, workersInside);
}

/** The library in one file. */
export async function bundleWhole(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, "packages/typetorch/package.json"), "utf8")) as { version: string };
  return `/* TypeTorch ${version}, MIT licence */\n${await bundleLibrary({ entry: join(root, "packages/typetorch/dist/src/index.js") })}`;
}

const training = `
  import * as nn from "typetorch/nn";
  import { mseLoss } from "typetorch/nn/functional";
  import { Adam } from "typetorch/optim";
  export function train(model, x, y) {
    const optimizer = new Adam(model.parameters());
    mseLoss(model.call(x), y).backward();
    optimizer.step();
  }
`;

/** Programs that show what a bundler keeps, and the most bytes that gzip may make of them. */
export const programs: Readonly<Record<string, { readonly program: string; readonly most: number }>> = {
  "typetorch/core: tensors, autograd, WebAssembly": {
    program: 'export { Tensor, tensor, randn, noGrad } from "typetorch/core";',
    most: 150_000,
  },
  "typetorch/core with WebGPU": {
    program: 'export { Tensor, tensor, randn, noGrad } from "typetorch/core"; export { init } from "typetorch/webgpu";',
    most: 190_000,
  },
  "a perceptron trained by Adam": {
    program: `${training} export const model = () => new nn.Sequential(new nn.Linear(2, 16), new nn.Tanh(), new nn.Linear(16, 1));`,
    most: 162_000,
  },
  "a convolutional network trained by Adam": {
    program: `${training} export const model = () => new nn.Sequential(new nn.Conv2d(1, 8, 3), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Linear(16, 1));`,
    most: 180_000,
  },
  "typetorch: all methods of tensors, WebAssembly": {
    program: 'export { Tensor, tensor, randn, noGrad } from "typetorch";',
    most: 200_000,
  },
  "everything, in one file": { program: 'export * from "typetorch";', most: 420_000 },
};

/** Bytes: minified, and as they are sent. */
export interface Sizes {
  readonly minified: number;
  readonly gzip: number;
  readonly brotli: number;
}

/** How large a bundle is. */
export function sizesOf(text: string): Sizes {
  return {
    minified: Buffer.byteLength(text),
    gzip: gzipSync(text, { level: 9 }).length,
    brotli: brotliCompressSync(text).length,
  };
}

/** The sizes of the bundles of {@link programs}, by their names. */
export async function measurePrograms(): Promise<ReadonlyMap<string, Sizes>> {
  const entries = Object.entries(programs).map(
    async ([name, { program }]) => [name, sizesOf(await bundleLibrary({ program }))] as const,
  );
  return new Map(await Promise.all(entries));
}

/** A path for messages. */
export function shown(path: string): string {
  return relative(root, path);
}
