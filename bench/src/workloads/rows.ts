import * as torch from "typetorch";
import type { Workload } from "../workload.ts";

const { functional: F } = torch.nn;
const bytes = 4 * 4096 * 1024;

export const softmax: Workload = {
  name: "softmax_4096x1024",
  floor: { bytes: 2 * bytes },
  setup() {
    const x = torch.randn(4096, 1024);
    return () => F.softmax(x, -1);
  },
};

export const layerNorm: Workload = {
  name: "layernorm_4096x1024",
  floor: { bytes: 2 * bytes },
  setup() {
    const x = torch.randn(4096, 1024);
    const weight = torch.randn(1024);
    const bias = torch.randn(1024);
    return () => F.layerNorm(x, [1024], { weight, bias });
  },
};

export const sumDim0: Workload = {
  name: "sum_dim0_4096x1024",
  floor: { bytes },
  setup() {
    const x = torch.randn(4096, 1024);
    return () => x.sum(0);
  },
};
