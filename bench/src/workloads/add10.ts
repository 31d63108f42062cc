import * as torch from "typetorch";
import type { Workload } from "../workload.ts";

/** A thousand additions of ten elements: what a call costs. */
export const add10: Workload = {
  name: "add_10",
  floor: { bytes: 1000 * 120 },
  setup() {
    const a = torch.randn(10);
    const b = torch.randn(10);
    return () => {
      for (let i = 0; i < 1000; i++) a.add(b);
    };
  },
};
