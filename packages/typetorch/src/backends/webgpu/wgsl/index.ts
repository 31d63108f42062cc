/**
 * Kernels in WGSL: what is here runs on the device, the rest on the host.
 */
import type { Renderer } from "../renderer.ts";
import { convBackwardInput, convBackwardWeight, convForward } from "./convolution.ts";
import { gemm } from "./gemm.ts";
import { loops } from "./loops.ts";
import { map } from "./map.ts";
import { row } from "./row.ts";

export const renderer: Renderer = { map, row, loops, gemm, convForward, convBackwardInput, convBackwardWeight };
