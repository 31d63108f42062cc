export * from "./exp.ts";
export * from "./hyperbolic.ts";
export * from "./root.ts";
export * from "./rounding.ts";
export * from "./sign.ts";
export * from "./special.ts";
export * from "./trigonometric.ts";
