/**
 * What runs compiled kernels on the CPU. There are two: machine code through the native layer, and WebAssembly.
 *
 * A kernel is a function of one argument, the address of a block of float64 slots; slot 0 holds the kernel's own address, the others what its specification
 * says. An address is a float64 with an integral value: in native code that of a byte of the process, in WebAssembly an offset in the one linear memory, and
 * for kernels an index in the table of functions.
 */
export interface Machine {
  readonly kind: "native" | "wasm";
  /** Makes code (machine code, or the bytes of a module that exports `kernel`) callable for good; returns the kernel's address, which is never 0. */
  installCode(bytes: Uint8Array<ArrayBuffer>): number;
  /** Runs the kernel whose address is in slot 0 of the block at this address. */
  readonly call: (block: number) => void;
}
