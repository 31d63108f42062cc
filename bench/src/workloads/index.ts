/** Every workload, in the order of bench/torch/bench.py. */
import type { Workload } from "../workload.ts";
import { add10 } from "./add10.ts";
import { add16M } from "./add16M.ts";
import { bmmAttention } from "./bmmAttention.ts";
import { conv3x3, conv3x3Backward } from "./conv3x3.ts";
import { geluChain } from "./geluChain.ts";
import { matmul1024, matmul2048 } from "./matmul.ts";
import { inferResnet18, inferResnet18Batch, trainResnet18, trainResnet18Batch } from "./resnet18.ts";
import { layerNorm, softmax, sumDim0 } from "./rows.ts";
import { inferMobilenet, inferSqueezenet } from "./smallNetworks.ts";
import { sort1M } from "./sort1M.ts";
import { trainCnn } from "./trainCnn.ts";
import { trainGpt } from "./trainGpt.ts";
import { trainLstm } from "./trainLstm.ts";
import { trainMlp, trainTinyMlp } from "./trainMlp.ts";
import { transposeCopy } from "./transposeCopy.ts";

export const workloads: readonly Workload[] = [
  matmul1024,
  matmul2048,
  bmmAttention,
  add10,
  add16M,
  geluChain,
  softmax,
  layerNorm,
  sumDim0,
  transposeCopy,
  sort1M,
  conv3x3,
  conv3x3Backward,
  trainMlp,
  trainTinyMlp,
  trainCnn,
  trainResnet18,
  trainResnet18Batch,
  inferResnet18,
  inferResnet18Batch,
  inferMobilenet,
  inferSqueezenet,
  trainLstm,
  trainGpt,
];
