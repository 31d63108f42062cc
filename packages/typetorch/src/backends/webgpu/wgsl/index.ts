/**
 * Kernels in WGSL: what is here runs on the device, the rest on the host.
 */
import type { Renderer } from "../renderer.ts";
import { loops } from "./loops.ts";
import { map } from "./map.ts";
import { row } from "./row.ts";

export const renderer: Renderer = { map, row, loops };
