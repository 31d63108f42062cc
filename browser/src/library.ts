/**
 * The library as one file for script tags, and how large it is.
 */
import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "esbuild";
import { root } from "./bundle.ts";

/** Where `npm run build` puts the single file. */
export const singleFile = join(root, "packages/typetorch/dist/browser/typetorch.js");

const workerFile = /new URL\("(\.[^"]+\.js)", import\.meta\.url\)/g;

/** A file beside the single file would get lost, so workers start from their text. */
const workersInside: Plugin = {
  name: "workers inside",
  setup({ onLoad }) {
    onLoad({ filter: /typetorch[\\/]dist[\\/]src[\\/].*\.js$/ }, async ({ path }) => {
      let contents = await readFile(path, "utf8");
      for (const [expression, file] of [...contents.matchAll(workerFile)]) {
        const text = await bundleLibrary({ entry: join(dirname(path), file!) });
        contents = contents.replace(
          expression,
          () => `new URL(URL.createObjectURL(new Blob([${JSON.stringify(text)}], { type: "text/javascript" })))`,
        );
      }
      return { contents, loader: "js" };
    });
  },
};

/** One minified module: of a file, or of a program in text. */
export async function bundleLibrary(from: { entry: string } | { program: string }): Promise<string> {
  const { outputFiles } = await build({
    ...("entry" in from
      ? { entryPoints: [from.entry] }
      : { stdin: { contents: from.program, resolveDir: join(root, "browser") } }),
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    legalComments: "none",
    logLevel: "error",
    plugins: [workersInside],
  });
  return outputFiles[0]!.text;
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
