import { nn, type Tensor } from "typetorch";

/** Convolution, batch norm, ReLU. */
class ConvUnit extends nn.Sequential {
  constructor(inChannels: number, outChannels: number) {
    super(
      new nn.Conv2d(inChannels, outChannels, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(outChannels),
      new nn.ReLU({ inplace: true }),
    );
  }
}

/** Several convolution units, then a picture of half the size. */
class Stage extends nn.Sequential {
  constructor(inChannels: number, outChannels: number, units: number) {
    super(
      ...Array.from({ length: units }, (_, i) => new ConvUnit(i === 0 ? inChannels : outChannels, outChannels)),
      new nn.MaxPool2d(2),
    );
  }
}

/**
 * VGG with batch norm (Simonyan and Zisserman, https://arxiv.org/abs/1409.1556), small: modules made of modules made of modules. Pictures (N, 3, 32, 32) to
 * scores (N, classes).
 */
export class Vgg extends nn.Module {
  readonly features: nn.Sequential;
  readonly classifier: nn.Sequential;

  constructor(
    classes: number,
    stages: readonly (readonly [channels: number, units: number])[] = [
      [16, 1],
      [32, 1],
      [64, 2],
      [64, 2],
    ],
  ) {
    super();
    this.features = new nn.Sequential(
      ...stages.map(([channels, units], i) => new Stage(i === 0 ? 3 : stages[i - 1]![0], channels, units)),
    );
    const side = 32 / 2 ** stages.length;
    const channels = stages[stages.length - 1]![0];
    this.classifier = new nn.Sequential(
      new nn.Flatten(),
      new nn.Linear(channels * side * side, 128),
      new nn.ReLU({ inplace: true }),
      new nn.Dropout(0.3),
      new nn.Linear(128, classes),
    );
  }
  override forward(x: Tensor): Tensor {
    return this.classifier.call(this.features.call(x));
  }
}
