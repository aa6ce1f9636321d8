/**
 * Tables.
 *
 * @module
 */
import { attribute, type Markup, markup, NEW_LINE, type Piece } from "./markup.ts";

/** One column. */
export interface Column {
  readonly head: string;
  /** Numbers stand on the right. */
  readonly numeric?: boolean;
  /** What the head means, where it is short. */
  readonly hint?: string;
}

/** What a table is made of. */
export interface Table {
  readonly id?: string;
  /** What it holds; shown above it. */
  readonly caption: string;
  readonly columns: readonly Column[];
  /** The first cell of a row is its head. */
  readonly rows: readonly (readonly Piece[])[];
  /** On a narrow screen each row becomes a card. */
  readonly cards?: boolean;
}

/** The table, in a box of its own that scrolls if it is too wide. */
export function tableMarkup({ id, caption, columns, rows, cards = false }: Table): Markup {
  return markup`
    <div class="scroll" role="region" aria-label="${caption}" tabindex="0">
    <table class="${cards ? "cards" : "plain"}"${id === undefined ? null : attribute("id", id)}>
    <caption>${caption}</caption>
    <thead><tr>${columns.map(headCell)}</tr></thead>
    <tbody>
    ${rows.map((row) => markup`<tr>${row.map((piece, i) => bodyCell(piece, i, columns[i], cards))}</tr>${NEW_LINE}`)}
    </tbody>
    </table></div>`;
}

/** The numbers behind a chart, folded away. */
export function numbersBehind(table: Table): Markup {
  return markup`
    <details class="numbers"><summary>${table.caption}</summary>
    ${tableMarkup(table)}
    </details>`;
}

function headCell({ head, hint, numeric = false }: Column): Markup {
  return markup`<th scope="col"${kind(numeric)}${hint === undefined ? null : attribute("title", hint)}>${head}</th>`;
}

function bodyCell(piece: Piece, i: number, { head, numeric = false }: Column, cards: boolean): Markup {
  if (i === 0) return markup`<th scope="row"${kind(numeric)}>${piece}</th>`;
  return markup`<td${kind(numeric)}${cards ? attribute("data-label", head) : null}>${piece}</td>`;
}

function kind(numeric: boolean): Markup | null {
  return numeric ? attribute("class", "number") : null;
}
