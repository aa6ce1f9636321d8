/** The channels of `sluice demo`: the page and its script as they are sent, and the log that outlives the process. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChannelClient } from "../../src/channels/client/mod.ts";
import { CLIENT_MODULE } from "../../src/cli/demo/client_module.ts";
import { webSocketTransport } from "../../src/websocket/mod.ts";
import { until } from "../support/apps.ts";
import { askOnce, CLI, type Demo, startDemo } from "../support/demo.ts";
import { bodyText } from "../support/http_client.ts";
import { startProgram } from "../support/processes.ts";

/** Longest wait for an end, in ms. */
const LIMIT = 60_000;

/** A client that speaks as the page does, and is there again soon. */
function clientOf(port: number, token: string | null = "user", path: string = "/channels/ws"): ChannelClient {
  const options = { transport: webSocketTransport(), minDelay: 50, maxDelay: 500 };
  return new ChannelClient(`ws://127.0.0.1:${port}${path}`, { ...options, token });
}

describe("the channels of sluice demo", () => {
  let folder = "";
  let demo: Demo;
  const start = async (): Promise<void> => {
    const port = demo === undefined ? [] : ["--http-port", String(demo.httpPort)];
    demo = await startDemo(["--log", join(folder, "log"), ...port]);
  };
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-demo-"));
    await start();
  });
  after(async () => {
    await demo.program.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it("have a page that may run its one script, import from its server, and connect to it", async () => {
    const answer = await askOnce(demo.httpPort, "/channels");
    const page = bodyText(answer);
    assertEquals([answer.status, answer.headers.get("content-type")], [200, "text/html; charset=utf-8"]);
    const [[, style], [, script], ...others] = [...page.matchAll(/<(?:style|script type="module")>([^]*?)<\//g)];
    assertEquals(others, []);
    const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
    const policy = answer.headers.get("content-security-policy")!.split("; ");
    assert(policy.includes(`style-src ${hash(style)}`) && policy.includes(`script-src ${hash(script)} 'self'`));
    assert(policy.includes("default-src 'none'") && policy.includes("connect-src 'self'"));
    assert(!/https?:|src=|url\(|@import|fetch\(|\bon\w+="/.test(page), page);
  });

  it("are spoken to at the page's own path as well, which is what a client is given first", async () => {
    const client = clientOf(demo.httpPort, "user", "/channels");
    await client.call("server");
    await client.close();
  });

  it("have the client as one script", async () => {
    const answer = await askOnce(demo.httpPort, "/channels/client.js");
    assertEquals([answer.status, answer.headers.get("content-type")], [200, "text/javascript; charset=utf-8"]);
    assertEquals(answer.headers.get("x-content-type-options"), "nosniff");
    assertEquals(bodyText(answer), CLIENT_MODULE);
  });

  it("want a name, and have one room", async () => {
    const client = clientOf(demo.httpPort);
    assertEquals(await code(client.publish("room:other", 1)), "forbidden");
    assertMatch(String((await client.call("server") as { log: string }).log), /^in .*log$/);
    await client.close();
    const nobody = clientOf(demo.httpPort, null);
    await nobody.closed;
    assertEquals(await code(nobody.publish("room:demo", 1)), "unauthorized");
  });

  it("lose nothing when the process is killed and started again", async () => {
    const [ada, bob] = [clientOf(demo.httpPort, "ada"), clientOf(demo.httpPort, "bob")];
    const heard: unknown[] = [];
    const room = bob.subscribe("room:demo", { since: "oldest" });
    room.on("message", ({ data }) => heard.push(data));
    room.on("gap", ({ reason }) => heard.push(reason));
    const said = Array.from({ length: 100 }, (_, n) => n);
    const published: Promise<unknown>[] = [];
    for (const n of said) {
      published.push(ada.publish("room:demo", n));
      if (n === 20) await published[0];
      if (n === 40) await demo.program.kill();
      if (n === 60) await start();
    }
    await Promise.all(published);
    await until(() => `${heard.length} heard`, () => heard.length >= said.length);
    assertEquals(heard, said);
    await Promise.all([ada.close(), bob.close()]);
  });

  it("are in a folder that is its user's alone, with a secret of its own", () => {
    assertEquals(statSync(join(folder, "log")).mode & 0o777, 0o700);
    assertEquals(statSync(join(folder, "log/secret")).mode & 0o777, 0o600);
    assertMatch(readFileSync(join(folder, "log/secret"), "utf8"), /^[0-9a-f]{32,64}$/);
  });

  it("are one process's at a time: exit 1, with what to do", async () => {
    const args = ["demo", "--tcp-port", "0", "--http-port", "0", "--log", join(folder, "log")];
    const permissions = ["--allow-net", "--allow-read", "--allow-write"];
    await using program = startProgram(CLI, { args, permissions });
    const { code, stdout, stderr } = await program.exited(LIMIT);
    assertEquals([code, stdout], [1, ""], stderr);
    assertStringIncludes(stderr, "sluice: channels: Another process has the log in ");
    assertStringIncludes(stderr, "Choose another folder with --log\n");
  });

  it("say why a folder can't be used: exit 1", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    const permissions = ["--allow-net", "--allow-read", "--allow-write"];
    await using program = startProgram(CLI, { args: ["demo", "--log", file], permissions });
    const { code, stderr } = await program.exited(LIMIT);
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr, `sluice: channels: Cannot open the log in ${join(file, "log")}: `);
    assertStringIncludes(stderr, "Choose another folder with --log\n");
  });

  it("say so within a moment where no folder can be made, where none is named, and where its path is too long", async () => {
    const permissions = ["--allow-net", "--allow-read", "--allow-write"];
    const long = join(folder, "x".repeat(100));
    const wrong = [
      ["/proc/nope", "Cannot open the log in /proc/nope/log: ", "Choose another folder with --log\n"],
      ["", '--log must be a folder, or memory, got ""', "leave it out"],
      [long, "use a folder with a shorter path", "Choose a folder with a shorter path with --log\n"],
    ];
    for (const [path, words, hint] of wrong) {
      await using program = startProgram(CLI, { args: ["demo", "--http-port", "0", "--log", path], permissions });
      const { code, stderr } = await program.exited(LIMIT);
      assertEquals(code, 1, stderr);
      assertStringIncludes(stderr, words);
      assertStringIncludes(stderr, hint);
    }
  });

  it("leave the log when the process is told to stop, and say goodbye", async () => {
    const client = clientOf(demo.httpPort);
    await client.call("server");
    demo.program.signal("SIGTERM");
    const exit = await demo.program.exited(LIMIT);
    assertEquals(exit.code, 0, exit.stdout + exit.stderr);
    await start();
    await client.call("server");
    await client.close();
  });
});

/** Why it was refused. */
async function code(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => "not refused", (error) => error.reason);
}

describe("the channels of sluice demo without a folder", () => {
  it("are in a temporary one that belongs to the port, and go on there at the next start", async () => {
    const temporary = mkdtempSync(join(tmpdir(), "sluice-demo-"));
    const env = { TMPDIR: temporary };
    const begin = (httpPort: string) =>
      startProgram(CLI, { args: ["demo", "--tcp-port", "0", "--http-port", httpPort], env });
    try {
      const first = begin("0");
      await using _ = first;
      const [, port] = /:(\d+)\/$/.exec(await first.line("http on"))!;
      assertStringIncludes(await first.line("channels on"), "messages in memory (as the next start has another port)");
      await first.kill();
      for (let start = 0; start < 2; start++) {
        await using program = begin(port);
        const line = await program.line("channels on");
        assertMatch(line, new RegExp(`/channels, messages in ${temporary}/sluice-demo-\\d+-${port}$`));
        const client = clientOf(Number(port));
        assertEquals((await client.publish("room:demo", start)).offset, start + 1);
        await client.close();
        await program.kill();
      }
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
});
