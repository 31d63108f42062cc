/**
 * What wgsl/ offers for each kind of kernel. Each function gets what the method of `Backend` with its name gets, enqueues the kernel and returns true; or it
 * returns false with nothing enqueued when the kernel cannot be written in WGSL (it computes in float64) or the device cannot take it (too many operands). All
 * operands lie on the device of the queue; `bufferOf` in memory.ts gives their buffers.
 */
import type { LoopSpec, MapSpec, RowSpec } from "../../ir/spec.ts";
import type { Activation, ConvGeometry, GemmArguments, Operand } from "../backend.ts";
import type { GpuQueue } from "./queue.ts";

export interface Renderer {
  map?(
    queue: GpuQueue,
    spec: MapSpec,
    shape: readonly number[],
    inputs: readonly Operand[],
    outputs: readonly Operand[],
    params: readonly number[],
  ): boolean;
  row?(
    queue: GpuQueue,
    spec: RowSpec,
    shape: readonly number[],
    columns: readonly number[],
    inputs: readonly Operand[],
    outputs: readonly Operand[],
    params: readonly number[],
  ): boolean;
  loops?(
    queue: GpuQueue,
    spec: LoopSpec,
    buffers: readonly Operand[],
    ints: readonly number[],
    params: readonly number[],
    parallel?: { extent: number; steps: readonly number[] },
  ): boolean;
  gemm?(queue: GpuQueue, args: GemmArguments): boolean;
  convForward?(
    queue: GpuQueue,
    x: Operand,
    weight: Operand,
    bias: Operand | null,
    out: Operand,
    geometry: ConvGeometry,
    activation: Activation,
  ): boolean;
  convBackwardInput?(queue: GpuQueue, g: Operand, weight: Operand, gx: Operand, geometry: ConvGeometry): boolean;
  convBackwardWeight?(queue: GpuQueue, g: Operand, x: Operand, gw: Operand, geometry: ConvGeometry): boolean;
}
