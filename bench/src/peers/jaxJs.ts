/** jax-js with its WebAssembly backend, which in Node runs on one thread. Functions take over their arguments: `ref` keeps one. */
import { load, type Peer } from "./peer.ts";

interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: number[];
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray | number): JaxArray;
  dispose(): void;
  blockUntilReady(): Promise<JaxArray>;
}
interface Jax {
  init(device: string): Promise<unknown>;
  defaultDevice(device: string): void;
  numpy: {
    int32: unknown;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    sum(x: JaxArray): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    zeros(shape: readonly number[]): JaxArray;
    array(values: readonly number[], options?: { dtype: unknown }): JaxArray;
  };
  random: { key(seed: number): unknown; normal(key: unknown, shape: readonly number[]): JaxArray };
  lax: { conv(x: JaxArray, weight: JaxArray, strides: readonly number[], padding: string): JaxArray };
  nn: { relu(x: JaxArray): JaxArray; logSoftmax(x: JaxArray): JaxArray; oneHot(x: JaxArray, classes: number): JaxArray };
  jit<A extends readonly unknown[], R>(f: (...args: A) => R): (...args: A) => R;
  valueAndGrad(
    f: (parameters: JaxArray[], x: JaxArray, y: JaxArray) => JaxArray,
  ): (parameters: JaxArray[], x: JaxArray, y: JaxArray) => [JaxArray, JaxArray[]];
}

async function finished(x: JaxArray): Promise<void> {
  await x.blockUntilReady();
  x.dispose();
}

export const jaxJs: Peer = {
  name: "jax-js",
  packages: ["@jax-js/jax@0.1.25"],
  async open(folder) {
    const jax = await load<Jax>(folder, "@jax-js/jax");
    const { numpy: np, nn } = jax;
    await jax.init("wasm");
    jax.defaultDevice("wasm");
    let seed = 0;
    const normal = (shape: readonly number[]): JaxArray => jax.random.normal(jax.random.key(seed++), shape);
    return {
      async matmul_1024() {
        const [a, b] = [normal([1024, 1024]), normal([1024, 1024])];
        await a.blockUntilReady();
        await b.blockUntilReady();
        return () => finished(np.matmul(a.ref, b.ref));
      },
      async conv3x3_16x64x56() {
        const [x, weight] = [normal([16, 64, 56, 56]), normal([64, 64, 3, 3])];
        await x.blockUntilReady();
        await weight.blockUntilReady();
        return () => finished(jax.lax.conv(x.ref, weight.ref, [1, 1], "SAME")); // under jit it takes eight times as long
      },
      async train_mlp_b64() {
        const sizes = [784, 256, 128, 10];
        const x = normal([64, 784]);
        const labels = Array.from({ length: 64 }, (_, i) => i % 10);
        const y = nn.oneHot(np.array(labels, { dtype: np.int32 }), 10);
        const loss = jax.valueAndGrad((p, input, target) => {
          let h = input;
          for (let i = 0; i < 3; i++) {
            h = np.matmul(h, p[2 * i]!).add(p[2 * i + 1]!);
            if (i < 2) h = nn.relu(h);
          }
          return np.sum(nn.logSoftmax(h).mul(target)).mul(-1 / 64);
        });
        /** A step of Adam without the corrections of its first steps. */
        const step = jax.jit((p: JaxArray[], m: JaxArray[], v: JaxArray[], input: JaxArray, target: JaxArray) => {
          const [value, g] = loss(
            p.map((one) => one.ref),
            input,
            target,
          );
          const means = m.map((one, i) => one.mul(0.9).add(g[i]!.ref.mul(0.1)));
          const squares = v.map((one, i) => one.mul(0.999).add(g[i]!.ref.mul(g[i]!).mul(0.001)));
          const next = p.map((one, i) => one.sub(means[i]!.ref.mul(1e-3).div(np.sqrt(squares[i]!.ref).add(1e-8))));
          return { value, next, means, squares };
        });
        let parameters = sizes.slice(1).flatMap((n, i) => [normal([sizes[i]!, n]).mul(0.05), np.zeros([n])]);
        let means = parameters.map((p) => np.zeros(p.shape));
        let squares = parameters.map((p) => np.zeros(p.shape));
        return async () => {
          const result = step(parameters, means, squares, x.ref, y.ref);
          ({ next: parameters, means, squares } = result);
          for (const p of parameters) await p.blockUntilReady();
          await finished(result.value);
        };
      },
    };
  },
};
