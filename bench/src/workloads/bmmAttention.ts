import * as torch from "typetorch";
import type { Workload } from "../workload.ts";

/** Queries times keys of 96 heads. */
export const bmmAttention: Workload = {
  name: "bmm_attention_96x256x64",
  floor: { flops: 2 * 96 * 256 * 64 * 256, bytes: 4 * 96 * (2 * 256 * 64 + 256 * 256) },
  setup() {
    const a = torch.randn(96, 256, 64);
    const b = torch.randn(96, 64, 256);
    return () => a.matmul(b);
  },
};
