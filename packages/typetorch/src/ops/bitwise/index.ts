export * from "./bitwise.ts";
export * from "./gcd.ts";
