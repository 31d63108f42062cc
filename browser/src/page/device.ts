/**
 * The second import of a worker: `DEVICE=webgpu` in its address opens that device.
 */
import * as torch from "typetorch";

/** Null for the CPU. */
export const device: string | null = new URLSearchParams(location.search).get("DEVICE");

/** Opens the device, unless it is open or the CPU is asked for. */
export async function openDevice(): Promise<void> {
  if (device !== null) await torch.webgpu.init();
}

await openDevice();
