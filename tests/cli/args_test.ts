/** The command line: what it understands, and what its help says. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readFileSync } from "node:fs";
import { ALL_COMMANDS, parseArgs } from "../../src/cli/args.ts";
import { UsageError } from "../../src/cli/usage_errors.ts";
import { helpText, toolHelp } from "../../src/cli/help.ts";
import { number, text } from "../../src/cli/option_values.ts";
import { type CommandName, COMMANDS, OPTIONS } from "../../src/cli/command_options.ts";
import { readArgs } from "../../src/cli/read_args.ts";
import { loadCommand, TOOLS } from "../../src/cli/tools.ts";
import { VERSION } from "../../src/cli/version.ts";
import { root } from "../support/processes.ts";

describe("the arguments", () => {
  it("give the options of echo, in both spellings", () => {
    const args =
      "--port 80 --host=::1 --grace 1.5s --lame-duck=500ms --patience 2m --idle-timeout 1h --max-connections 3";
    assertEquals(echoOptions(args), {
      port: 80,
      hostname: "::1",
      grace: 1500,
      lameDuck: 500,
      patience: 120_000,
      idleTimeout: 3_600_000,
      maxConnections: 3,
    });
    assertEquals(echoOptions("--policy shedIdle --max-connections-per-ip 2 --log-level error --log-format json"), {
      policy: "shedIdle",
      maxConnectionsPerIp: 2,
      level: "error",
      format: "json",
    });
  });

  it("give the options of demo", () => {
    const args = "--tcp-port 1 --http-port=2 --host ::1 --grace 1s --max-connections 3 --access-log off";
    assertEquals(optionsOf("demo", args), {
      tcpPort: 1,
      httpPort: 2,
      hostname: "::1",
      grace: 1000,
      maxConnections: 3,
      accessLog: false,
    });
    assertEquals(optionsOf("demo", "--tcp-port 0 --http-port 0"), { tcpPort: 0, httpPort: 0 });
  });

  it("say which requests are logged", () => {
    const samples = ["all", "0", "0.25", "1", "100/s", "0.5/s"].map((value) =>
      optionsOf("demo", `--access-log ${value}`)
    );
    assertEquals(samples, [
      { accessLog: { sample: "all" } },
      { accessLog: { sample: 0 } },
      { accessLog: { sample: 0.25 } },
      { accessLog: { sample: 1 } },
      { accessLog: { sample: { perSecond: 100 } } },
      { accessLog: { sample: { perSecond: 0.5 } } },
    ]);
  });

  it("read a bare number as milliseconds, and the last of two", () => {
    assertEquals(echoOptions("--grace 10s --grace 2000"), { grace: 2000 });
  });

  it("keep what follows the first equals sign", () => {
    assertEquals(echoOptions("--unix=/tmp/a=b"), { path: "/tmp/a=b" });
  });

  it("ask for help and version", () => {
    assertEquals(parseArgs(["-h"]), { name: "help", topic: "sluice" });
    assertEquals(parseArgs(["echo", "--port", "1", "--help"]), { name: "help", topic: "echo" });
    assertEquals(parseArgs(["demo", "-h"]), { name: "help", topic: "demo" });
    assertEquals(parseArgs(["--version"]), { name: "version" });
  });

  it("are refused by name and value", () => {
    const cases: [args: string, message: string][] = [
      ["", "There is no command; to begin with: sluice demo"],
      ["dmeo", 'Unknown command "dmeo", did you mean demo?'],
      ["ecoh", 'Unknown command "ecoh", did you mean echo?'],
      ["zzz", 'Unknown command "zzz"'],
      ["--port=1 echo", 'Unknown option "--port=1", it goes behind the command: sluice echo'],
      ["--grace 1s", 'Unknown option "--grace", it goes behind the command: sluice demo or sluice echo'],
      ["echo --prot 1", 'Unknown option "--prot", did you mean --port?'],
      ["echo --max-con 1", 'Unknown option "--max-con", did you mean --max-connections?'],
      ["echo -p 1", 'Unknown option "-p"'],
      ["echo 9000", 'Unexpected argument "9000", options begin with --'],
      ["echo --port", "--port needs a value: --port N"],
      ["echo --host --port 1", "--host needs a value: --host ADDRESS"],
      ["echo --port nine", '--port must be a whole number, got "nine"'],
      ["echo --port -1", '--port must be a whole number, got "-1"'],
      ["echo --port=", '--port must be a whole number, got ""'],
      ["echo --grace 10x", 'duration like 10s, 500ms, 2m, 1h, or a number of milliseconds, got "10x"'],
      ["echo --grace -1s", 'got "-1s"'],
      ["echo --policy drop", '--policy must be one of reject, queue, shedIdle, got "drop"'],
      ["echo --log-level loud", '--log-level must be one of debug, info, warn, error, critical, got "loud"'],
      ["echo --tls-cert a.pem", "--tls-cert needs --tls-key too"],
      ["echo --tls-key a.pem", "--tls-key needs --tls-cert too"],
      ["echo --port 70000", "--port must be a whole number from 0 to 65535, got 70000"],
      ["demo --http-port 65536", "--http-port must be a whole number from 0 to 65535, got 65536"],
      ["demo --tcp-port x", '--tcp-port must be a whole number, got "x"'],
      ["demo --tcp-port 5000 --http-port 5000", "--tcp-port and --http-port must differ, both are 5000"],
      ["demo --tcp-port 8080", "--tcp-port and --http-port must differ, both are 8080"],
      ["demo --http-port 9000", "--tcp-port and --http-port must differ, both are 9000"],
      ["demo --port 1", 'Unknown option "--port", did you mean --tcp-port?'],
      ["demo --access-log 1.5", '--access-log must be off, all, a share like 0.1, or lines like 100/s, got "1.5"'],
    ];
    for (const [args, message] of cases) {
      const error = assertThrows(() => parseArgs(args.split(" ").filter((arg) => arg !== "")), UsageError);
      assertStringIncludes(error.message, message);
    }
  });
});

describe("the arguments of a tool", () => {
  const rows = [
    { flag: "--clients", option: "clients", value: "N", help: "how many", read: number },
    { flag: "--header", option: "headers", value: "TEXT", help: "a field", read: text, many: true },
    { flag: "--json", option: "json", value: "", help: "as JSON", read: text },
  ];
  const one = { rows, operands: [1, 1] } as const;
  const command = { rows, operands: [0, 0], takesCommand: true } as const;

  it("are operands, switches, values, and values that come several times", () => {
    const words = ["--json", "tcp://x:1", "--header", "a: b", "--clients=3", "--header=c: d"];
    assertEquals(readArgs(words, one), {
      words,
      operands: ["tcp://x:1"],
      command: [],
      options: { json: true, headers: ["a: b", "c: d"], clients: 3 },
    });
  });

  it("end at --, behind which a command keeps its own options", () => {
    const args = ["--clients", "3", "--", "node", "server.js", "--json", "--", "--help"];
    assertEquals(readArgs(args, command), {
      words: args,
      operands: [],
      command: ["node", "server.js", "--json", "--", "--help"],
      options: { clients: 3 },
    });
    assertEquals(parseArgs(["verify", ...args]), { name: "tool", tool: "verify", args });
    assertEquals(parseArgs(["verify", "--help", "--", "node"]), { name: "help", topic: "verify" });
  });

  it("that make no sense are named", () => {
    const cases = [
      [one, [], "the first argument is missing"],
      [one, ["a", "b"], 'Unexpected argument "b", 1 expected at the most'],
      [one, ["a", "--json=yes"], '--json takes no value, got "yes"'],
      [one, ["a", "--client", "1"], 'Unknown option "--client", did you mean --clients?'],
      [command, ["node"], 'Unexpected argument "node", the command stands behind --'],
      [command, ["--json"], "There is no command: it stands behind --"],
      [command, ["--clients", "--", "node"], "--clients needs a value: --clients N"],
    ] as const;
    for (const [grammar, args, message] of cases) {
      assertStringIncludes(assertThrows(() => readArgs(args, grammar), UsageError).message, message);
    }
  });
});

describe("the help", () => {
  it("of a tool names every option and fits into 120 columns", async () => {
    for (const tool of TOOLS) {
      const command = await loadCommand(tool.name);
      const text = toolHelp(command);
      assertEquals(command.name, tool.name);
      assertStringIncludes(text, command.usage);
      for (const { flag, help } of command.rows) assert(text.includes(`  ${flag} `) && text.includes(help), flag);
      for (const line of text.split("\n")) assert(line.length <= 120, line);
    }
  });

  it("names every option and fits into 120 columns", () => {
    for (const command of COMMANDS) {
      const text = helpText(command);
      for (const { flag, help } of OPTIONS[command]) assert(text.includes(`  ${flag} `) && text.includes(help), flag);
      for (const line of text.split("\n")) assert(line.length <= 120, line);
    }
  });

  it("of the program names every command", () => {
    const text = helpText("sluice");
    for (const command of ALL_COMMANDS) assert(text.includes(`\n  ${command} `), command);
    for (const line of text.split("\n")) assert(line.length <= 120, line);
  });

  it("tells the version of the manifests", () => {
    assertEquals(VERSION, JSON.parse(readFileSync(`${root}package.json`, "utf8")).version);
  });
});

function echoOptions(args: string): unknown {
  return optionsOf("echo", args);
}

function optionsOf(name: CommandName, args: string): unknown {
  const command = parseArgs([name, ...args.split(" ")]);
  return command.name === name ? command.options : command;
}
