/** For pm2's cluster mode, as its manual has it: SIGINT closes the server, and the end of that ends the process. */
import { createServer } from "node:http";
import process from "node:process";

const PARTS = 20;
const PART = `${"part of a long answer ".repeat(10)}\n`;

async function answer(request, response) {
  if (request.url === "/stream") {
    for (let i = 0; i < PARTS; i++) {
      await new Promise((resolve) => setTimeout(resolve, 25));
      response.write(PART);
    }
    return void response.end();
  }
  let bytes = 0;
  for await (const chunk of request) bytes += chunk.length;
  response.end(request.method === "POST" ? `${bytes} bytes\n` : "hello world\n");
}

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGINT", () => server.close(() => process.exit(0)));
