import * as torch from "typetorch";
import type { Workload } from "../workload.ts";

export const add16M: Workload = {
  name: "add_16M",
  floor: { bytes: 12 * 2 ** 24 },
  setup() {
    const a = torch.randn(2 ** 24);
    const b = torch.randn(2 ** 24);
    return () => a.add(b);
  },
};
