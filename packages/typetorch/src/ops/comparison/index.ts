export * from "./classify.ts";
export * from "./close.ts";
export * from "./compare.ts";
export * from "./extremes.ts";
export * from "./logical.ts";
export * from "./where.ts";
