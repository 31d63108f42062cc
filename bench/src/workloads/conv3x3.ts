import * as torch from "typetorch";
import type { Workload } from "../workload.ts";

const { functional: F } = torch.nn;
const flops = 2 * 16 * 64 * 64 * 56 * 56 * 9;

export const conv3x3: Workload = {
  name: "conv3x3_16x64x56",
  floor: { flops },
  setup() {
    const x = torch.randn(16, 64, 56, 56);
    const weight = torch.randn(64, 64, 3, 3);
    return () => F.conv2d(x, weight, { padding: 1 });
  },
};

export const conv3x3Backward: Workload = {
  name: "conv3x3_16x64x56_fwd_bwd",
  floor: { flops: 3 * flops },
  setup() {
    const x = torch.randn(16, 64, 56, 56).requiresGrad_();
    const weight = torch.randn(64, 64, 3, 3).requiresGrad_();
    const gradient = torch.randn(16, 64, 56, 56);
    return () => torch.autograd.grad([F.conv2d(x, weight, { padding: 1 })], [x, weight], { gradOutputs: [gradient] });
  },
};
