/** The benchmark's HTTP servers give the same answers: what is compared is the same work. */
import { request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { describe, it } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { runtimeName, startProgram } from "../support/processes.ts";
import { TEST_CERT } from "../support/tls.ts";
import { ACCEPTED, HELLO, ORDER, USER } from "./bodies.ts";

const runtime = runtimeName();
const OWN = { node: "http_node", deno: "http_deno", bun: "http_bun" }[runtime];
const HONO = { node: "http_hono", deno: "http_deno", bun: "http_bun" }[runtime];

interface Answer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly id: string | string[] | undefined;
  readonly text: string;
}

/** One answer of a server: to a POST where there is a body, over TLS where `args` say so. */
async function ask(server: string, args: readonly string[], path = "/", body?: string): Promise<Answer> {
  await using program = startProgram(`tests/bench/servers/${server}.ts`, { args });
  const port = Number((await program.line(/^port /)).slice("port ".length));
  const make = args.includes("tls") ? secureRequest : plainRequest;
  const headers = body === undefined ? {} : { "Content-Type": "application/json", "Content-Length": body.length };
  const method = body === undefined ? "GET" : "POST";
  return await new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path, method, headers, agent: false as const, ca: TEST_CERT };
    const sent = make(options, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (piece) => text += piece);
      answer.on("error", reject).on("end", () => {
        const { "content-type": type, "x-request-id": id } = answer.headers;
        resolve({ status: answer.statusCode, type, id, text });
      });
    });
    sent.on("error", reject).end(body);
  });
}

describe(`the benchmark's servers on ${runtime}`, () => {
  const json = [["http_ours", "json"], [OWN, "json"]];
  if (runtime === "node") json.push([OWN, "json length"], ["http_srvx", "json"]);
  for (const [server, mode] of json) {
    it(`${server} reads the JSON that is posted, and answers with more: ${mode}`, async () => {
      const { status, type, text } = await ask(server, [mode], "/orders", ORDER);
      assertEquals([status, text], [200, ACCEPTED]);
      assertMatch(type!, /^application\/json/);
    });
  }

  for (const server of ["http_ours", HONO]) {
    it(`${server} serves the Hono app with both middlewares`, async () => {
      const { status, id, text } = await ask(server, ["hono"], `/users/${USER.id}`);
      assertEquals([status, JSON.parse(text)], [200, USER]);
      assertMatch(String(id), /^[0-9a-f-]{36}$/);
    });
  }

  for (const [server, mode] of [["http_ours", "hello reply"], ["http_ours", "hello Response"], [OWN, "hello"]]) {
    it(`${server} says ${mode} over TLS, with the certificate that it was given`, async () => {
      const { status, text } = await ask(server, [mode, "tls"]);
      assertEquals([status, text], [200, HELLO]);
    });
  }

  for (const server of runtime === "node" ? ["ours", "httpproxy", "undici"] : ["ours", "httpproxy"]) {
    it(`proxy_${server} passes on what the server behind it answers`, async () => {
      await using behind = startProgram("tests/bench/servers/http_ours.ts", { args: ["hello reply"] });
      const port = (await behind.line(/^port /)).slice("port ".length);
      const { status, type, text } = await ask(`proxy_${server}`, [port]);
      assertEquals([status, text], [200, HELLO]);
      assertMatch(type!, /^text\/plain/);
    });
  }

  for (const server of ["start_ours", `start_${runtime}`]) {
    it(`${server} answers`, async () => {
      const { status, text } = await ask(server, []);
      assertEquals([status, text], [200, HELLO]);
    });
  }
});
