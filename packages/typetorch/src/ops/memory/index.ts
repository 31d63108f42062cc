export * from "./cat.ts";
export { clone } from "./copy.ts";
