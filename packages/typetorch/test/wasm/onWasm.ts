/** Imported first: the rest of the file runs on the wasm target, whatever the best one here is. */
const { process } = globalThis as { process?: { env: Record<string, string | undefined> } };
if (process !== undefined) process.env.TYPETORCH_TARGET = "wasm";
