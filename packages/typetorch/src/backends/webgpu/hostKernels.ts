/**
 * Kernels of webgpu tensors that run on the CPU: what WGSL cannot say (float64) and what no renderer takes. Operands stand for their mirrors, so the CPU backend
 * runs unchanged; inputs that only the device has are read back, which is counted.
 */
import type { Backend, Operand } from "../backend.ts";
import type { DeviceMemory } from "./memory.ts";

function mirrored(x: Operand, write: boolean): Operand {
  const { remote } = x.storage;
  if (remote === null) return x;
  const { storageOffset, shape, strides, dtype } = x;
  return { storage: (remote as DeviceMemory).bringToHost(write), storageOffset, shape, strides, dtype };
}

const inputs = (operands: readonly Operand[]): Operand[] => operands.map((x) => mirrored(x, false));
const outputs = (operands: readonly Operand[]): Operand[] => operands.map((x) => mirrored(x, true));

/** The kernels of a CPU backend, for operands on the device. `ran` is told the name of each that runs. */
export function hostKernels(
  cpu: Backend,
  ran: (kernel: string) => void,
): Omit<Backend, "name" | "allocate" | "release" | "mapFlat"> {
  return {
    map(spec, shape, x, out, params) {
      ran(spec.name);
      cpu.map(spec, shape, inputs(x), outputs(out), params);
    },
    row(spec, shape, columns, x, out, params) {
      ran(spec.name);
      cpu.row(spec, shape, columns, inputs(x), outputs(out), params);
    },
    loops(spec, buffers, ints, params, parallel) {
      ran(spec.kernel.name);
      const operands = buffers.map((x, k) => mirrored(x, spec.kernel.buffers[k]!.access !== "read"));
      cpu.loops(spec, operands, ints, params, parallel);
    },
    gemm(args) {
      ran("gemm");
      const { a, b, out, bias } = args;
      cpu.gemm({
        ...args,
        a: mirrored(a, false),
        b: mirrored(b, false),
        bias: bias === null ? null : mirrored(bias, false),
        out: mirrored(out, true),
      });
    },
    convForward(x, weight, bias, out, geometry, activation) {
      ran("convForward");
      const hostBias = bias === null ? null : mirrored(bias, false);
      cpu.convForward(mirrored(x, false), mirrored(weight, false), hostBias, mirrored(out, true), geometry, activation);
    },
    convBackwardInput(g, weight, gx, geometry) {
      ran("convBackwardInput");
      cpu.convBackwardInput(mirrored(g, false), mirrored(weight, false), mirrored(gx, true), geometry);
    },
    convBackwardWeight(g, x, gw, geometry) {
      ran("convBackwardWeight");
      cpu.convBackwardWeight(mirrored(g, false), mirrored(x, false), mirrored(gw, true), geometry);
    },
  };
}
