/**
 * A function with a derivative of one's own: the sign, whose true derivative is zero nearly everywhere, lets gradients pass as if it were the identity between
 * -1 and 1 (the straight-through estimator). With it a network of hard signs can be trained.
 */
import { natural, parseOptions, positive, targetOption } from "@typetorch/command-line";

const options = parseOptions(
  "npm run example -- customFunction",
  "Trains a network of hard signs by a derivative of one's own.",
  {
    steps: { value: "N", default: "400", help: "training steps" },
    seed: { value: "N", default: "1", help: "seed of data and weights" },
    target: targetOption,
  },
);
const steps = positive("steps", options.steps);

const { default: torch, autograd, nn, optim } = await import("typetorch");
type Tensor = import("typetorch").Tensor;
type Context = import("typetorch").autograd.FunctionContext;
const { functional: F } = nn;

/** sign(x) forward; backward the gradient where |x| <= 1, zero elsewhere. */
class StraightThroughSign extends autograd.Function {
  static forward(ctx: Context, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.sign();
  }
  static backward(ctx: Context, grad: Tensor): Tensor {
    const [x] = ctx.savedTensors as [Tensor];
    return grad.mul(x.abs().le(1).to(grad.dtype));
  }
}

class SignNet extends nn.Module {
  readonly hidden = new nn.Linear(2, 64);
  readonly output = new nn.Linear(64, 2);
  override forward(x: Tensor): Tensor {
    return this.output.call(StraightThroughSign.apply(this.hidden.call(x)));
  }
}

/** Points of two arms of a spiral. */
function spiral(count: number): [Tensor, Tensor] {
  const angle = torch
    .rand(count)
    .sqrt()
    .mul(1.5 * Math.PI);
  const arm = torch.randint(0, 2, [count]);
  const turned = angle.add(arm.mul(Math.PI));
  const radius = angle.mul(0.25);
  const points = torch.stack([radius.mul(turned.cos()), radius.mul(turned.sin())], 1);
  return [points.add(torch.randn(count, 2).mul(0.04)), arm];
}

torch.manualSeed(natural("seed", options.seed));
const x = torch.tensor([-2, -0.5, 0.5, 2]).requiresGrad_();
StraightThroughSign.apply(x).sum().backward();
console.log(`sign(${x.detach().toArray()}) passes the gradients ${x.grad!.toArray()}`);

const [points, labels] = spiral(1000);
const [testPoints, testLabels] = spiral(500);
const model = new SignNet();
const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 });
for (let step = 1; step <= steps; step++) {
  optimizer.zeroGrad();
  const loss = F.crossEntropy(model.call(points), labels);
  loss.backward();
  optimizer.step();
  if (step % Math.max(1, Math.floor(steps / 5)) === 0) console.log(`step ${step}: loss ${loss.item().toFixed(4)}`);
}
const right = torch.noGrad(() => model.call(testPoints).argmax(1).eq(testLabels).sum()).item();
console.log(`Test accuracy ${((right / testLabels.length) * 100).toFixed(1)} %, with nothing but +1 and -1 in the hidden layer.`);
