export * from "./compare.ts";
export * from "./logical.ts";
export * from "./where.ts";
