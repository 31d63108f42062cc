/**
 * Kernels in WGSL: what is here runs on the device, the rest on the host.
 */
import type { Renderer } from "../renderer.ts";

export const renderer: Renderer = {};
