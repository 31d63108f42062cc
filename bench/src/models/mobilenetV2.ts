/** MobileNetV2 as in Sandler et al. 2018, arXiv:1801.04381, with torchvision's layout. */
import * as torch from "typetorch";

const { nn } = torch;
const { functional: F } = nn;

function convolution(inputs: number, outputs: number, kernel: number, stride = 1, groups = 1): torch.nn.Sequential {
  return new nn.Sequential(
    new nn.Conv2d(inputs, outputs, kernel, { stride, padding: kernel >> 1, groups, bias: false }),
    new nn.BatchNorm2d(outputs),
    new nn.ReLU6({ inplace: true }),
  );
}

class InvertedResidual extends nn.Module {
  conv: torch.nn.Sequential;
  readonly #residual: boolean;

  constructor(inputs: number, outputs: number, stride: number, expand: number) {
    super();
    const hidden = inputs * expand;
    this.#residual = stride === 1 && inputs === outputs;
    this.conv = new nn.Sequential(
      ...(expand === 1 ? [] : [convolution(inputs, hidden, 1)]),
      convolution(hidden, hidden, 3, stride, hidden),
      new nn.Conv2d(hidden, outputs, 1, { bias: false }),
      new nn.BatchNorm2d(outputs),
    );
  }

  override forward(x: torch.Tensor): torch.Tensor {
    const out = this.conv.call(x) as torch.Tensor;
    return this.#residual ? x.add(out) : out;
  }
}

/** Expansion, output channels, blocks, stride of the first. */
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** An image classifier: (N, 3, H, W) -> (N, numClasses). */
export class MobileNetV2 extends nn.Module {
  features: torch.nn.Sequential;
  classifier: torch.nn.Sequential;

  constructor(numClasses = 1000) {
    super();
    const layers: torch.nn.Module[] = [convolution(3, 32, 3, 2)];
    let inputs = 32;
    for (const [expand, outputs, blocks, stride] of stages) {
      for (let block = 0; block < blocks; block++) {
        layers.push(new InvertedResidual(inputs, outputs, block === 0 ? stride : 1, expand));
        inputs = outputs;
      }
    }
    this.features = new nn.Sequential(...layers, convolution(inputs, 1280, 1));
    this.classifier = new nn.Sequential(new nn.Dropout(0.2), new nn.Linear(1280, numClasses));
  }

  override forward(x: torch.Tensor): torch.Tensor {
    const h = F.adaptiveAvgPool2d(this.features.call(x) as torch.Tensor, 1).flatten(1);
    return this.classifier.call(h) as torch.Tensor;
  }
}
