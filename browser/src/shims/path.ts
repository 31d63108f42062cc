/**
 * `node:path` in a page.
 */
export function join(...parts: readonly string[]): string {
  return parts.join("/").replace(/\/{2,}/g, "/");
}

export default { join };
