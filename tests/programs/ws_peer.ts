/**
 * A WebSocket server that no one here wrote, to be killed and started again: echoes, and does what some messages say.
 *
 *   ws_peer.ts PORT [deflate]      0 for a free port; says "listening PORT"
 */
import process from "node:process";
import { WebSocketServer } from "ws";

const server = new WebSocketServer({
  port: Number(process.argv[2]),
  host: "127.0.0.1",
  perMessageDeflate: process.argv[3] === "deflate",
  // A browser's WebSocket, and those like it, fail if none of what they offer is taken.
  handleProtocols: (offered: Set<string>) => [...offered][0] ?? false,
  verifyClient: ({ req }: { req: { url?: string } }) => req.url !== "/refused",
});

server.on("listening", () => {
  const address = server.address();
  console.log(`listening ${typeof address === "object" && address !== null ? address.port : address}`);
});

server.on("connection", (socket) => {
  console.log("open");
  socket.on("close", (code, reason) => console.log(`closed ${code} ${reason}`));
  socket.on("message", (data, isBinary) => {
    const [command, ...rest] = isBinary ? [] : String(data).split(" ");
    if (command === "bye") socket.close(Number(rest[0]), rest.slice(1).join(" "));
    else if (command === "pause") socket.pause();
    else socket.send(data, { binary: isBinary });
  });
});
