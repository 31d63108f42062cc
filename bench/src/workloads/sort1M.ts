import * as torch from "typetorch";
import type { Workload } from "../workload.ts";

/** The floor is that of a radix sort: four passes over keys and indices. */
export const sort1M: Workload = {
  name: "sort_1M",
  floor: { bytes: 4 * 2 * 12 * 2 ** 20 },
  setup() {
    const x = torch.randn(2 ** 20);
    return () => torch.sort(x);
  },
};
