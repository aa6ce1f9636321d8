/** `node:http` with `server.close()` on SIGTERM, which also closes idle connections. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import process from "node:process";
import { countOf, PART, PART_MS, PARTS } from "./answers.ts";

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === "/stream") {
    for (let i = 0; i < PARTS; i++) {
      await new Promise((resolve) => setTimeout(resolve, PART_MS));
      response.write(PART);
    }
    return void response.end();
  }
  let bytes = 0;
  for await (const chunk of request) bytes += chunk.length;
  response.end(request.method === "POST" ? countOf(bytes) : "hello world\n");
}

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => server.close());
