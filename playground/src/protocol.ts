/**
 * What the page and the worker that trains say to each other, and the sizes of what they show.
 */

/** Side of a picture in pixels. */
export const SIDE = 28;
export const AREA = SIDE * SIDE;
/** Filters of the first layer, and their side. */
export const FILTERS = 16;
export const FILTER_SIDE = 5;
/** Side of what the first layer makes of a picture. */
export const MAP_SIDE = SIDE - FILTER_SIDE + 1;

/** What may be changed while training. */
export interface Settings {
  readonly lr: number;
  readonly batchSize: number;
}

/** A test digit to try. */
export interface Sample {
  /** Grey values from 0 to 255. */
  readonly pixels: Uint8Array;
  readonly label: number;
}

/** A test digit that the network reads as another. */
export interface Mistake extends Sample {
  readonly prediction: number;
}

export type Request =
  | { readonly type: "start" }
  | { readonly type: "pause" }
  | { readonly type: "reset" }
  | { readonly type: "configure"; readonly settings: Settings }
  /** Grey values from 0 to 255 of a picture. */
  | { readonly type: "predict"; readonly pixels: Uint8Array }
  | { readonly type: "save" }
  | { readonly type: "load"; readonly bytes: Uint8Array };

export type Report =
  | {
      readonly type: "ready";
      /** Where the tensors are. */
      readonly device: string;
      /** What the kernels of the CPU are made for. */
      readonly target: string;
      readonly threads: number;
      readonly parameters: number;
      readonly samples: readonly Sample[];
      readonly trainingDigits: number;
      readonly testDigits: number;
    }
  | { readonly type: "running"; readonly running: boolean }
  | {
      readonly type: "step";
      readonly step: number;
      readonly seen: number;
      readonly loss: number;
      readonly milliseconds: number;
      readonly imagesPerSecond: number;
    }
  | { readonly type: "tested"; readonly step: number; readonly accuracy: number; readonly mistakes: readonly Mistake[] }
  | { readonly type: "filters"; readonly weights: Float32Array }
  | { readonly type: "predicted"; readonly probabilities: Float32Array; readonly maps: Float32Array }
  | { readonly type: "saved"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "loaded" }
  /** The network starts anew: what was shown of the old one is over. */
  | { readonly type: "cleared" }
  | { readonly type: "failed"; readonly message: string };
