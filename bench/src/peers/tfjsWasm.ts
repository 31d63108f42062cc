/** TensorFlow.js with its WebAssembly backend, which in Node runs on one thread. */
import { dirname } from "node:path";
import { load, type Peer, resolve } from "./peer.ts";

interface Tensor {
  dispose(): void;
  cast(dtype: string): Tensor;
}
interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  randomNormal(shape: readonly number[], mean?: number, deviation?: number): Tensor;
  zeros(shape: readonly number[]): Tensor;
  tensor1d(values: readonly number[], dtype: string): Tensor;
  oneHot(indices: Tensor, depth: number): Tensor;
  variable(initial: Tensor): Tensor;
  matMul(a: Tensor, b: Tensor): Tensor;
  add(a: Tensor, b: Tensor): Tensor;
  relu(x: Tensor): Tensor;
  conv2d(x: Tensor, filter: Tensor, stride: number, padding: string): Tensor;
  losses: { softmaxCrossEntropy(labels: Tensor, logits: Tensor): Tensor };
  train: { adam(rate: number): { minimize(loss: () => Tensor, returnCost: boolean, variables: readonly Tensor[]): unknown } };
}

export const tfjsWasm: Peer = {
  name: "tfjs-wasm",
  packages: ["@tensorflow/tfjs@4.22.0", "@tensorflow/tfjs-backend-wasm@4.22.0"],
  async open(folder) {
    const { default: tf } = await load<{ default: TensorFlow }>(folder, "@tensorflow/tfjs");
    const { default: wasm } = await load<{ default: { setWasmPaths(path: string): void } }>(
      folder,
      "@tensorflow/tfjs-backend-wasm",
    );
    wasm.setWasmPaths(`${dirname(resolve(folder, "@tensorflow/tfjs-backend-wasm"))}/`);
    await tf.setBackend("wasm");
    await tf.ready();
    return {
      async matmul_1024() {
        const a = tf.randomNormal([1024, 1024]);
        const b = tf.randomNormal([1024, 1024]);
        return () => tf.matMul(a, b).dispose();
      },
      async conv3x3_16x64x56() {
        const x = tf.randomNormal([16, 56, 56, 64]); // its layout has the channels last
        const filter = tf.randomNormal([3, 3, 64, 64]);
        return () => tf.conv2d(x, filter, 1, "same").dispose();
      },
      async train_mlp_b64() {
        const sizes = [784, 256, 128, 10];
        const parameters = sizes
          .slice(1)
          .flatMap((n, i) => [tf.variable(tf.randomNormal([sizes[i]!, n], 0, 0.05)), tf.variable(tf.zeros([n]))]);
        const x = tf.randomNormal([64, 784]);
        const labels = Array.from({ length: 64 }, (_, i) => i % 10);
        const y = tf.oneHot(tf.tensor1d(labels, "int32"), 10).cast("float32");
        const optimizer = tf.train.adam(1e-3);
        const loss = (): Tensor => {
          let h = x;
          for (let i = 0; i < 3; i++) {
            h = tf.add(tf.matMul(h, parameters[2 * i]!), parameters[2 * i + 1]!);
            if (i < 2) h = tf.relu(h);
          }
          return tf.losses.softmaxCrossEntropy(y, h);
        };
        return () => optimizer.minimize(loss, false, parameters);
      },
    };
  },
};
