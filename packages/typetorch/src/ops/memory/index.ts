export * from "./cat.ts";
export { type MemoryFormat, channelsLast, channelsLast_3d, clone, contiguousFormat, preserveFormat } from "./copy.ts";
