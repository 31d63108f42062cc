/**
 * Text as strokes, so that pictures look the same on a machine without fonts. Each glyph is an SVG path on a grid where capitals are 8 high: the baseline is at
 * y = 8, the x-height at y = 3.
 */

const bowl = "M4 5.5A2 2.5 0 1 1 0 5.5A2 2.5 0 1 1 4 5.5";

/** Width and path of each glyph. */
const glyphs: Record<string, readonly [number, string]> = {
  " ": [2.2, ""],
  "0": [4.4, "M2.2 0C3.7 0 4.4 1.6 4.4 4S3.7 8 2.2 8S0 6.4 0 4S.7 0 2.2 0"],
  "1": [3, "M.4 1.6L2.2 0V8"],
  "2": [4.4, "M.2 2C.2 .6 1.2 0 2.2 0S4.2 .7 4.2 2.1C4.2 4 1.5 5 .1 8H4.4"],
  "3": [
    4.4,
    "M.2 1.2C.8 .3 1.4 0 2.2 0C3.4 0 4.1 .8 4.1 1.9S3.2 3.8 1.8 3.8C3.4 3.8 4.4 4.6 4.4 5.9S3.4 8 2.1 8C1.2 8 .4 7.6 0 6.8",
  ],
  "4": [4.6, "M3.4 8V0L0 5.6H4.6"],
  "5": [4.4, "M4 0H.8L.4 3.6C1 3.1 1.6 2.9 2.3 2.9C3.6 2.9 4.4 3.9 4.4 5.4S3.5 8 2.1 8C1.2 8 .5 7.7 0 6.9"],
  "6": [4.4, "M3.8 .9C3.4 .3 2.9 0 2.3 0C.9 0 .1 1.8 .1 4.6C.1 6.8 .9 8 2.3 8C3.5 8 4.4 7 4.4 5.4S3.5 3 2.3 3C1.2 3 .3 3.9 .1 5"],
  "7": [4.3, "M0 0H4.3L1.5 8"],
  "8": [
    4.4,
    "M2.2 3.7C1.1 3.7 .4 2.9 .4 1.9S1.1 0 2.2 0S4 .8 4 1.9S3.3 3.7 2.2 3.7C.9 3.7 0 4.6 0 5.8S.9 8 2.2 8S4.4 7 4.4 5.8S3.5 3.7 2.2 3.7",
  ],
  "9": [4.4, "M.6 7.1C1 7.7 1.5 8 2.1 8C3.5 8 4.3 6.2 4.3 3.4C4.3 1.2 3.5 0 2.1 0C.9 0 0 1 0 2.6S.9 5 2.1 5C3.2 5 4.1 4.1 4.3 3"],
  A: [5, "M0 8L2.5 0L5 8M.9 5.2H4.1"],
  B: [4.6, "M0 0V8M0 0H2.4C3.6 0 4.2 .8 4.2 1.9S3.6 3.7 2.4 3.7H0M2.4 3.7C3.9 3.7 4.6 4.6 4.6 5.8S3.9 8 2.4 8H0"],
  C: [5, "M5 1.4C4.4 .5 3.6 0 2.7 0C1 0 0 1.7 0 4S1 8 2.7 8C3.6 8 4.4 7.5 5 6.6"],
  D: [5, "M0 0V8M0 0H2C4 0 5 1.6 5 4S4 8 2 8H0"],
  E: [4, "M4 0H0V8H4M0 3.8H3.4"],
  F: [4, "M4 0H0V8M0 3.8H3.4"],
  G: [5.2, "M5 1.4C4.4 .5 3.6 0 2.7 0C1 0 0 1.7 0 4S1 8 2.7 8C4.2 8 5.2 6.8 5.2 4.6H3"],
  H: [4.8, "M0 0V8M4.8 0V8M0 3.8H4.8"],
  I: [0.8, "M.4 0V8"],
  J: [3, "M3 0V5.8C3 7.2 2.4 8 1.4 8C.7 8 .2 7.6 0 7"],
  K: [4.6, "M0 0V8M4.4 0L0 5M1.5 3.3L4.6 8"],
  L: [3.8, "M0 0V8H3.8"],
  M: [6, "M0 8V0L3 5.6L6 0V8"],
  N: [4.8, "M0 8V0L4.8 8V0"],
  O: [5.6, "M2.8 0C4.5 0 5.6 1.6 5.6 4S4.5 8 2.8 8S0 6.4 0 4S1.1 0 2.8 0"],
  P: [4.4, "M0 8V0H2.3C3.6 0 4.4 .9 4.4 2.1S3.6 4.2 2.3 4.2H0"],
  Q: [5.6, "M2.8 0C4.5 0 5.6 1.6 5.6 4S4.5 8 2.8 8S0 6.4 0 4S1.1 0 2.8 0M3.6 6L5.4 8.6"],
  R: [4.6, "M0 8V0H2.3C3.6 0 4.4 .9 4.4 2.1S3.6 4.2 2.3 4.2H0M2.3 4.2L4.6 8"],
  S: [4.6, "M4.2 1.2C3.7 .4 3.1 0 2.3 0C1.1 0 .3 .8 .3 1.9C.3 4.4 4.6 3.2 4.6 5.9C4.6 7.2 3.6 8 2.3 8C1.3 8 .5 7.5 0 6.7"],
  T: [4.8, "M0 0H4.8M2.4 0V8"],
  U: [4.8, "M0 0V5.2C0 7 1 8 2.4 8S4.8 7 4.8 5.2V0"],
  V: [5, "M0 0L2.5 8L5 0"],
  W: [7, "M0 0L1.8 8L3.5 .6L5.2 8L7 0"],
  X: [4.8, "M0 0L4.8 8M4.8 0L0 8"],
  Y: [4.8, "M0 0L2.4 4.2V8M4.8 0L2.4 4.2"],
  Z: [4.6, "M0 0H4.6L0 8H4.6"],
  a: [4, `${bowl}M4 3V8`],
  b: [4, `M0 0V8${bowl}`],
  c: [3.7, "M3.7 4.1C3.3 3.4 2.7 3 2 3C.8 3 0 4 0 5.5S.8 8 2 8C2.7 8 3.3 7.6 3.7 6.9"],
  d: [4, `${bowl}M4 0V8`],
  e: [4, "M0 5.4H4C4 3.9 3.2 3 2 3C.8 3 0 4 0 5.5S.8 8 2 8C2.8 8 3.4 7.7 3.8 7"],
  f: [3, "M3 .4C2 -.2 1.2 .3 1.2 1.8V8M0 3H2.7"],
  g: [4, `${bowl}M4 3V8.4C4 10 3.2 10.6 2 10.6C1.2 10.6 .6 10.3 .2 9.8`],
  h: [3.8, "M0 0V8M0 5C0 3.7 1 3 2 3S3.8 3.6 3.8 5V8"],
  i: [0.8, "M.4 3V8M.4 .8V1"],
  j: [1.4, "M1 3V9C1 10.2 .4 10.6 -.4 10.4M1 .8V1"],
  k: [3.6, "M0 0V8M3.4 3L0 6.2M1.3 5.2L3.6 8"],
  l: [0.8, "M.4 0V8"],
  m: [6.2, "M0 3V8M0 5C0 3.6 .7 3 1.6 3S3.1 3.6 3.1 5V8M3.1 5C3.1 3.6 3.8 3 4.7 3S6.2 3.6 6.2 5V8"],
  n: [3.8, "M0 3V8M0 5C0 3.7 1 3 2 3S3.8 3.6 3.8 5V8"],
  o: [4, bowl],
  p: [4, `M0 3V10.6${bowl}`],
  q: [4, `M4 3V10.6${bowl}`],
  r: [2.5, "M0 3V8M0 5.2C.1 3.8 1 3 2.5 3.1"],
  s: [3.5, "M3.2 3.8C2.8 3.2 2.3 3 1.8 3C.9 3 .2 3.5 .2 4.3C.2 6 3.5 4.9 3.5 6.6C3.5 7.5 2.7 8 1.8 8C1 8 .4 7.7 0 7"],
  t: [3, "M1.2 1V6.5C1.2 7.8 1.9 8.2 3 7.8M0 3H2.8"],
  u: [3.8, "M0 3V6C0 7.4 .8 8 1.8 8S3.8 7.3 3.8 6M3.8 3V8"],
  v: [4, "M0 3L2 8L4 3"],
  w: [6, "M0 3L1.5 8L3 3.4L4.5 8L6 3"],
  x: [3.8, "M0 3L3.8 8M3.8 3L0 8"],
  y: [4, "M0 3L2 8M4 3L2 8C1.4 9.8 .9 10.6 -.2 10.4"],
  z: [3.8, "M0 3H3.6L0 8H3.8"],
  ".": [0.8, "M.4 7.9V8"],
  ",": [0.8, "M.5 7.8L.1 9.3"],
  ":": [0.8, "M.4 3.9V4M.4 7.9V8"],
  "-": [2.8, "M.2 5H2.6"],
  "+": [3.8, "M.2 5H3.6M1.9 3.3V6.7"],
  "=": [3.6, "M.2 4H3.4M.2 6H3.4"],
  "/": [3, "M0 8.6L3 -.4"],
  "(": [1.6, "M1.6 -.6C.4 .8 0 2.4 0 4S.4 7.2 1.6 8.6"],
  ")": [1.6, "M0 -.6C1.2 .8 1.6 2.4 1.6 4S1.2 7.2 0 8.6"],
  "%": [5.8, "M4.9 0L.9 8M1.2 0A1.2 1.6 0 1 1 1.2 3.2A1.2 1.6 0 1 1 1.2 0M4.6 4.8A1.2 1.6 0 1 1 4.6 8A1.2 1.6 0 1 1 4.6 4.8"],
  "'": [0.8, "M.4 0V1.8"],
};

/** Space between glyphs, on the grid. */
const SPACING = 1.7;

/** Width of a text whose capitals are `size` high. */
export function textWidth(text: string, size: number): number {
  let width = 0;
  for (const character of text) width += (glyphs[character] ?? glyphs["-"]!)[0] + SPACING;
  return (Math.max(width - SPACING, 0) * size) / 8;
}

export interface TextOptions {
  /** Height of a capital in pixels. Default: 10. */
  size?: number;
  color?: string;
  /** Thickness of the strokes in pixels. Default: size / 8. */
  weight?: number;
  /** Which point of the text lies at x. Default: `start`. */
  anchor?: "start" | "middle" | "end";
  /** Turned by 90 degrees, reading upwards. Default: false. */
  upright?: boolean;
}

/** A text as an SVG element; (x, y) is on its baseline. */
export function text(x: number, y: number, content: string, options: TextOptions = {}): string {
  const { size = 10, color = "#1c2430", weight = size / 8, anchor = "start", upright = false } = options;
  const scale = size / 8;
  const width = textWidth(content, size);
  const shift = anchor === "start" ? 0 : anchor === "middle" ? -width / 2 : -width;
  let cursor = 0;
  let paths = "";
  for (const character of content) {
    const [advance, path] = glyphs[character] ?? glyphs["-"]!;
    if (path !== "") paths += `<path transform="translate(${cursor.toFixed(2)} 0)" d="${path}"/>`;
    cursor += advance + SPACING;
  }
  const turn = upright ? " rotate(-90)" : "";
  const style = `fill="none" stroke="${color}" stroke-width="${(weight / scale).toFixed(2)}" stroke-linecap="round" stroke-linejoin="round"`;
  return `<g transform="translate(${x.toFixed(2)} ${y.toFixed(2)})${turn} translate(${shift.toFixed(2)} ${-size}) scale(${scale})" ${style}>${paths}</g>`;
}
