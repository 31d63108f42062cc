/**
 * The package: everything of torch.ts by name, and the same namespace as the default export.
 */
export * from "./torch.ts";
export * as default from "./torch.ts";
