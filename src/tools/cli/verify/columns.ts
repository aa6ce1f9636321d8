/**
 * Rows of the tables that `sluice verify` prints.
 *
 * @module
 */

/** A column: its title, and its width; a negative one aligns to the left. */
export type Column = readonly [title: string, width: number];

/** The titles as a row. @param last Title of what stands behind all columns. */
export function headOf(columns: readonly Column[], last: string): string {
  return rowOf(columns, columns.map(([title]) => title), last);
}

/** Cells as a row, and what stands behind them. */
export function rowOf(columns: readonly Column[], cells: readonly string[], last: string): string {
  const padded = cells.map((cell, i) => {
    const [, width] = columns[i];
    return width < 0 ? cell.padEnd(-width) : cell.padStart(width);
  });
  return `${padded.join("")}  ${last}`;
}

/** Lines below a row. */
export function indent(text: string): string[] {
  return text.split("\n").map((part) => `  ${part}`);
}
