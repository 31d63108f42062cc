/** `torch.utils`. */
export * as checkpoint from "./autograd/checkpoint.ts";
export * as data from "./data/index.ts";
