/** Sluice's HTTP server, for `sluice run`: it answers what the HTTP peers do, and knows nothing of workers. */
import { run } from "../../../mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { upgradeWebSocket } from "../../../src/websocket/mod.ts";
import process from "node:process";
import { answer } from "./answers.ts";

const server = serveHttp({ port: Number(process.env.PORT), hostname: "127.0.0.1" }, (request) => {
  if (new URL(request.url).pathname !== "/ws") return answer(request);
  return upgradeWebSocket(request, async (ws) => {
    for await (const message of ws) await ws.send(message);
  });
});

await run(server, { grace: 8000 });
