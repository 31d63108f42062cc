import * as torch from "typetorch";
import type { Workload } from "../workload.ts";

export const transposeCopy: Workload = {
  name: "transpose_copy_2048",
  floor: { bytes: 8 * 2048 * 2048 },
  setup() {
    const x = torch.randn(2048, 2048);
    return () => x.t().contiguous();
  },
};
