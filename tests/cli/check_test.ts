/** `sluice check`, on the runtime that runs this. */
import { after, before, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, startProgram } from "../support/processes.ts";

/** Checks by a validator that is a dozen lines, so that no package has to be near. */
const SCHEMA = `
const validate = (value) => value.port === 80 ? { value } : { issues: [{ message: "must be 80", path: ["port"] }] };
export default { "~standard": { version: 1, vendor: "own", validate } };
`;

describe("sluice check", () => {
  let folder: string;
  before(() => folder = realpathSync(mkdtempSync(join(tmpdir(), "sluice-check-"))));
  after(() => rmSync(folder, { recursive: true }));

  async function check(...args: string[]): Promise<{ code: number | null; out: string[]; err: string[] }> {
    const permissions = ["--allow-read", "--allow-env", "--allow-net"];
    await using program = startProgram(`${root}src/cli/main.ts`, {
      args: ["check", ...args],
      cwd: folder,
      permissions,
    });
    const { code, stdout, stderr } = await program.exited(60_000);
    const lines = (text: string): string[] => text.trim().split("\n").filter((line) => line !== "");
    return { code, out: lines(stdout), err: lines(stderr) };
  }

  it("takes the sluice.json of its folder, names its keys, shows no value, and says which files are elsewhere", async () => {
    writeFileSync(join(folder, "password"), "hunter2\n");
    writeFileSync(join(folder, "app.ts"), "");
    writeFileSync(
      join(folder, "sluice.json"),
      '{ "program": "app.ts", "envFile": ".env", // mine\n "env": { "PASSWORD": { "$file": "password" } }, }',
    );
    assertEquals(await check(), {
      code: 0,
      out: ["sluice.json can be used: 3 keys, program, envFile, env", `  envFile: there is no ${folder}/.env here`],
      err: [],
    });
  });

  it("exits with 2 and names all that is wrong, each with place, path, expectation and value", async () => {
    writeFileSync(
      join(folder, "wrong.json"),
      '{\n  "workers": 0,\n  "limits": { "maxConections": 1 },\n  "host": "${NO_HOST}"\n}',
    );
    assertEquals(await check("wrong.json"), {
      code: 2,
      out: [],
      err: [
        "wrong.json:3:15: limits.maxConections is not known here, did you mean maxConnections?",
        "wrong.json:4:11: host needs the variable NO_HOST, which is not set",
      ],
    });
    writeFileSync(join(folder, "wrong.json"), '{\n  "workers": 0,\n  "port": "x"\n}');
    assertEquals((await check("wrong.json")).err, [
      "wrong.json:2:14: workers must be a whole number from 1 to 1024, got 0",
      'wrong.json:3:11: port must be a whole number from 0 to 65535, got "x"',
    ]);
    assertEquals(await check("none.json"), {
      code: 2,
      out: [],
      err: ["none.json: it can't be read: there is no such file"],
    });
  });

  it("checks the configuration of a program by its schema", async () => {
    writeFileSync(join(folder, "schema.mjs"), SCHEMA);
    writeFileSync(join(folder, "app.json"), '{ "port": 80 }');
    assertEquals(await check("app.json", "--schema", "schema.mjs"), {
      code: 0,
      out: ["app.json can be used: 1 key, port"],
      err: [],
    });
    writeFileSync(join(folder, "app.json"), '{ "port": 81 }');
    assertEquals(await check("app.json", "--schema", "schema.mjs"), {
      code: 2,
      out: [],
      err: ["app.json:1:11: port must be 80, got 81"],
    });
    writeFileSync(join(folder, "empty.mjs"), "");
    assertEquals((await check("app.json", "--schema", "empty.mjs")).err, [
      'sluice: --schema must be a module whose default export is a schema, got "empty.mjs"',
      "See: sluice check --help",
    ]);
    const gone = await check("app.json", "--schema", "gone.mjs");
    assertEquals([gone.code, gone.err[0].startsWith('sluice: --schema "gone.mjs" can\'t be loaded: ')], [1, true]);
  });
});
