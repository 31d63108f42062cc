/**
 * The two curves.
 */
import uPlot from "uplot";

type Line = { readonly color: string; readonly width: number; readonly points?: boolean };

function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A chart that fills its element and takes its colors from the page. */
class Chart {
  readonly #parent: HTMLElement;
  readonly #lines: () => readonly Line[];
  readonly #range: (min: number, max: number) => uPlot.Range.MinMax;
  readonly #format: (value: number) => string;
  #plot: uPlot | null = null;
  #data: uPlot.AlignedData = [[]];
  #pending = false;

  constructor(
    parent: HTMLElement,
    lines: () => readonly Line[],
    range: (min: number, max: number) => uPlot.Range.MinMax,
    format: (value: number) => string,
  ) {
    this.#parent = parent;
    this.#lines = lines;
    this.#range = range;
    this.#format = format;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(parent);
  }

  #size(): { width: number; height: number } {
    return { width: Math.max(this.#parent.clientWidth, 50), height: this.#parent.clientHeight };
  }

  /** Draws anew with the colors that hold now. */
  build(): void {
    this.#plot?.destroy();
    const axis: uPlot.Axis = {
      stroke: css("--soft"),
      font: "12px Roboto, system-ui, sans-serif",
      grid: { stroke: css("--line"), width: 1 },
      ticks: { show: false },
    };
    this.#plot = new uPlot(
      {
        ...this.#size(),
        padding: [8, 10, 0, 0],
        cursor: { show: false },
        scales: {
          x: { time: false, range: (_, min, max) => [min ?? 0, Math.max(max ?? 0, (min ?? 0) + 10)] },
          y: { range: (_, min, max) => this.#range(min ?? 0, max ?? 1) },
        },
        axes: [
          { ...axis, grid: { show: false }, size: 28 },
          { ...axis, size: 48, values: (_, ticks) => ticks.map(this.#format) },
        ],
        series: [
          {},
          ...this.#lines().map(({ color, width, points = false }) => ({
            stroke: color,
            width,
            spanGaps: true,
            points: { show: points, size: 6, fill: color },
          })),
        ],
      },
      this.#data,
      this.#parent,
    );
  }

  /** Shows these data at the next frame. */
  set(data: uPlot.AlignedData): void {
    this.#data = data;
    if (this.#pending) return;
    this.#pending = true;
    requestAnimationFrame(() => {
      this.#pending = false;
      this.#plot?.setData(this.#data);
    });
  }
}

/** Steps over which the loss is smoothed. */
const SMOOTH = 12;
/** Points drawn at most: older ones are thinned out. */
const MOST = 1500;

export class Charts {
  readonly #loss: Chart;
  readonly #accuracy: Chart;
  #steps: number[] = [];
  #losses: number[] = [];
  #smooth: number[] = [];
  #tests: { steps: number[]; accuracies: number[] } = { steps: [0], accuracies: [0.1] };

  constructor(loss: HTMLElement, accuracy: HTMLElement) {
    this.#loss = new Chart(
      loss,
      () => [
        { color: `color-mix(in srgb, ${css("--accent")} 32%, ${css("--card")})`, width: 1 },
        { color: css("--accent"), width: 2.2 },
      ],
      (_, max) => [0, Math.max(max, 0.1) * 1.05],
      (value) => value.toFixed(value < 1 ? 2 : 1),
    );
    this.#accuracy = new Chart(
      accuracy,
      () => [{ color: css("--second"), width: 2.2, points: true }],
      (min) => [Math.min(Math.max(Math.floor(min * 10 - 0.5) / 10, 0), 0.9), 1],
      (value) => `${Math.round(value * 100)} %`,
    );
    this.clear();
  }

  clear(): void {
    this.#steps = [];
    this.#losses = [];
    this.#smooth = [];
    this.#tests = { steps: [], accuracies: [] };
    this.restyle();
    this.#update();
  }

  restyle(): void {
    this.#loss.build();
    this.#accuracy.build();
  }

  addLoss(step: number, loss: number): void {
    const before = this.#smooth[this.#smooth.length - 1];
    const share = 1 / Math.min(SMOOTH, this.#smooth.length + 1);
    this.#steps.push(step);
    this.#losses.push(loss);
    this.#smooth.push(before === undefined ? loss : before + share * (loss - before));
    if (this.#steps.length > MOST) {
      const keep = <T>(list: T[]): T[] => list.filter((_, k) => k >= MOST / 2 || k % 2 === 0);
      this.#steps = keep(this.#steps);
      this.#losses = keep(this.#losses);
      this.#smooth = keep(this.#smooth);
    }
    this.#update();
  }

  addAccuracy(step: number, accuracy: number): void {
    this.#tests.steps.push(step);
    this.#tests.accuracies.push(accuracy);
    this.#update();
  }

  #update(): void {
    this.#loss.set([this.#steps, this.#losses, this.#smooth]);
    this.#accuracy.set([this.#tests.steps, this.#tests.accuracies]);
  }
}
