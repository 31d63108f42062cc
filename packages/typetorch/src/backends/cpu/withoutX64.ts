/**
 * What stands in for the folder x64 where there is no machine code: in browsers, for which package.json's `imports` name this file. Nothing here is ever called.
 */
function absent(): never {
  throw new Error("there is no machine code here");
}

export class Conv {
  constructor() {
    absent();
  }
}
export class NativeThread {
  constructor() {
    absent();
  }
}
export class Gemm {
  constructor() {
    absent();
  }
}
export { absent as compileLoops, absent as runItemsCode, absent as spinCode, absent as transposeCode, absent as transposeTile };
export const transposeSlots = {};
