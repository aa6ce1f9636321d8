/**
 * Recognises words that are nearly right.
 *
 * @module
 */

/** How many letters may be wrong in a name that is still recognised. */
const TYPOS = 2;

/** `, did you mean --port?`, or nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = known.map((word) => ({ word, distance: isPart(name, word) ? 0 : distance(name, word) }))
    .filter((candidate) => candidate.distance <= TYPOS && name.length > TYPOS)
    .sort((a, b) => a.distance - b.distance);
  return near.length === 0 ? "" : `, did you mean ${near[0].word}?`;
}

/** The beginning of the word, or its end: `--max-con`, `--port`. */
function isPart(name: string, word: string): boolean {
  return word.startsWith(name) || (name.startsWith("--") && word.endsWith(name.slice(1)));
}

/** How many letters to add, drop or change to make `b` of `a` (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, changed));
    }
    row = next;
  }
  return row[b.length];
}
