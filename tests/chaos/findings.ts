/** What went wrong in a round, in words, and what was counted. */

/** A list of problems; empty is what is hoped for. */
export class Findings {
  readonly problems: string[] = [];
  readonly counts: Record<string, number> = {};

  /** Notes a problem unless `holds`. */
  check(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem);
  }

  count(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by;
  }

  /** A problem of its own for each that is not null. */
  checkNone(what: string, wrongs: readonly (string | null)[]): void {
    for (const wrong of wrongs) if (wrong !== null) this.problems.push(`${what}: ${wrong}`);
  }
}
