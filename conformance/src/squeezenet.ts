/**
 * SqueezeNet 1.1, nested of modules so that its state_dict has torchvision's keys.
 */
import torch, { nn, type Tensor } from "typetorch";

/** Squeezes the channels, and expands them by 1x1 and 3x3 convolutions side by side. */
class Fire extends nn.Module {
  readonly squeeze: nn.Conv2d;
  readonly squeezeActivation = new nn.ReLU();
  readonly expand1x1: nn.Conv2d;
  readonly expand1x1Activation = new nn.ReLU();
  readonly expand3x3: nn.Conv2d;
  readonly expand3x3Activation = new nn.ReLU();

  constructor(inChannels: number, squeezed: number, expanded: number) {
    super();
    this.squeeze = new nn.Conv2d(inChannels, squeezed, 1);
    this.expand1x1 = new nn.Conv2d(squeezed, expanded, 1);
    this.expand3x3 = new nn.Conv2d(squeezed, expanded, 3, { padding: 1 });
  }
  override forward(input: Tensor): Tensor {
    const x = this.squeezeActivation.call(this.squeeze.call(input));
    const one = this.expand1x1Activation.call(this.expand1x1.call(x));
    const three = this.expand3x3Activation.call(this.expand3x3.call(x));
    return torch.cat([one, three], 1);
  }
}

class SqueezeNet extends nn.Module {
  readonly features = new nn.Sequential(
    new nn.Conv2d(3, 64, 3, { stride: 2 }),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2, ceilMode: true }),
    new Fire(64, 16, 64),
    new Fire(128, 16, 64),
    new nn.MaxPool2d(3, { stride: 2, ceilMode: true }),
    new Fire(128, 32, 128),
    new Fire(256, 32, 128),
    new nn.MaxPool2d(3, { stride: 2, ceilMode: true }),
    new Fire(256, 48, 192),
    new Fire(384, 48, 192),
    new Fire(384, 64, 256),
    new Fire(512, 64, 256),
  );
  readonly classifier = new nn.Sequential(
    new nn.Dropout(0.5),
    new nn.Conv2d(512, 1000, 1),
    new nn.ReLU(),
    new nn.AdaptiveAvgPool2d([1, 1]),
  );
  override forward(x: Tensor): Tensor {
    return this.classifier.call(this.features.call(x)).flatten(1);
  }
}

/** A SqueezeNet 1.1 for 1,000 classes. */
export function squeezenet(): nn.Module {
  return new SqueezeNet();
}
