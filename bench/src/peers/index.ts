import { jaxJs } from "./jaxJs.ts";
import type { Peer } from "./peer.ts";
import { tfjsWasm } from "./tfjsWasm.ts";

export const peers: readonly Peer[] = [tfjsWasm, jaxJs];

/** What they all can do. */
export const peerWorkloads: readonly string[] = ["matmul_1024", "conv3x3_16x64x56", "train_mlp_b64"];
