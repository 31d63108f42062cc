/**
 * The library as one file for script tags, and how large it is.
 */
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
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

/** What a bundler keeps for a program that computes with tensors and differentiates, without `nn`, `optim` and data loading. */
export function bundleCore(): Promise<string> {
  return bundleLibrary({ program: 'export { Tensor, tensor, randn, noGrad } from "typetorch";' });
}

/** Bytes as they are sent. */
export function compressedSize(text: string): number {
  return gzipSync(text, { level: 9 }).length;
}

/** A path for messages. */
export function shown(path: string): string {
  return relative(root, path);
}
