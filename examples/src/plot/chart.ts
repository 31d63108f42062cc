/**
 * A line chart with one or two vertical axes, as an SVG document.
 */
import { document } from "./png.ts";
import { text, textWidth } from "./strokeFont.ts";

export interface Series {
  readonly name: string;
  readonly color: string;
  readonly points: readonly (readonly [number, number])[];
  /** Default: 2. */
  readonly width?: number;
  /** Default: 1. */
  readonly opacity?: number;
  /** Whether each point is marked by a dot. Default: false. */
  readonly dots?: boolean;
  /** Which axis. Default: `left`. */
  readonly axis?: "left" | "right";
  /** Left out of the legend. Default: false. */
  readonly unnamed?: boolean;
}

export interface Axis {
  readonly label: string;
  readonly range?: readonly [number, number];
  readonly format?: (value: number) => string;
}

export interface ChartOptions {
  readonly title: string;
  readonly subtitle?: string;
  readonly x: Axis;
  readonly left: Axis;
  readonly right?: Axis;
  readonly series: readonly Series[];
  readonly width?: number;
  readonly height?: number;
}

const INK = "#1c2430";
const MUTED = "#6b7684";
const GRID = "#e6e9ee";

/** About `count` round numbers from `low` to `high`. */
export function ticks(low: number, high: number, count: number): number[] {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999)!;
  const list: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) list.push(i * step);
  return list;
}

function rangeOf(axis: Axis | undefined, values: readonly number[]): readonly [number, number] {
  if (axis?.range !== undefined) return axis.range;
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return [0, 1];
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  return low === high ? [low - 1, high + 1] : [low, high];
}

const plain = (value: number): string => String(Number(value.toPrecision(6)));

/** The chart as an SVG document. */
export function lineChart(options: ChartOptions): string {
  const { title, subtitle, x: xAxis, left, right, series, width = 900, height = 480 } = options;
  const box = { x: 74, y: subtitle === undefined ? 62 : 80, w: width - 74 - (right === undefined ? 32 : 74), h: 0 };
  box.h = height - box.y - 62;
  const of = (axis: "left" | "right") =>
    series.filter((s) => (s.axis ?? "left") === axis).flatMap((s) => s.points.map((p) => p[1]));
  const [x0, x1] = rangeOf(
    xAxis,
    series.flatMap((s) => s.points.map((p) => p[0])),
  );
  const ranges = { left: rangeOf(left, of("left")), right: rangeOf(right, of("right")) };
  const px = (v: number) => box.x + ((v - x0) / (x1 - x0)) * box.w;
  const py = (v: number, axis: "left" | "right") => {
    const [low, high] = ranges[axis];
    return box.y + box.h - ((v - low) / (high - low)) * box.h;
  };
  const out: string[] = [text(box.x, 40, title, { size: 15, color: INK, weight: 2 })];
  if (subtitle !== undefined) out.push(text(box.x, 62, subtitle, { size: 9.5, color: MUTED, weight: 1.1 }));

  for (const v of ticks(...ranges.left, 6)) {
    const y = py(v, "left");
    out.push(`<path d="M${box.x} ${y.toFixed(1)}h${box.w}" stroke="${GRID}"/>`);
    out.push(text(box.x - 10, y + 4, (left.format ?? plain)(v), { size: 9, color: MUTED, anchor: "end" }));
  }
  if (right !== undefined) {
    for (const v of ticks(...ranges.right, 6)) {
      out.push(text(box.x + box.w + 10, py(v, "right") + 4, (right.format ?? plain)(v), { size: 9, color: MUTED }));
    }
    out.push(text(width - 14, box.y + box.h / 2, right.label, { size: 10, color: INK, anchor: "middle", upright: true }));
  }
  for (const v of ticks(x0, x1, 10)) {
    const at = px(v);
    out.push(`<path d="M${at.toFixed(1)} ${box.y + box.h}v5" stroke="${MUTED}"/>`);
    out.push(text(at, box.y + box.h + 20, (xAxis.format ?? plain)(v), { size: 9, color: MUTED, anchor: "middle" }));
  }
  out.push(`<path d="M${box.x} ${box.y + box.h}h${box.w}" stroke="${MUTED}"/>`);
  out.push(text(box.x + box.w / 2, height - 14, xAxis.label, { size: 10, color: INK, anchor: "middle" }));
  out.push(text(24, box.y + box.h / 2, left.label, { size: 10, color: INK, anchor: "middle", upright: true }));

  out.push(
    `<clipPath id="box"><rect x="${box.x - 6}" y="${box.y - 6}" width="${box.w + 12}" height="${box.h + 12}"/></clipPath>`,
  );
  for (const s of series) {
    const at = s.points.map(([a, b]) => [px(a), py(b, s.axis ?? "left")] as const).filter(([, y]) => Number.isFinite(y));
    const d = at.map(([a, b], i) => `${i === 0 ? "M" : "L"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");
    const stroke = `stroke="${s.color}" stroke-width="${s.width ?? 2}" stroke-opacity="${s.opacity ?? 1}"`;
    out.push(`<path clip-path="url(#box)" d="${d}" fill="none" ${stroke} stroke-linejoin="round" stroke-linecap="round"/>`);
    if (s.dots)
      for (const [a, b] of at) out.push(`<circle cx="${a.toFixed(1)}" cy="${b.toFixed(1)}" r="4" fill="#fff" ${stroke}/>`);
  }

  let cursor = box.x + box.w;
  for (const s of [...series].reverse()) {
    if (s.unnamed) continue;
    cursor -= textWidth(s.name, 9.5);
    out.push(text(cursor, 40, s.name, { size: 9.5, color: INK }));
    cursor -= 30;
    out.push(`<path d="M${cursor} 36h20" stroke="${s.color}" stroke-width="3" stroke-linecap="round"/>`);
    cursor -= 22;
  }
  return document(width, height, "#ffffff", out);
}

/** A running mean over about `span` points, which starts at the first value. */
export function smoothed(values: readonly number[], span: number): number[] {
  const keep = Math.exp(-1 / span);
  let mean = 0;
  let weight = 0;
  return values.map((v) => {
    mean = keep * mean + (1 - keep) * v;
    weight = keep * weight + (1 - keep);
    return mean / weight;
  });
}
