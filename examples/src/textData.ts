import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** Reads a file of examples/data. */
export function readData(name: string): Promise<string> {
  // this file runs from dist/src
  return readFile(fileURLToPath(new URL(`../../data/${name}`, import.meta.url)), "utf8");
}

/** The characters of a text as numbers from 0 on, in alphabetical order. */
export class Alphabet {
  readonly characters: readonly string[];
  private readonly codes: ReadonlyMap<string, number>;
  constructor(text: string) {
    this.characters = [...new Set(text)].sort();
    this.codes = new Map(this.characters.map((c, i) => [c, i]));
  }
  get size(): number {
    return this.characters.length;
  }
  encode(text: string): number[] {
    return Array.from(text, (c) => this.codes.get(c)!);
  }
  decode(codes: Iterable<number>): string {
    return Array.from(codes, (code) => this.characters[code]!).join("");
  }
}
