/**
 * The network of the playground.
 */
import { nn, type Tensor } from "typetorch";
import { FILTER_SIDE, FILTERS } from "../protocol.ts";

const { functional: F } = nn;

/** Two convolutions and two linear layers, 57,000 parameters: pictures (N, 1, 28, 28) to scores (N, 10). */
export class DigitNet extends nn.Module {
  readonly conv1 = new nn.Conv2d(1, FILTERS, FILTER_SIDE);
  readonly conv2 = new nn.Conv2d(FILTERS, 32, 3);
  readonly fc1 = new nn.Linear(32 * 5 * 5, 64);
  readonly fc2 = new nn.Linear(64, 10);

  /** What the first layer sees: (N, 16, 24, 24). */
  firstMaps(x: Tensor): Tensor {
    return F.relu(this.conv1.call(x));
  }

  /** Scores from what the first layer saw. */
  rest(maps: Tensor): Tensor {
    let x = F.maxPool2d(maps, 2); // (N, 16, 12, 12)
    x = F.maxPool2d(F.relu(this.conv2.call(x)), 2); // (N, 32, 5, 5)
    x = F.relu(this.fc1.call(x.flatten(1))); // (N, 64)
    return this.fc2.call(x);
  }

  override forward(x: Tensor): Tensor {
    return this.rest(this.firstMaps(x));
  }
}
