/** ResNet-18 as in He et al. 2015, arXiv:1512.03385, with torchvision's layout. */
import * as torch from "typetorch";

const { nn } = torch;
const { functional: F } = nn;

class BasicBlock extends nn.Module {
  conv1: torch.nn.Conv2d;
  bn1: torch.nn.BatchNorm2d;
  conv2: torch.nn.Conv2d;
  bn2: torch.nn.BatchNorm2d;
  downsample: torch.nn.Sequential | null;

  constructor(inPlanes: number, planes: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(inPlanes, planes, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(planes);
    this.conv2 = new nn.Conv2d(planes, planes, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(planes);
    const same = stride === 1 && inPlanes === planes;
    this.downsample = same
      ? null
      : new nn.Sequential(new nn.Conv2d(inPlanes, planes, 1, { stride, bias: false }), new nn.BatchNorm2d(planes));
  }

  override forward(x: torch.Tensor): torch.Tensor {
    const identity = this.downsample === null ? x : (this.downsample.call(x) as torch.Tensor);
    const out = F.relu(this.bn1.call(this.conv1.call(x)));
    return F.relu(this.bn2.call(this.conv2.call(out)).add(identity));
  }
}

/** An image classifier: (N, 3, H, W) -> (N, numClasses). */
export class ResNet18 extends nn.Module {
  conv1 = new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
  bn1 = new nn.BatchNorm2d(64);
  layer1 = new nn.Sequential(new BasicBlock(64, 64, 1), new BasicBlock(64, 64, 1));
  layer2 = new nn.Sequential(new BasicBlock(64, 128, 2), new BasicBlock(128, 128, 1));
  layer3 = new nn.Sequential(new BasicBlock(128, 256, 2), new BasicBlock(256, 256, 1));
  layer4 = new nn.Sequential(new BasicBlock(256, 512, 2), new BasicBlock(512, 512, 1));
  fc: torch.nn.Linear;

  constructor(numClasses = 1000) {
    super();
    this.fc = new nn.Linear(512, numClasses);
  }

  override forward(x: torch.Tensor): torch.Tensor {
    let h = F.maxPool2d(F.relu(this.bn1.call(this.conv1.call(x))), 3, { stride: 2, padding: 1 });
    for (const layer of [this.layer1, this.layer2, this.layer3, this.layer4]) h = layer.call(h) as torch.Tensor;
    return this.fc.call(F.adaptiveAvgPool2d(h, 1).flatten(1));
  }
}
