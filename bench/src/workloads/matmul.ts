import * as torch from "typetorch";
import type { Workload } from "../workload.ts";

function square(n: number): Workload {
  return {
    name: `matmul_${n}`,
    floor: { flops: 2 * n ** 3, bytes: 12 * n * n },
    setup() {
      const a = torch.randn(n, n);
      const b = torch.randn(n, n);
      return () => a.matmul(b);
    },
  };
}

export const matmul1024 = square(1024);
export const matmul2048 = square(2048);
