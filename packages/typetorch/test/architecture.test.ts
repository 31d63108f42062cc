/**
 * The house rules that a machine can check: which folder may import which, where the platform's names may stand, and what no tracked text may hold.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

// this file runs from dist/test
const packageRoot = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const source = join(packageRoot, "src");
const repository = join(packageRoot, "..", "..");

/** A file imports only from its own folder or from a lower floor. platform and core may import each other. */
const FLOORS: Record<string, number> = {
  platform: 0,
  core: 0,
  ir: 1,
  ops: 2,
  backends: 2,
  tensor: 3,
  nn: 4,
  optim: 5,
  serialization: 5,
  autograd: 4,
  data: 5,
  cli: 6,
};
const TOP = 7;

function filesBelow(folder: string): string[] {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .flatMap((path) => (statSync(path).isDirectory() ? filesBelow(path) : path.endsWith(".ts") ? [path] : []));
}

/** Source text without comments; strings stay, so that import paths can be read. */
function withoutComments(text: string): string {
  return text.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_, string: string | undefined) => string ?? "",
  );
}

/** Source text without comments and without the contents of strings. */
function codeOnly(text: string): string {
  return withoutComments(text).replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g, '""');
}

/** The folder directly below src, or "" for a file that stands in src itself. */
function folderOf(path: string): string {
  const parts = relative(source, path).split(sep);
  return parts.length > 1 ? parts[0]! : "";
}

function floorOf(folder: string): number {
  if (folder === "") return TOP;
  const floor = FLOORS[folder];
  assert.notEqual(
    floor,
    undefined,
    `src/${folder} has no floor: give it one in ${relative(repository, fileURLToPath(import.meta.url))}`,
  );
  return floor!;
}

/** Relative imports that exist at run time: `import type` and `export type` are erased. */
function runtimeImports(text: string): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(?!type\b)(?:[^"';]*?\sfrom\s+)?["'](\.[^"']+)["']|import\(\s*["'](\.[^"']+)["']\s*\)/g;
  return [...withoutComments(text).matchAll(pattern)].map((m) => (m[1] ?? m[2])!);
}

const files = filesBelow(source);

test("there is source to check", () => {
  assert.ok(files.length > 20, `${files.length} files in ${source}`);
});

test("every import points to the same folder or to a lower floor", () => {
  const upward: string[] = [];
  for (const file of files) {
    const from = folderOf(file);
    for (const specifier of runtimeImports(readFileSync(file, "utf8"))) {
      const to = folderOf(join(dirname(file), specifier));
      if (to === from) continue;
      const bothGround = floorOf(from) === 0 && floorOf(to) === 0;
      if (!bothGround && floorOf(to) >= floorOf(from))
        upward.push(`${relative(source, file)} (floor ${floorOf(from)}) imports ${specifier} (floor ${floorOf(to)})`);
    }
  }
  assert.deepEqual(upward, []);
});

test("imports name a file that exists, with its .ts extension", () => {
  const broken = files.flatMap((file) =>
    runtimeImports(readFileSync(file, "utf8"))
      .filter((specifier) => !specifier.endsWith(".ts") || !existsSync(join(dirname(file), specifier)))
      .map((specifier) => `${relative(source, file)}: ${specifier}`),
  );
  assert.deepEqual(broken, []);
});

test("node:*, navigator, process, Worker and window stand only in platform/", () => {
  const found = files
    .filter((file) => folderOf(file) !== "platform")
    .flatMap((file) => {
      const text = readFileSync(file, "utf8");
      const modules = [
        ...withoutComments(text).matchAll(/from\s+["'](node:[^"']+|koffi)["']|import\(\s*["'](node:[^"']+|koffi)["']/g),
      ].map((m) => m[1] ?? m[2]);
      const globals = [
        ...codeOnly(text).matchAll(
          /(?<![\w$.#])(navigator|process|Worker|window|document|Buffer|require)\s*[.(]|\bnew\s+(Worker)\b/g,
        ),
      ].map((m) => m[1] ?? m[2]);
      return [...modules, ...globals].map((name) => `${relative(source, file)}: ${name}`);
    });
  assert.deepEqual(found, []);
});

test("there is no `any`, no silenced type error and no work left open in the source", () => {
  const found = files.flatMap((file) => {
    const text = readFileSync(file, "utf8");
    const types = [...codeOnly(text).matchAll(/:\s*any\b|\bas any\b|<any>/g)].map((m) => m[0]);
    const marks = [...text.matchAll(/@ts-(ignore|expect-error|nocheck)|\b(TODO|FIXME|XXX)\b/g)].map((m) => m[0]);
    return [...types, ...marks].map((mark) => `${relative(source, file)}: ${mark}`);
  });
  assert.deepEqual(found, []);
});

test("no tracked text names a package registry's host or a path of one machine", () => {
  const tracked = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: repository,
    encoding: "utf8",
  });
  const names = tracked
    .split("\0")
    .filter(
      (name) =>
        name !== "" && !/\.(safetensors|png|jpg|gif|pt|onnx|wasm|idx|gz)$/.test(name) && existsSync(join(repository, name)),
    );
  assert.ok(names.length > 20);
  const pattern = new RegExp(
    [
      "https?://[a-z0-9.-]*(registry|npmjs|npm|debian)[a-z0-9.-]*",
      '"resolved": *"http',
      "/wo[r]k/|/ro[o]t/|/ho[m]e/[a-z]+/",
    ].join("|"),
  );
  const found = names.flatMap((name) => {
    const match = pattern.exec(readFileSync(join(repository, name), "utf8"));
    return match === null ? [] : [`${name}: ${match[0]}`];
  });
  assert.deepEqual(found, []);
});

/** Files that are loaded at run time by the given ones, which are among them. */
function loadedBy(entries: readonly string[]): Set<string> {
  const found = new Set(entries.map((name) => join(source, name)));
  for (const file of found)
    for (const specifier of runtimeImports(readFileSync(file, "utf8"))) found.add(join(dirname(file), specifier));
  return found;
}

/** The methods of Tensor that an op file registers by name. */
function methodsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/\b(?:method|variadicMethod|unary)\(\s*"(\w+)"/g)].map((m) => m[1]!);
}

test("bundlers keep every file that registers methods: package.json's sideEffects names it", () => {
  const { sideEffects } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as { sideEffects: string[] };
  const kept = sideEffects.map((pattern) => new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("**", ".*")}$`));
  const registering = files.filter(
    (file) => folderOf(file) === "ops" && dirname(file) !== join(source, "ops") && methodsOf(file).length > 0,
  );
  assert.ok(registering.length > 60);
  const dropped = [
    ...registering,
    ...["index.ts", "torch.ts", "core.ts", "ops/index.ts", "ops/core.ts", "tensor/index.ts", "tensor/core.ts"].map((name) =>
      join(source, name),
    ),
  ]
    .map((file) => `./dist/src/${relative(source, file).split(sep).join("/").replace(/ts$/, "js")}`)
    .filter((file) => !kept.some((pattern) => pattern.test(file)));
  assert.deepEqual(dropped, []);
});

test("classes whose names are printed keep them when a bundler renames classes", () => {
  const nameless = files
    .filter((file) => ["nn", "optim", "data"].includes(folderOf(file)))
    .flatMap((file) => {
      const text = codeOnly(readFileSync(file, "utf8"));
      const kept = /\bkeepClassNames\(\{([^}]*)\}\)/.exec(text)?.[1]?.split(/[\s,]+/) ?? [];
      const classes = [...text.matchAll(/^export (?:abstract )?class (\w+)/gm)].map((m) => m[1]!);
      return classes
        .filter((name) => !kept.includes(name))
        .map((name) => `${relative(source, file)}: keepClassNames({ ${name} })`);
    });
  assert.deepEqual(nameless, []);
});

test("typetorch/core, and what is built on it, use no method of the ops that it leaves out", () => {
  // op files declare the methods that they register, so those of files that are not imported are unknown to the compiler
  const tsc = [join(repository, "node_modules/typescript/bin/tsc"), "-p", join(packageRoot, "tsconfig.core.json"), "--listFiles"];
  const listed = execFileSync(process.execPath, tsc, { encoding: "utf8" })
    .split(/\r?\n/)
    .map((line) => join(line));
  const core = loadedBy(["core.ts"]);
  assert.ok(listed.includes(join(source, "nn/index.ts")) && core.has(join(source, "ops/arithmetic/mul.ts")));
  assert.ok(!core.has(join(source, "ops/index.ts")) && !listed.includes(join(source, "ops/index.ts")));
  // the compiler knows also the methods of files of which only types are imported, or which a single module imports
  const others = listed.filter((file) => folderOf(file) === "ops" && file.startsWith(source) && !core.has(file));
  assert.deepEqual(
    others.filter((file) => methodsOf(file).length > 0),
    [],
  );
});
