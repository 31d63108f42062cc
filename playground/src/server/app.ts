/**
 * Everything that the playground's server serves.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleLibrary } from "@typetorch/browser/library";
import type { ServedFile } from "@typetorch/browser/server";
import { packDigits } from "./digits.ts";

// this file runs from dist/src/server
const here = dirname(fileURLToPath(import.meta.url));
const publicFolder = join(here, "../../../public");
const require = createRequire(import.meta.url);

const FONTS = ["Regular", "Medium", "Bold"];

/** The files by their paths. */
export async function playgroundFiles(): Promise<Map<string, ServedFile>> {
  const fonts = dirname(require.resolve("roboto-fontface/package.json"));
  const [page, worker, digits, html, css, chartCss, ...fontFiles] = await Promise.all([
    bundleLibrary({ entry: join(here, "../page/main.js") }),
    bundleLibrary({ entry: join(here, "../worker/main.js") }),
    packDigits(),
    readFile(join(publicFolder, "index.html")),
    readFile(join(publicFolder, "style.css")),
    readFile(join(dirname(require.resolve("uplot/package.json")), "dist/uPlot.min.css")),
    ...FONTS.map((name) => readFile(join(fonts, `fonts/roboto/Roboto-${name}.woff2`))),
  ]);
  const icon = await readFile(join(publicFolder, "icon.svg"));
  return new Map<string, ServedFile>([
    ["/", { type: "text/html; charset=utf-8", body: html }],
    ["/style.css", { type: "text/css", body: css }],
    ["/chart.css", { type: "text/css", body: chartCss }],
    ["/icon.svg", { type: "image/svg+xml", body: icon }],
    ["/page.js", { type: "text/javascript", body: page }],
    ["/worker.js", { type: "text/javascript", body: worker }],
    ["/digits.bin", { type: "application/octet-stream", body: digits }],
    ...FONTS.map((name, k) => [`/Roboto-${name}.woff2`, { type: "font/woff2", body: fontFiles[k]! }] as const),
  ]);
}
