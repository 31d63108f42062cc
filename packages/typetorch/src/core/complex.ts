/**
 * Complex numbers as values: what `item()` gives for an element of a complex tensor.
 */

/** A complex number, Python's `complex`. */
export class Complex {
  readonly real: number;
  readonly imag: number;
  constructor(real: number, imag: number) {
    this.real = real;
    this.imag = imag;
  }
  /** As Python writes it: `(1+2j)`. */
  toString(): string {
    const imaginary = `${this.imag < 0 || Object.is(this.imag, -0) ? "-" : "+"}${word(Math.abs(this.imag))}j`;
    return this.real === 0 && !Object.is(this.real, -0)
      ? imaginary.replace(/^\+/, "")
      : `(${Object.is(this.real, -0) ? "-0" : word(this.real)}${imaginary})`;
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

function word(x: number): string {
  return Number.isNaN(x) ? "nan" : Number.isFinite(x) ? String(x) : x > 0 ? "inf" : "-inf";
}
