/**
 * The Chromium of this machine, without a window.
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge"];
const PLACES = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
];

/** What to do on a machine without it. */
export const howToInstall = "install Chromium (apt-get install chromium) or name one in CHROMIUM";

/** The browser's program: what the environment variable `CHROMIUM` names, else an installed Chromium, Chrome or Edge; null when there is none. */
export function findChromium(): string | null {
  const named = process.env.CHROMIUM;
  if (named !== undefined && named !== "") return existsSync(named) ? named : null;
  const paths = (process.env.PATH ?? "").split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [...paths, ...PLACES].find((path) => existsSync(path)) ?? null;
}

/** Starts the browser, with WebGPU on SwiftShader where there is no GPU. Throws where there is no browser. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error(`there is no Chromium here: ${howToInstall}`);
  return chromium.launch({
    executablePath,
    args: [
      ...["--headless=new", "--no-sandbox", "--no-first-run", "--disable-sync"],
      ...["--disable-background-networking", "--disable-component-update"],
      ...["--disable-background-timer-throttling", "--disable-renderer-backgrounding"],
      "--enable-unsafe-webgpu", // without it requestAdapter gives null on a machine whose GPU is not on the list
    ],
  });
}
