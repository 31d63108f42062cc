export * from "./add.ts";
export * from "./atan2.ts";
export * from "./clamp.ts";
export * from "./floatPower.ts";
export * from "./fused.ts";
export { fmod, remainder } from "./remainder.ts";
export { type DivOptions, div, divide, floorDivide, trueDivide } from "./div.ts";
export * from "./mul.ts";
export * from "./pow.ts";
