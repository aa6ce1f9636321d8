/**
 * The same echo written by hand for Node: `bare_node.ts raw|line|loop`.
 *
 * @module
 */
import net from "node:net";
import process from "node:process";
import { LineEcho } from "./lines.ts";
import { echoLoop } from "./loop.ts";

function raw(socket: net.Socket): void {
  socket.on("data", (chunk) => socket.write(chunk));
}

function line(socket: net.Socket): void {
  const echo = new LineEcho();
  socket.setEncoding("utf8");
  socket.on("data", (text) => {
    const answers = echo.feed(text as unknown as string);
    if (answers !== "") socket.write(answers);
  });
}

function loop(socket: net.Socket): void {
  const chunks = echoLoop((chunk) => socket.write(chunk));
  socket.on("data", (chunk) => chunks.give(chunk));
}

const handle = { raw, line, loop }[process.argv[2]] ?? raw;
const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => {});
  handle(socket);
});
server.listen(0, "127.0.0.1", 1024, () => console.log(`port ${(server.address() as net.AddressInfo).port}`));
