/**
 * Reads a Dockerfile as far as tests look at it.
 *
 * @module
 */

/** One line of it, continued ones joined. */
export interface Instruction {
  /** In capitals. */
  readonly name: string;
  /** The rest as it stands. */
  readonly rest: string;
  /** Words of the exec form; null for the shell's, or where the instruction has no such form. */
  readonly exec: readonly string[] | null;
}

/** One image on the way, from its FROM on. */
export interface Stage {
  readonly image: string;
  /** Its name, by which others copy from it; empty for none. */
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/** Stages in order; the last one is shipped. @throws {Error} A line is no instruction. */
export function stagesOf(text: string): Stage[] {
  const stages: { image: string; name: string; instructions: Instruction[] }[] = [];
  for (const instruction of instructionsOf(text)) {
    if (instruction.name === "FROM") {
      const [image, as = "", name = ""] = instruction.rest.split(/\s+/);
      if (as !== "" && as.toUpperCase() !== "AS") throw new Error(`no FROM: ${instruction.rest}`);
      stages.push({ image, name, instructions: [] });
    } else if (stages.length === 0) throw new Error(`before FROM: ${instruction.name} ${instruction.rest}`);
    else stages.at(-1)!.instructions.push(instruction);
  }
  return stages;
}

/** The instructions of that name in a stage. */
export function named(stage: Stage, name: string): readonly Instruction[] {
  return stage.instructions.filter((instruction) => instruction.name === name);
}

const KNOWN =
  /^(FROM|WORKDIR|COPY|RUN|ENV|USER|EXPOSE|STOPSIGNAL|ENTRYPOINT|CMD|ARG|LABEL|VOLUME|HEALTHCHECK|SHELL|ADD)$/;

function instructionsOf(text: string): Instruction[] {
  const lines = text.split("\n").filter((line) => !/^\s*(#|$)/.test(line)).join("\n").replace(/\\\n\s*/g, "");
  return lines.split("\n").map((line) => {
    const [, name, rest] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
    if (name === undefined || !KNOWN.test(name)) throw new Error(`no instruction: ${line}`);
    return { name, rest, exec: execForm(rest) };
  });
}

/** Docker takes what is no JSON for a line of the shell, without a word. */
function execForm(rest: string): readonly string[] | null {
  try {
    const words: unknown = JSON.parse(rest);
    return Array.isArray(words) && words.every((word) => typeof word === "string") ? words : null;
  } catch {
    return null;
  }
}
