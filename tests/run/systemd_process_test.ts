/** Sockets that systemd opens, and what it is told: with its own tools, and a stub of the notify socket. */
import { after, before, describe, it } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { connect } from "../../mod.ts";
import { boundAt } from "../../adapters/shared/parent/inodes.ts";
import { passedSockets, watchdogPeriod } from "../../adapters/shared/parent/systemd.ts";
import { until } from "../support/apps.ts";
import { commandLine, type Program, root, startCommand } from "../support/processes.ts";

const CLI = `${root}src/cli/main.ts`;
const SERVER = `${root}tests/programs/supervised_server.ts`;
const LIMIT = 60_000;
const missing = ["systemd-socket-activate", "systemd-notify", "python3"].filter((name) =>
  !existsSync(`/usr/bin/${name}`)
);
const skip = missing.length > 0 ? `needs ${missing.join(", ")}` : false;

/** Prints each datagram on one line. */
const LISTENER = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("listening", flush=True)
while True:
    print(s.recv(4096).decode().replace("\\n", " "), flush=True)
`;

describe("what systemd passes", () => {
  it("is for the process that it names, and has names", () => {
    const env = (all: Record<string, string>) => (name: string) => all[name];
    const pid = String(process.pid);
    assertEquals(passedSockets(env({ LISTEN_FDS: "1", LISTEN_PID: "1" })), []);
    assertEquals(passedSockets(env({})), []);
    const two = passedSockets(env({ LISTEN_FDS: "2", LISTEN_PID: pid, LISTEN_FDNAMES: "http:lines" }));
    assertEquals(two.map(({ fd, name }) => [fd, name]), [[3, "http"], [4, "lines"]]);
    assertEquals(boundAt(1), null);
    assertEquals(watchdogPeriod(env({ WATCHDOG_USEC: "2000000" })), 1000);
    assertEquals(watchdogPeriod(env({ WATCHDOG_USEC: "2000000", WATCHDOG_PID: "1" })), 0);
  });
});

describe("under systemd", { skip }, () => {
  let folder = "";
  let count = 0;
  before(() => void (folder = mkdtempSync(join(tmpdir(), "sluice-systemd-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Started at the first connection, which is one more than is counted. */
  async function activated(where: string, command: readonly string[], env: Record<string, string>): Promise<Program> {
    // It hands on only what it is told to.
    const settings = Object.keys({ ...process.env, ...env }).flatMap((name) => ["-E", name]);
    const program = startCommand(
      ["systemd-socket-activate", "-l", where, "--fdname=http", ...settings, ...command],
      { env },
    );
    await until(() => program.stderr, () => program.stderr.includes("Listening on"));
    return program;
  }

  async function listener(): Promise<{ path: string; program: Program }> {
    const path = join(folder, `notify${++count}`);
    const program = startCommand(["python3", "-c", LISTENER, path]);
    await program.line("listening", LIMIT);
    return { path, program };
  }

  async function answer(path: string): Promise<string> {
    await using conn = await connect({ path });
    await conn.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let text = "";
    for await (const chunk of conn) text += new TextDecoder().decode(chunk);
    return text;
  }

  const alone = commandLine(SERVER);
  const supervised = (control: string) =>
    commandLine(CLI, { args: ["run", SERVER, "--workers", "2", "--control", control] });

  for (const kind of ["alone", "under sluice run"] as const) {
    it(`a program ${kind} takes the socket that it is given, by its place`, async () => {
      const path = join(folder, `${++count}.sock`);
      const command = kind === "alone" ? alone : supervised(`${path}.control`);
      await using program = await activated(path, command, { HTTP_PATH: path });
      assertMatch(await answer(path), /^HTTP\/1\.1 200 /);
      // It may answer before all of its servers are there, and before it hears signals.
      await program.line(/^(\[1\] )?http /, LIMIT);
      program.signal("SIGTERM");
      assertEquals((await program.exited(LIMIT)).code, 0);
    });

    it(`a program ${kind} takes it by its name`, async () => {
      const path = join(folder, `${++count}.sock`);
      const command = kind === "alone" ? alone : supervised(`${path}.control`);
      await using program = await activated(path, command, { HTTP_INHERIT: "http" });
      assertMatch(await answer(path), /^HTTP\/1\.1 200 /);
      // It may answer before all of its servers are there, and before it hears signals.
      await program.line(/^(\[1\] )?http /, LIMIT);
      program.signal("SIGTERM");
      assertEquals((await program.exited(LIMIT)).code, 0);
    });

    it(`a program ${kind} tells that it is ready, lives, and stops`, async () => {
      const { path, program: heard } = await listener();
      await using _heard = heard;
      const command = kind === "alone" ? alone : supervised(join(folder, `${++count}.control`));
      const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "400000" };
      await using program = startCommand(command, { env });
      await heard.line("READY=1", LIMIT);
      await heard.line("WATCHDOG=1", LIMIT);
      if (kind !== "alone") {
        program.signal("SIGHUP");
        await heard.line(/RELOADING=1 MONOTONIC_USEC=\d+/, LIMIT);
        await heard.line("READY=1", LIMIT);
      }
      program.signal("SIGTERM");
      await heard.line("STOPPING=1", LIMIT);
      assertEquals((await program.exited(LIMIT)).code, 0);
    });
  }
});
