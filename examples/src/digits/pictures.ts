/**
 * The two pictures of a run: the training curve, and test digits with what the model says they are.
 */
import { lineChart, smoothed } from "../plot/chart.ts";
import { document, pictureUri } from "../plot/png.ts";
import { text } from "../plot/strokeFont.ts";

export interface TrainingHistory {
  /** Loss of every step. */
  readonly losses: readonly number[];
  /** Accuracy on the test digits after each epoch, from 0 to 1. */
  readonly accuracies: readonly number[];
}

/** Loss and accuracy over the epochs, as an SVG document. */
export function trainingCurve({ losses, accuracies }: TrainingHistory): string {
  const perEpoch = losses.length / Math.max(accuracies.length, 1);
  const epochs = losses.map((_, i) => (i + 1) / perEpoch);
  const smooth = smoothed(losses, perEpoch / 8);
  const accuracy = accuracies[accuracies.length - 1] ?? 0;
  const worst = Math.min(...accuracies);
  const top = Math.max(...smooth);
  return lineChart({
    title: "Training a convolutional network on handwritten digits",
    subtitle: `${losses.length} steps, test accuracy ${(accuracy * 100).toFixed(2)} % after ${accuracies.length} epochs`,
    x: { label: "epoch", range: [0, Math.max(accuracies.length, 1)] },
    left: { label: "training loss", range: [0, Math.ceil(top * 5) / 5] },
    right: {
      label: "test accuracy",
      range: [Math.max(0, Math.floor(worst * 50 - 1) / 50), 1],
      format: (v) => `${Number((v * 100).toFixed(2))} %`,
    },
    series: [
      {
        name: "loss of each step",
        color: "#4c78c8",
        width: 1,
        opacity: 0.25,
        points: losses.map((v, i) => [epochs[i]!, v]),
        unnamed: true,
      },
      { name: "training loss", color: "#2f5fb3", width: 2.5, points: smooth.map((v, i) => [epochs[i]!, v]) },
      {
        name: "test accuracy",
        color: "#e07b39",
        width: 2.5,
        dots: true,
        axis: "right",
        points: accuracies.map((v, i) => [i + 1, v]),
      },
    ],
  });
}

export interface ShownDigit {
  /** 28 x 28 grey values from 0 to 1. */
  readonly pixels: ArrayLike<number>;
  readonly label: number;
  readonly prediction: number;
  /** Probability that the model gives its prediction. */
  readonly confidence: number;
}

const CELL = 62;
const PICTURE = 46;

/** Test digits with predictions: `sample` in a grid, then `mistakes`, as an SVG document. */
export async function digitGrid(
  sample: readonly ShownDigit[],
  mistakes: readonly ShownDigit[],
  summary: string,
  columns = 14,
): Promise<string> {
  const width = columns * CELL + 48;
  const content: string[] = [
    text(24, 40, "What the network sees in test digits", { size: 15, weight: 2 }),
    text(24, 62, summary, { size: 9.5, color: "#6b7684" }),
  ];
  let y = 84;
  const rows = async (digits: readonly ShownDigit[]) => {
    const cells = await Promise.all(
      digits.map((digit, i) => cell(digit, 24 + (i % columns) * CELL, y + Math.floor(i / columns) * (CELL + 14))),
    );
    content.push(...cells);
    y += Math.ceil(digits.length / columns) * (CELL + 14);
  };
  await rows(sample);
  y += 18;
  const heading =
    mistakes.length === 0
      ? "No mistakes at all"
      : `The ${mistakes.length === 1 ? "only mistake" : `${mistakes.length} mistakes`}: what it saw, and what it was`;
  content.push(text(24, y + 6, heading, { size: 12, color: "#c0392b", weight: 1.6 }));
  y += 26;
  await rows(mistakes);
  return document(width, y + 16, "#ffffff", content);
}

async function cell(digit: ShownDigit, x: number, y: number): Promise<string> {
  const right = digit.prediction === digit.label;
  const color = right ? "#2e8b57" : "#c0392b";
  const uri = await pictureUri(digit.pixels, 28, 28, 4);
  const inset = (CELL - PICTURE) / 2;
  const frame = right
    ? `<rect x="${x + inset - 2}" y="${y}" width="${PICTURE + 4}" height="${PICTURE + 4}" rx="4" fill="none" stroke="#dfe3e8"/>`
    : `<rect x="${x + inset - 2}" y="${y}" width="${PICTURE + 4}" height="${PICTURE + 4}" rx="4" fill="none" stroke="${color}" stroke-width="2.5"/>`;
  const caption = right ? String(digit.prediction) : `${digit.prediction}, not ${digit.label}`;
  return [
    `<image x="${x + inset}" y="${y + 2}" width="${PICTURE}" height="${PICTURE}" xlink:href="${uri}"/>`,
    frame,
    text(x + CELL / 2, y + PICTURE + 17, caption, { size: right ? 9 : 7.6, color, anchor: "middle", weight: right ? 1.4 : 1.1 }),
  ].join("");
}
