/**
 * `node:test` in a page: what the tests of this repository use of it, and the counts.
 */
export interface TestContext {
  readonly name: string;
  /** A test inside of this one. */
  test(name: string, body: Body): Promise<void>;
  /** What the test has to say beside its result. */
  diagnostic(message: string): void;
  skip(reason?: string): void;
  readonly mock: { method(object: object, name: string, replacement: Method): Mocked };
}

type Method = (...args: unknown[]) => unknown;

/** A method that was replaced for the length of the test. */
interface Mocked {
  readonly mock: { readonly calls: { readonly arguments: unknown[] }[]; callCount(): number };
}

type Body = (t: TestContext) => unknown;

interface Options {
  readonly skip?: boolean | string;
}

export interface Counts {
  passed: number;
  skipped: number;
  /** Names of the tests that passed. */
  readonly held: string[];
  /** What the suite has to say beside its results. */
  readonly notes: string[];
  readonly failures: { readonly name: string; readonly reason: string }[];
}

export function noCounts(): Counts {
  return { passed: 0, skipped: 0, held: [], notes: [], failures: [] };
}

const counts = noCounts();
type Hook = () => unknown;

/** The tests of one file, and what runs around them. */
interface TestFile {
  readonly tests: { name: string; options: Options; body: Body }[];
  readonly hooks: Record<"before" | "after" | "beforeEach" | "afterEach", Hook[]>;
}

const files: TestFile[] = [];

/** What is registered from now on belongs to another file. */
export function beginFile(): void {
  files.push({ tests: [], hooks: { before: [], after: [], beforeEach: [], afterEach: [] } });
}

function current(): TestFile {
  return files[files.length - 1]!;
}

/** Registers a test; it runs when all files have been loaded. */
export function test(name: string, body: Body): void;
export function test(name: string, options: Options, body: Body): void;
export function test(name: string, ...rest: [Body] | [Options, Body]): void {
  const [options, body] = rest.length === 2 ? rest : [{}, rest[0]];
  current().tests.push({ name, options, body });
}
export default test;
export { test as it };

export function describe(name: string, body: () => void): void {
  const { tests } = current();
  const first = tests.length;
  body();
  for (const entry of tests.slice(first)) entry.name = `${name}: ${entry.name}`;
}
export { describe as suite };

export function before(hook: Hook): void {
  current().hooks.before.push(hook);
}

export function after(hook: Hook): void {
  current().hooks.after.push(hook);
}

export function beforeEach(hook: Hook): void {
  current().hooks.beforeEach.push(hook);
}

export function afterEach(hook: Hook): void {
  current().hooks.afterEach.push(hook);
}

async function runOne(name: string, options: Options, body: Body): Promise<void> {
  let skipped = options.skip !== undefined && options.skip !== false;
  if (!skipped) {
    const inner: Promise<void>[] = [];
    const restore: (() => void)[] = [];
    const context: TestContext = {
      name,
      test: (innerName, innerBody) => {
        const run = runOne(`${name}: ${innerName}`, {}, innerBody);
        inner.push(run);
        return run;
      },
      diagnostic: () => {},
      skip: () => {
        skipped = true;
      },
      mock: { method: (object, key, replacement) => mockMethod(object as Record<string, Method>, key, replacement, restore) },
    };
    try {
      await body(context);
      await Promise.all(inner);
    } catch (error) {
      counts.failures.push({ name, reason: error instanceof Error ? (error.stack ?? String(error)) : String(error) });
      return;
    } finally {
      for (const undo of restore.reverse()) undo();
    }
  }
  if (skipped) counts.skipped++;
  else {
    counts.passed++;
    counts.held.push(name);
  }
}

function mockMethod(object: Record<string, Method>, key: string, replacement: Method, restore: (() => void)[]): Mocked {
  const original = object[key]!;
  const calls: { arguments: unknown[] }[] = [];
  const mocked = (...args: unknown[]): unknown => {
    calls.push({ arguments: args });
    return replacement(...args);
  };
  object[key] = mocked;
  restore.push(() => {
    object[key] = original;
  });
  return { mock: { calls, callCount: () => calls.length } };
}

/** Runs what was registered, one after the other; `begin` is told the name of each test before it runs, and awaited. */
export async function runTests(begin: (name: string) => unknown = () => {}): Promise<Counts> {
  for (const { tests, hooks } of files) {
    for (const hook of hooks.before) await hook();
    for (const { name, options, body } of tests) {
      await begin(name);
      await runOne(name, options, async (t) => {
        for (const hook of hooks.beforeEach) await hook();
        try {
          await body(t);
        } finally {
          for (const hook of hooks.afterEach) await hook();
        }
      });
    }
    for (const hook of hooks.after) await hook();
  }
  return counts;
}
