/**
 * Words and tables for the terminal.
 */

/** Text from a file as one line that does nothing to a terminal: control characters are written as in a JSON string. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (c) =>
    JSON.stringify(c)
      .slice(1, -1)
      .replace(/^[^\\]$/, escaped),
  );
}

function escaped(c: string): string {
  return `\\u{${c.codePointAt(0)!.toString(16)}}`;
}

/** `1,234,567`. */
export function formatCount(n: number): string {
  return n.toLocaleString("en-US");
}

/** Bytes in the unit that keeps the number below a thousand: `4.95 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  let unit = -1;
  for (; value >= 999.5 && unit < 4; unit++) value /= 1000;
  return `${value.toPrecision(3)} ${["kB", "MB", "GB", "TB", "PB"][unit]}`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${formatCount(n)} ${n === 1 ? one : many}`;
}

/** Columns that a terminal shows for text: wide characters take two, combining marks none. */
function displayWidth(text: string): number {
  let width = 0;
  for (const c of text) {
    if (/\p{Mn}|\p{Me}/u.test(c)) continue;
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        c,
      )
        ? 2
        : 1;
  }
  return width;
}

export interface Column {
  readonly title: string;
  readonly right?: boolean;
}

/** Lines of aligned columns below their titles; columns that are empty throughout are left out. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): { head: string; body: string[] } {
  const shown = columns.map((_, k) => k).filter((k) => rows.some((row) => row[k] !== ""));
  const widths = shown.map((k) => Math.max(...[columns[k]!.title, ...rows.map((row) => row[k]!)].map(displayWidth)));
  const line = (cells: readonly string[]) =>
    shown
      .map((k, i) => {
        const gap = " ".repeat(widths[i]! - displayWidth(cells[k]!));
        return columns[k]!.right ? gap + cells[k]! : cells[k]! + gap;
      })
      .join("  ")
      .trimEnd();
  return { head: line(columns.map(({ title }) => title)), body: rows.map(line) };
}
