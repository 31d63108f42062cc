import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import sharp from "sharp";

/** Renders an SVG document to a PNG file, at twice its size in pixels. */
export async function savePng(svg: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await sharp(Buffer.from(svg), { density: 144 }).png({ compressionLevel: 9 }).toFile(path);
}

/** An SVG document of the given size with a background. */
export function document(width: number, height: number, background: string, content: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><rect width="${width}" height="${height}" fill="${background}"/>${content.join("")}</svg>`;
}

/** A grey picture (values from 0 to 1, row by row) enlarged and as a data URI. */
export async function pictureUri(pixels: ArrayLike<number>, width: number, height: number, scale: number): Promise<string> {
  const bytes = Uint8Array.from(pixels, (v) => 255 - Math.round(Math.min(Math.max(v, 0), 1) * 255));
  const png = await sharp(bytes, { raw: { width, height, channels: 1 } })
    .resize(width * scale, height * scale, { kernel: "cubic" })
    .png()
    .toBuffer();
  return `data:image/png;base64,${png.toString("base64")}`;
}
