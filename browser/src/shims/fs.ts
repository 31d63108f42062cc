/**
 * `node:fs` in a web worker: files of the server, read by requests that wait.
 */
function request(path: string | URL): Uint8Array<ArrayBuffer> | null {
  const call = new XMLHttpRequest();
  call.open("GET", path instanceof URL ? path.href : path, false);
  call.responseType = "arraybuffer";
  call.send();
  return call.status === 200 ? new Uint8Array(call.response as ArrayBuffer) : null;
}

export function existsSync(path: string | URL): boolean {
  return request(path) !== null;
}

export function readFileSync(path: string | URL): Uint8Array<ArrayBuffer>;
export function readFileSync(path: string | URL, encoding: "utf8"): string;
export function readFileSync(path: string | URL, encoding?: "utf8"): Uint8Array<ArrayBuffer> | string {
  const bytes = request(path);
  if (bytes === null) throw new Error(`ENOENT: no such file, open '${path}'`);
  return encoding === undefined ? bytes : new TextDecoder().decode(bytes);
}

export default { existsSync, readFileSync };
