/**
 * The convolutions of well-known networks: their inputs, filters, and how often each occurs.
 */
export interface Layer {
  readonly x: number[];
  readonly w: number[];
  readonly stride: number;
  readonly padding: number;
  readonly groups: number;
  readonly count: number;
  /** Nobody asks for the gradient of its input. */
  readonly first: boolean;
}

type Add = (inputs: number, outputs: number, kernel: number, size: number, more?: Partial<Layer>) => number;

/** Each network adds its convolutions for pictures of a size; `add` returns the size of the output. */
const builders: Readonly<Record<string, (add: Add, size: number) => void>> = {
  resnet18(add, size) {
    let s = add(3, 64, 7, size, { stride: 2, first: true });
    s = Math.ceil(s / 2);
    add(64, 64, 3, s, { count: 4 });
    for (const planes of [128, 256, 512]) {
      add(planes / 2, planes, 1, s, { stride: 2 });
      s = add(planes / 2, planes, 3, s, { stride: 2 });
      add(planes, planes, 3, s, { count: 3 });
    }
  },
  resnet50(add, size) {
    let s = add(3, 64, 7, size, { stride: 2, first: true });
    s = Math.ceil(s / 2);
    let from = 64;
    for (const [i, blocks] of [3, 4, 6, 3].entries()) {
      const planes = 64 << i;
      const stride = i === 0 ? 1 : 2;
      add(from, planes, 1, s);
      add(from, 4 * planes, 1, s, { stride });
      s = add(planes, planes, 3, s, { stride });
      add(planes, 4 * planes, 1, s, { count: blocks });
      add(4 * planes, planes, 1, s, { count: blocks - 1 });
      add(planes, planes, 3, s, { count: blocks - 1 });
      from = 4 * planes;
    }
  },
  vgg11(add, size) {
    let from = 3;
    let s = size;
    for (const [i, planes] of [64, 128, 256, 256, 512, 512, 512, 512].entries()) {
      add(from, planes, 3, s, { first: i === 0 });
      if (i !== 2 && i !== 4 && i !== 6) s = Math.floor(s / 2);
      from = planes;
    }
  },
  mobilenetV2(add, size) {
    let s = add(3, 32, 3, size, { stride: 2, first: true });
    let from = 32;
    for (const [expand, planes, blocks, firstStride] of [
      [1, 16, 1, 1],
      [6, 24, 2, 2],
      [6, 32, 3, 2],
      [6, 64, 4, 2],
      [6, 96, 3, 1],
      [6, 160, 3, 2],
      [6, 320, 1, 1],
    ] as const) {
      for (let block = 0; block < blocks; block++) {
        const hidden = from * expand;
        if (expand !== 1) add(from, hidden, 1, s);
        s = add(hidden, hidden, 3, s, { stride: block === 0 ? firstStride : 1, groups: hidden });
        add(hidden, planes, 1, s);
        from = planes;
      }
    }
    add(from, 1280, 1, s);
  },
  squeezenet(add, size) {
    const pool = (s: number) => Math.ceil((s - 3) / 2) + 1;
    let s = pool(add(3, 64, 3, size, { stride: 2, first: true, padding: 0 }));
    let from = 64;
    for (const [i, [squeeze, expand]] of [
      [16, 64],
      [16, 64],
      [32, 128],
      [32, 128],
      [48, 192],
      [48, 192],
      [64, 256],
      [64, 256],
    ].entries()) {
      if (i === 2 || i === 4) s = pool(s);
      add(from, squeeze!, 1, s);
      add(squeeze!, expand!, 1, s);
      add(squeeze!, expand!, 3, s);
      from = 2 * expand!;
    }
    add(from, 1000, 1, s);
  },
};

export const networks = Object.keys(builders);

/** The convolutions of a network for a batch of square pictures. */
export function layersOf(network: string, batch: number, size: number): Layer[] {
  const layers = new Map<string, Layer>();
  const add: Add = (
    inputs,
    outputs,
    kernel,
    s,
    { stride = 1, groups = 1, count = 1, first = false, padding = kernel >> 1 } = {},
  ) => {
    const x = [batch, inputs, s, s];
    const w = [outputs, inputs / groups, kernel, kernel];
    const key = [x, w, stride].join();
    layers.set(key, { x, w, stride, padding, groups, first, count: count + (layers.get(key)?.count ?? 0) });
    return Math.floor((s + 2 * padding - kernel) / stride) + 1;
  };
  builders[network]!(add, size);
  return [...layers.values()];
}
