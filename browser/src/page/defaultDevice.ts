/**
 * For unit tests on a device: whatever names none is made there, and random numbers are the CPU's, so that they can be compared with PyTorch's.
 */
import * as torch from "typetorch";
import { device } from "./device.ts";

if (device !== null) {
  torch.setDefaultDevice(device);
  torch.webgpu.drawOnHost(true);
}
