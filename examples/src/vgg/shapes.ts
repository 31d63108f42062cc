/**
 * Pictures of shapes, drawn when they are asked for: any place, size, turn and colour, on a noisy ground.
 */
import torch, { type Tensor } from "typetorch";
import { Dataset } from "typetorch/utils/data";

export const KINDS = ["disc", "ring", "square", "triangle", "cross", "bars"] as const;
const SIDE = 32;

/** Whether a point of the shape's own square (-1 to 1 both ways) is inside. */
const inside: Record<(typeof KINDS)[number], (x: number, y: number) => boolean> = {
  disc: (x, y) => x * x + y * y < 0.9,
  ring: (x, y) => Math.abs(Math.hypot(x, y) - 0.75) < 0.22,
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.75,
  triangle: (x, y) => y > -0.6 && y < 0.9 - 1.7 * Math.abs(x),
  cross: (x, y) => Math.min(Math.abs(x), Math.abs(y)) < 0.25 && Math.max(Math.abs(x), Math.abs(y)) < 0.95,
  bars: (x, y) => Math.abs(y) < 0.85 && Math.abs(Math.abs(x) - 0.55) < 0.25,
};

export class ShapeDataset extends Dataset<[Tensor, number]> {
  private readonly count: number;
  constructor(count: number) {
    super();
    this.count = count;
  }
  override get length(): number {
    return this.count;
  }
  override getItem(index: number): [Tensor, number] {
    const kind = index % KINDS.length;
    const [place, down, size, turn, red, green, blue] = torch.rand(7).toArray() as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const radius = 6 + 5 * size;
    const centre = [radius + place * (SIDE - 2 * radius), radius + down * (SIDE - 2 * radius)] as const;
    const angle = (turn - 0.5) * 0.8;
    const colour = [red, green, blue].map((c) => 0.3 + 0.7 * c);
    const picture = torch.randn(3, SIDE, SIDE).mul(0.2);
    const data = picture.data as Float32Array;
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const [dx, dy] = [(x - centre[0]) / radius, (centre[1] - y) / radius];
        const [u, v] = [dx * Math.cos(angle) - dy * Math.sin(angle), dx * Math.sin(angle) + dy * Math.cos(angle)];
        if (!inside[KINDS[kind]!](u, v)) continue;
        for (let c = 0; c < 3; c++) data[(c * SIDE + y) * SIDE + x]! += colour[c]!;
      }
    }
    return [picture, kind];
  }
}
