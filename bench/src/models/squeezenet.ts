/** SqueezeNet 1.1 as in Iandola et al. 2016, arXiv:1602.07360, with torchvision's layout. */
import * as torch from "typetorch";

const { nn } = torch;
const { functional: F } = nn;

class Fire extends nn.Module {
  squeeze: torch.nn.Conv2d;
  expand1x1: torch.nn.Conv2d;
  expand3x3: torch.nn.Conv2d;

  constructor(inputs: number, squeeze: number, expand: number) {
    super();
    this.squeeze = new nn.Conv2d(inputs, squeeze, 1);
    this.expand1x1 = new nn.Conv2d(squeeze, expand, 1);
    this.expand3x3 = new nn.Conv2d(squeeze, expand, 3, { padding: 1 });
  }

  override forward(x: torch.Tensor): torch.Tensor {
    const h = F.relu(this.squeeze.call(x), { inplace: true });
    const expanded = [this.expand1x1.call(h), this.expand3x3.call(h)];
    return torch.cat(
      expanded.map((part) => F.relu(part, { inplace: true })),
      1,
    );
  }
}

const pool = () => new nn.MaxPool2d(3, { stride: 2, ceilMode: true });

/** An image classifier: (N, 3, H, W) -> (N, numClasses). */
export class SqueezeNet extends nn.Module {
  features: torch.nn.Sequential;
  classifier: torch.nn.Sequential;

  constructor(numClasses = 1000) {
    super();
    this.features = new nn.Sequential(
      new nn.Conv2d(3, 64, 3, { stride: 2 }),
      new nn.ReLU({ inplace: true }),
      pool(),
      new Fire(64, 16, 64),
      new Fire(128, 16, 64),
      pool(),
      new Fire(128, 32, 128),
      new Fire(256, 32, 128),
      pool(),
      new Fire(256, 48, 192),
      new Fire(384, 48, 192),
      new Fire(384, 64, 256),
      new Fire(512, 64, 256),
    );
    this.classifier = new nn.Sequential(
      new nn.Dropout(0.5),
      new nn.Conv2d(512, numClasses, 1),
      new nn.ReLU({ inplace: true }),
      new nn.AdaptiveAvgPool2d(1),
    );
  }

  override forward(x: torch.Tensor): torch.Tensor {
    return (this.classifier.call(this.features.call(x)) as torch.Tensor).flatten(1);
  }
}
