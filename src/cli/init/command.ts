/**
 * `sluice init`: a small program, and the files that run it where it is deployed.
 *
 * @module
 */
import process from "node:process";
import { oneOf, port, text } from "../option_values.ts";
import type { Print } from "../output.ts";
import { plural } from "../print.ts";
import type { ToolCommand, ToolInput } from "../tool.ts";
import { filesOf, writeFiles } from "./files.ts";
import { type Deploy, deployments, DEPLOYS, kind, KINDS, type Plan, planOf, projectName, RUNTIMES } from "./plan.ts";
import { takesTypeScript } from "../run/program.ts";
import { FACTS, PROGRAM, runtimeName } from "./runtimes.ts";

const ABOUT = `
Writes a small program into DIR (default: here), with probes and a stop that loses nothing, and what its runtime wants
beside it. With --deploy it writes the files that run it as well, whose times agree with each other and with the
program's. It asks nothing, and replaces no file unless told to.
`;

const EXAMPLES = `
sluice init shop
sluice init chat --kind ws --deploy docker,kubernetes
sluice init rooms --kind channels --deploy systemd
sluice init gateway --kind tcp --runtime deno --port 7400 --deploy systemd,haproxy
`;

/** The command. */
export const INIT: ToolCommand = {
  name: "init",
  usage: "sluice init [DIR] [options]",
  about: ABOUT,
  examples: EXAMPLES,
  operands: [0, 1],
  rows: [
    { flag: "--kind", option: "kind", value: KINDS.join("|"), read: kind, help: "what it speaks (default http)" },
    {
      flag: "--deploy",
      option: "deploy",
      value: "NAMES",
      read: deployments,
      help: `files for these: ${DEPLOYS.join(",")} (default none)`,
    },
    {
      flag: "--runtime",
      option: "runtime",
      value: RUNTIMES.join("|"),
      read: oneOf(RUNTIMES),
      help: "what runs it (default the one that runs this)",
    },
    { flag: "--name", option: "name", value: "NAME", read: projectName, help: "its name (default the folder's)" },
    {
      flag: "--port",
      option: "port",
      value: "N",
      read: port,
      help: "where it listens (default 8080; tcp 9000, and the next one for probes)",
    },
    { flag: "--force", option: "force", value: "", read: text, help: "replace files that are there already" },
  ],
  run: init,
};

async function init(input: ToolInput, print: Print): Promise<number> {
  const plan = planOf(input, runtimeName());
  const files = filesOf(plan);
  writeFiles(plan, files);
  await print(`${plan.name}: ${plural(files.length, "file")} in ${plan.dir}`);
  for (const { path } of files) await print(`  ${path}`);
  await print(`try it: ${nextSteps(plan).join(" && ")}`);
  for (const note of notes(plan)) await print(note);
  return 0;
}

function nextSteps({ dir, runtime }: Plan): string[] {
  const { install, start } = FACTS[runtime];
  return [...(dir === "." ? [] : [`cd ${/^[\w./-]+$/.test(dir) ? dir : `'${dir}'`}`]), install, start];
}

/** What the files that were asked for can't do alone. */
function notes({ deploy, runtime }: Plan): string[] {
  const has = (name: Deploy) => deploy.includes(name);
  return [
    ...(runtime === "node" && runtimeName() === "node" && !takesTypeScript()
      ? [
        `it wants Node 22.18 on, and this is ${process.versions.node}: here by tsx, npm install --save-dev tsx && node --import tsx ${PROGRAM}`,
      ]
      : []),
    ...(has("kubernetes") && !has("docker") ? ["kubernetes needs an image: --deploy docker writes a Dockerfile"] : []),
    ...(has("docker") && runtime !== "deno"
      ? [`the Dockerfile wants the lock file that ${FACTS[runtime].install} writes`]
      : []),
  ];
}
