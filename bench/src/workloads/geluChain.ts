import * as torch from "typetorch";
import type { Workload } from "../workload.ts";

const { functional: F } = torch.nn;

/** Three pointwise operations; the floor is that of one fused kernel. */
export const geluChain: Workload = {
  name: "gelu_chain_4M",
  floor: { bytes: 16 * 2 ** 22 },
  setup() {
    const x = torch.randn(2 ** 22);
    const y = torch.randn(2 ** 22);
    const z = torch.randn(2 ** 22);
    return () => F.gelu(x.add(y)).mul(z);
  },
};
