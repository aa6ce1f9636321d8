/** A worker that serves until SIGTERM, and then answers on each connection once more, with a goodbye. */
import { createServer, type ListenOptions, type Socket } from "node:net";
import process from "node:process";
import { type Speaker, speakerOf } from "../losers/speakers.ts";

/** How a worker is. */
export interface WorkerOptions {
  readonly port: number;
  /** Where it listens in place of the port, if it is not empty. */
  readonly path: string;
  /** Its socket is its own, and others have the same address. */
  readonly reuse: boolean;
  /** It drops what it has. */
  readonly hasty: boolean;
}

/** How long one with a socket of its own is busy before it closes that, in ms: newcomers wait in its queue meanwhile. */
const BUSY = 150;

/** Listens when it is told to, and goes when it is told to. */
export function serveOut(kind: string, { port, path, reuse, hasty }: WorkerOptions): void {
  const sockets = new Set<Socket>();
  let going = false;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const speaker = speakerOf(kind);
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk: Uint8Array) => {
      answer(socket, speaker, speaker.take(chunk), going);
      if (speaker.done) socket.end();
    });
    socket.on("end", () => socket.end());
    socket.on("close", () => {
      sockets.delete(socket);
      if (going && sockets.size === 0) process.exit(0);
    });
  });
  process.on("SIGTERM", () => {
    if (hasty) process.exit(0);
    going = true;
    if (reuse) { for (const end = Date.now() + BUSY; Date.now() < end;); }
    server.close();
    if (sockets.size === 0) process.exit(0);
  });
  // A cluster would share the socket otherwise.
  const own = reuse ? { reusePort: true, exclusive: true } : {};
  const options: ListenOptions = path === "" ? { port, host: "127.0.0.1", ...own } : { path };
  process.once("message", () => server.listen(options, () => process.send!("listening")));
  process.send!("up");
}

function answer(socket: Socket, speaker: Speaker, answers: readonly Uint8Array[], isLast: boolean): void {
  if (answers.length === 0) return;
  const rest = isLast ? answers.slice(0, -1) : answers;
  for (const bytes of rest) socket.write(bytes);
  if (!isLast) return;
  const last = speaker.last(answers[answers.length - 1]);
  if (speaker.waits) socket.write(last);
  else socket.end(last);
}
