export * from "./any.ts";
export * from "./sum.ts";
