/**
 * Tests in one module, for a page.
 */
import { readFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import { workersInside } from "./library.ts";
import { root } from "./root.ts";

const shims = fileURLToPath(new URL("./shims/", import.meta.url));

const nodeModules: Record<string, string> = {
  "node:crypto": "crypto.js",
  "node:test": "test.js",
  "node:fs": "fs.js",
  "node:path": "path.js",
  "node:util": "util.js",
  "node:assert/strict": "assert.js",
};

/** What tests use of Node, and the addresses that their files have on the server. */
const testPlugin: Plugin = {
  name: "tests",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, importer }) => {
      const shim = nodeModules[path];
      if (shim !== undefined) return { path: join(shims, shim) };
      return { errors: [{ text: `a page has no ${path}, which ${relative(root, importer)} imports` }] };
    });
    onResolve({ filter: /^begin-file:/ }, ({ path }) => ({ path, namespace: "begin-file" }));
    onLoad({ filter: /.*/, namespace: "begin-file" }, () => ({
      contents: `import { beginFile } from ${JSON.stringify(join(shims, "test.js"))}; beginFile();`,
      resolveDir: root,
    }));
    onLoad({ filter: /[\\/]dist[\\/](test|src)[\\/].*\.js$/ }, async ({ path }) => {
      const place = relative(root, path).split(sep).join("/");
      if (place.startsWith("packages/typetorch/dist/src/")) return undefined; // the library is bundled as a user's bundler would
      const text = await readFile(path, "utf8");
      return {
        contents: text.replaceAll("import.meta.url", `new URL("/${place}", location.origin).href`),
        resolveDir: dirname(path),
        loader: "js",
      };
    });
  },
};

/** The text of one module that holds these files, in their order, with what they import. */
export async function bundleTests(files: readonly string[]): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: files.map((file, k) => `import "begin-file:${k}";\nimport ${JSON.stringify(file)};`).join("\n"),
      resolveDir: root,
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    ignoreAnnotations: true, // test files export nothing, and the package calls them free of side effects
    target: "es2022",
    inject: [join(shims, "buffer.js")],
    define: {
      "process.env": "TYPETORCH_ENVIRONMENT",
      global: "globalThis",
      "process.env.NODE_DEBUG": "undefined",
      "process.emitWarning": "undefined",
      "process.stderr": "undefined",
    },
    logLevel: "error",
    plugins: [workersInside, testPlugin],
  });
  return outputFiles[0]!.text;
}
