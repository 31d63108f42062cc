/**
 * WebAssembly as the engine offers it; the compiler's DOM library, which would declare it, is not part of this project.
 */

/** Compiled code, which threads may share. */
export interface WasmModule {
  readonly [Symbol.toStringTag]?: string;
}
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
export interface WasmTable {
  readonly length: number;
  grow(by: number): number;
  set(index: number, value: unknown): void;
}
export interface WasmInstance {
  readonly exports: Readonly<Record<string, (...args: number[]) => number | undefined>>;
}
export interface WebAssemblyApi {
  validate(bytes: Uint8Array<ArrayBuffer>): boolean;
  Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmModule;
  Instance: new (module: WasmModule, imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>) => WasmInstance;
  Memory: new (limits: { initial: number; maximum?: number; shared?: boolean }) => WasmMemory;
  Table: new (limits: { element: "anyfunc"; initial: number; maximum?: number }) => WasmTable;
}

/** Undefined where the engine has none. */
export const webAssembly: WebAssemblyApi | undefined = (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly;
