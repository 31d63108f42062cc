/**
 * `node:crypto` in a page: hashes are there only asynchronously. The conformance suite of files, which wants one, does not run in a page.
 */
export function createHash(): never {
  throw new Error("a page has no createHash");
}
