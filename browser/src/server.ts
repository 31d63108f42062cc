/**
 * A web server for pages of this repository, on a free port of this machine only.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import sirv from "sirv";

/** Something that is served from memory. */
export interface ServedFile {
  readonly type: string;
  readonly body: string | Uint8Array;
}

export interface ServerOptions {
  /** Folders that are served, the first that has a file wins. */
  readonly folders?: readonly string[];
  /** What is served from memory, by path. */
  readonly files?: ReadonlyMap<string, ServedFile>;
  /** Whether pages are cross-origin isolated, which is what gives them SharedArrayBuffer. Default: true. */
  readonly isolated?: boolean;
  /** A Content-Security-Policy for all pages and workers. Default: none. */
  readonly contentSecurityPolicy?: string;
  /** Default: 0, any free port. */
  readonly port?: number;
}

export interface Server {
  /** `http://localhost:PORT/` */
  readonly address: string;
  close(): Promise<void>;
}

/** Starts a server. */
export async function serve(options: ServerOptions): Promise<Server> {
  const { folders = [], files = new Map<string, ServedFile>(), isolated = true, contentSecurityPolicy, port = 0 } = options;
  const headers: Record<string, string> = { "Cache-Control": "no-cache" };
  if (isolated) {
    headers["Cross-Origin-Opener-Policy"] = "same-origin";
    headers["Cross-Origin-Embedder-Policy"] = "require-corp";
  }
  if (contentSecurityPolicy !== undefined) headers["Content-Security-Policy"] = contentSecurityPolicy;
  const fromFolders = folders.map((folder) => sirv(folder, { dev: true, dotfiles: true }));
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const file = files.get(new URL(request.url ?? "/", "http://localhost").pathname);
    if (file !== undefined) {
      response.setHeader("Content-Type", file.type);
      response.end(file.body);
      return;
    }
    const next = (k: number): void => {
      const folder = fromFolders[k];
      if (folder !== undefined) folder(request, response, () => next(k + 1));
      else {
        response.statusCode = 404;
        response.end("not found");
      }
    };
    next(0);
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    address: `http://localhost:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
