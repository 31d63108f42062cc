import cliProgress from "cli-progress";

/** Shows how far a run is: a bar in a terminal, a line per epoch elsewhere. */
export class Progress {
  private readonly bar: cliProgress.SingleBar | null;
  private readonly started = performance.now();
  private readonly total: number;
  private done = 0;
  private shown = 0;

  /** `total` counts steps. */
  constructor(total: number, quiet = false) {
    this.total = total;
    this.bar =
      !quiet && process.stderr.isTTY
        ? new cliProgress.SingleBar(
            {
              format: " {bar} {percentage} % | {phase} | loss {loss} | accuracy {accuracy} | {left} left",
              barsize: 28,
              hideCursor: true,
              clearOnComplete: false,
              stream: process.stderr,
            },
            cliProgress.Presets.shades_classic,
          )
        : null;
    this.bar?.start(total, 0, { phase: "", loss: "-", accuracy: "-", left: "-" });
  }

  /** One step is done. */
  step(phase: string, loss: number, accuracy: number | null): void {
    this.done++;
    const now = performance.now();
    if (this.bar === null || (now - this.shown < 100 && this.done < this.total)) return;
    this.shown = now;
    const left = ((now - this.started) / this.done) * (this.total - this.done);
    this.bar.update(this.done, {
      phase,
      loss: loss.toFixed(4),
      accuracy: accuracy === null ? "-" : `${(accuracy * 100).toFixed(2)} %`,
      left: seconds(left),
    });
  }

  /** A line that stays; in a terminal the bar goes on below it. */
  line(text: string): void {
    if (this.bar === null) console.log(text);
  }

  stop(): void {
    this.bar?.stop();
  }
}

/** Milliseconds as `12 s` or `1 min 5 s`. */
export function seconds(milliseconds: number): string {
  const s = Math.round(milliseconds / 1000);
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}
