/**
 * Where the repository is.
 */
import { fileURLToPath } from "node:url";

// this file runs from browser/dist/src
export const root = fileURLToPath(new URL("../../..", import.meta.url));
