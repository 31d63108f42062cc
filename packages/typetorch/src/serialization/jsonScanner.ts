/**
 * Reading JSON that may come from anybody: only what a format allows is built, so the time is linear and the memory a small multiple of the text. (`JSON.parse`
 * takes the last of duplicate keys and builds whatever is written.)
 */

const quote = 0x22;
const backslash = 0x5c;
const deepest = 64;

/** Reads a text from its beginning, value by value. What breaks a rule of JSON, or is not the kind of value that is asked for, goes to `refuse`. */
export class JsonScanner {
  private readonly text: string;
  private readonly refuse: (message: string) => never;
  private at = 0;

  constructor(text: string, refuse: (message: string) => never) {
    this.text = text;
    this.refuse = refuse;
  }

  /** Reads an object; `value` reads the value of each key. */
  members(value: (key: string) => void): void {
    this.expect(0x7b, "`{`");
    const seen = new Set<string>();
    if (this.next() === 0x7d) {
      this.at++;
      return;
    }
    for (;;) {
      const key = this.string();
      if (seen.has(key)) this.fail(`duplicate key \`${shorten(key)}\``);
      seen.add(key);
      this.expect(0x3a, "`:`");
      value(key);
      if (this.next() !== 0x2c) break;
      this.at++;
    }
    this.expect(0x7d, "`,` or `}`");
  }

  /** Reads an object whose values are strings. */
  strings(): Map<string, string> {
    const out = new Map<string, string>();
    this.members((key) => out.set(key, this.string()));
    return out;
  }

  /** Whether `null` comes next, which is then read over. */
  isNull(): boolean {
    if (this.next() !== 0x6e) return false;
    this.skipValue();
    return true;
  }

  /** Reads an array of integers that are not negative. */
  numbers(): number[] {
    const out: number[] = [];
    this.expect(0x5b, "`[`");
    if (this.next() === 0x5d) {
      this.at++;
      return out;
    }
    for (;;) {
      out.push(this.integer());
      if (this.next() !== 0x2c) break;
      this.at++;
    }
    this.expect(0x5d, "`,` or `]`");
    return out;
  }

  /** Above 2^53 it is not exact. */
  private integer(): number {
    this.blanks();
    const from = this.at;
    while (isDigit(this.text.charCodeAt(this.at))) this.at++;
    const digits = this.text.slice(from, this.at);
    if (digits === "" || (digits.length > 1 && digits.startsWith("0")) || /[.eE]/.test(this.text.charAt(this.at))) {
      this.fail("expected an integer that is not negative");
    }
    return digits.length > 16 ? Number.POSITIVE_INFINITY : Number(digits);
  }

  string(): string {
    this.blanks();
    if (this.text.charCodeAt(this.at) !== quote) this.fail("expected a string");
    const from = this.at++;
    let escaped = false;
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (Number.isNaN(c)) this.fail("a string does not end");
      if (c < 0x20) this.fail("control character (\\u0000-\\u001F) found while parsing a string");
      this.at++;
      if (c === quote) break;
      if (c === backslash) {
        escaped = true;
        this.at++;
      }
    }
    if (!escaped) return this.text.slice(from + 1, this.at - 1);
    let value: string;
    try {
      value = JSON.parse(this.text.slice(from, this.at)) as string;
    } catch {
      return this.fail("invalid escape in a string");
    }
    if (/\p{Surrogate}/u.test(value)) this.fail("a string has half of a surrogate pair");
    return value;
  }

  /** Reads over any value. */
  skipValue(depth = 0): void {
    if (depth > deepest) this.fail("recursion limit exceeded");
    const c = this.next();
    if (c === 0x7b) this.members(() => this.skipValue(depth + 1));
    else if (c === 0x5b) {
      this.at++;
      if (this.next() === 0x5d) {
        this.at++;
        return;
      }
      for (;;) {
        this.skipValue(depth + 1);
        if (this.next() !== 0x2c) break;
        this.at++;
      }
      this.expect(0x5d, "`,` or `]`");
    } else if (c === quote) this.string();
    else {
      const literal = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y;
      literal.lastIndex = this.at;
      if (!literal.test(this.text)) this.fail("expected a value");
      this.at = literal.lastIndex;
    }
  }

  /** Nothing but blanks may follow. */
  end(): void {
    this.blanks();
    if (this.at !== this.text.length) this.fail("trailing characters");
  }

  /** The next character that is not blank. */
  private next(): number {
    this.blanks();
    return this.text.charCodeAt(this.at);
  }

  private blanks(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.at++;
    }
  }

  private expect(character: number, what: string): void {
    if (this.next() !== character) this.fail(`expected ${what}`);
    this.at++;
  }

  /** Refuses the text, at this place. */
  fail(message: string): never {
    return this.refuse(`${message} (character ${this.at} of ${this.text.length})`);
  }
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39;
}

/** What of a string from a file fits in a message. */
export function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
