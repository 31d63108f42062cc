import { nn, type Tensor } from "typetorch";

const { functional: F } = nn;

/** Two convolutions and two linear layers, 1.2 million parameters: pictures (N, 1, 28, 28) to scores (N, 10). */
export class DigitNet extends nn.Module {
  readonly conv1 = new nn.Conv2d(1, 32, 3);
  readonly conv2 = new nn.Conv2d(32, 64, 3);
  readonly dropout1 = new nn.Dropout(0.1);
  readonly fc1 = new nn.Linear(64 * 12 * 12, 128);
  readonly dropout2 = new nn.Dropout(0.3);
  readonly fc2 = new nn.Linear(128, 10);

  override forward(x: Tensor): Tensor {
    x = F.relu(this.conv1.call(x)); // (N, 32, 26, 26)
    x = F.relu(this.conv2.call(x)); // (N, 64, 24, 24)
    x = this.dropout1.call(F.maxPool2d(x, 2)); // (N, 64, 12, 12)
    x = F.relu(this.fc1.call(x.flatten(1))); // (N, 128)
    return this.fc2.call(this.dropout2.call(x));
  }
}
