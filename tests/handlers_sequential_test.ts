import { assertEquals } from "@std/assert";
import { type Handler, lines } from "../mod.ts";
import { tcp } from "./support/handler_kinds.ts";
import { job, pause, table } from "./support/handlers.ts";

const sequential = (ms: number): Handler => async (conn) => {
  for await (const line of lines(conn)) await conn.write(`${await job(line, ms)}\n`);
};

table("handlers that take one message after the other", [
  tcp({
    name: "lines, answered at once",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) await conn.write(`${line}!\n`);
    },
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
  }),
  tcp({
    name: "lines, 600 ms of work each",
    handler: () => sequential(600),
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 400,
  }),
]);
