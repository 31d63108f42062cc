/**
 * Saves again and again to the path that is its argument, until it is killed. Each file holds one number in all its tensors.
 */
import * as torch from "../../src/index.ts";

const path = process.argv[2]!;
process.stdout.write("ready\n");
for (let round = 1; ; round++) {
  const tensors = Array.from({ length: 8 }, () => torch.full([64, 1024], round));
  torch.save({ round, tensors }, path);
}
