/**
 * A server that loses in one known way, and in no other: `loser.ts KIND LOSS` (tcp, http, ws; see `Loss`), on the port
 * in PORT. Apart from that its answers after SIGTERM are the last of their connections, which is all that clients who
 * send one message after the other can ask.
 *
 * @module
 */
import { createServer, type Socket } from "node:net";
import process from "node:process";
import { type Speaker, speakerOf } from "./speakers.ts";

/** How it loses. */
export type Loss =
  /** It does not. */
  | "nothing"
  /** After the signal half an answer, then FIN. */
  | "truncates"
  /** At the signal it is gone. */
  | "exits"
  /** It has never heard of the signal, which ends it. */
  | "unaware"
  /** Soon after the signal it reads and says nothing, then FIN. */
  | "mute"
  /** Soon after the signal it answers the first message of several alone. */
  | "hasty"
  /** Soon after the signal it says that it has no time. */
  | "apologises"
  /** At the signal it resets its connections. */
  | "resets"
  /** After the signal it resets newcomers. */
  | "resetsNewcomers"
  /** It hears the signal, and goes on. */
  | "stays"
  /** It does everything right and ends with 3. */
  | "exitCode"
  /** A WebSocket without a Close. */
  | "noClose"
  /** A WebSocket whose Close has code 1011. */
  | "wrongCode";

/** What was on its way when the signal came is treated well for so long, in ms. */
const SOON = 30;
/** When a mute one ends its connections, in ms after the signal: by then all clients have asked, on a busy machine too. */
const MUTE_END = 600;
/** How long newcomers are reset, in ms after the signal. */
const NEWCOMERS = 400;
const FAILED = 3;
const INTERNAL_ERROR = 1011;

const [kind, loss] = process.argv.slice(2) as [string, Loss];
const sockets = new Set<Socket>();
let signalledAt = Infinity;
let open = true;

const sinceSignal = () => performance.now() - signalledAt;

/** A connection's speaker, to end it without an answer. */
const speakers = new WeakMap<Socket, Speaker>();

const server = createServer({ allowHalfOpen: true }, (socket) => {
  if (loss === "resetsNewcomers" && sinceSignal() >= 0) return void socket.resetAndDestroy();
  const speaker = speakerOf(kind);
  sockets.add(socket);
  speakers.set(socket, speaker);
  socket.on("error", () => {});
  socket.on("data", (chunk: Uint8Array) => {
    answer(socket, speaker, speaker.take(chunk));
    if (speaker.done) socket.end();
  });
  socket.on("end", () => socket.end());
  socket.on("close", () => {
    sockets.delete(socket);
    leaveIfDone();
  });
});

function answer(socket: Socket, speaker: Speaker, answers: readonly Uint8Array[]): void {
  if (answers.length === 0) return;
  const [last] = answers.slice(-1);
  const others = answers.slice(0, -1);
  const soon = sinceSignal() < SOON;
  const loses = soon ? "nothing" : loss;
  if (!(sinceSignal() >= 0) || (soon && ["mute", "hasty", "apologises"].includes(loss))) return write(socket, answers);
  if (loss === "truncates") return void socket.end(last.subarray(0, last.length >> 1));
  if (loses === "mute") return;
  if (loses === "apologises") return void socket.end(speaker.apology);
  if (loses === "hasty") return void socket.end(speaker.last(answers[0]));
  write(socket, others);
  if (loss === "noClose") return void socket.end(last);
  end(socket, speaker, last);
}

function end(socket: Socket, speaker: Speaker, last: Uint8Array): void {
  const bytes = speaker.last(last, loss === "wrongCode" ? INTERNAL_ERROR : undefined);
  if (speaker.waits) socket.write(bytes);
  else socket.end(bytes);
}

function sayGoodbye(socket: Socket): void {
  end(socket, speakers.get(socket)!, new Uint8Array(0));
}

function write(socket: Socket, answers: readonly Uint8Array[]): void {
  for (const bytes of answers) socket.write(bytes);
}

function stop(): void {
  if (loss === "stays") return;
  if (loss === "exits") process.exit(0);
  signalledAt = performance.now();
  if (loss === "mute") setTimeout(() => sockets.forEach(sayGoodbye), MUTE_END);
  if (loss === "resets") sockets.forEach((socket) => socket.resetAndDestroy());
  if (loss === "resetsNewcomers") setTimeout(close, NEWCOMERS);
  else close();
}

function close(): void {
  open = false;
  server.close();
  leaveIfDone();
}

function leaveIfDone(): void {
  if (!open && sockets.size === 0) process.exit(loss === "exitCode" ? FAILED : 0);
}

if (loss !== "unaware") process.on("SIGTERM", stop);
server.listen(Number(process.env.PORT), "127.0.0.1");
