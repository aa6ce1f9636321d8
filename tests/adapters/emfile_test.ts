import { readFileSync } from "node:fs";
import net from "node:net";
import process from "node:process";
import tls from "node:tls";
import { setTimeout as delay } from "node:timers/promises";
import { describe, it } from "node:test";
import { assert } from "@std/assert";
import { startProgram } from "../support/processes.ts";

const LIMIT = 60;
const CLIENTS = 100;
/** A busy machine may take long to notice that the clients have gone, in ms; a TLS handshake of theirs ends after 10 s. */
const AGAIN = 20_000;

/** A client that sends a byte and says whether it came back. */
function client(port: number, secure: boolean): { socket: net.Socket; answer: Promise<boolean> } {
  const say = () => socket.write("x");
  const at = { port, host: "127.0.0.1", rejectUnauthorized: false };
  const socket: net.Socket = secure ? tls.connect(at, say) : net.connect(at, say);
  const answer = new Promise<boolean>((resolve) => {
    const late = setTimeout(() => resolve(false), 2000);
    const settle = (served: boolean) => {
      clearTimeout(late);
      resolve(served);
    };
    socket.on("data", () => settle(true)).on("error", () => settle(false)).on("close", () => settle(false));
  });
  return { socket, answer };
}

/** CPU time of a process in ticks of 10 ms: fields 14 and 15 of its stat line. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** True if one of several attempts in the next seconds is answered. */
async function answersAgain(port: number, secure: boolean): Promise<boolean> {
  const until = performance.now() + AGAIN;
  while (performance.now() < until) {
    await delay(100);
    const { socket, answer } = client(port, secure);
    const served = await answer;
    socket.destroy();
    if (served) return true;
  }
  return false;
}

describe("a listener without descriptors", { skip: process.platform !== "linux" }, () => {
  it("burns no CPU, keeps its connections, and accepts again", { timeout: 120_000 }, () => exhaust(false));

  it("does so with TLS as well", { timeout: 120_000 }, () => exhaust(true));

  async function exhaust(secure: boolean): Promise<void> {
    await using server = startProgram("tests/programs/emfile_server.ts", {
      maxFiles: LIMIT,
      args: secure ? ["tls"] : [],
      permissions: ["--no-prompt", "--allow-net"],
    });
    const port = Number((await server.line(/^port /)).slice(5));
    const clients = Array.from({ length: CLIENTS }, () => client(port, secure));
    try {
      const answers = await Promise.all(clients.map(({ answer }) => answer));
      const served = answers.filter(Boolean).length;
      assert(served > 0 && served < LIMIT, `${served} of ${CLIENTS} served`);

      const before = ticks(server.pid);
      await delay(1000);
      const used = ticks(server.pid) - before;
      assert(used < 30, `${used} ticks of CPU in one second of exhaustion`);

      for (const { socket } of clients) socket.destroy();
      assert(await answersAgain(port, secure), "the server answers again");
      const failures = server.stdout.split("\n").filter((line) => line.startsWith("failed"));
      assert(failures.every((line) => line === "failed EMFILE"), failures.join());
      assert(failures.length < 60, `${failures.length} failures told`);
    } finally {
      for (const { socket } of clients) socket.destroy();
    }
  }
});
