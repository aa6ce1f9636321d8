/**
 * The same echo written by hand for Bun: `bare_bun.ts raw|line|loop`.
 *
 * @module
 */
import process from "node:process";
import { LineEcho } from "./lines.ts";
import { type Chunks, echoLoop } from "./loop.ts";

interface LineState {
  readonly decoder: TextDecoder;
  readonly echo: LineEcho;
}

interface BunSocket<State> {
  data: State;
  write(data: Uint8Array | string): number;
}

interface BunNamespace {
  listen(options: { hostname: string; port: number; socket: object }): { readonly port: number };
}

const raw = {
  data: (socket: BunSocket<null>, chunk: Uint8Array) => void socket.write(chunk),
  error() {},
};

const line = {
  open(socket: BunSocket<LineState>) {
    socket.data = { decoder: new TextDecoder(), echo: new LineEcho() };
  },
  data(socket: BunSocket<LineState>, chunk: Uint8Array) {
    const answers = socket.data.echo.feed(socket.data.decoder.decode(chunk, { stream: true }));
    if (answers !== "") socket.write(answers);
  },
  error() {},
};

const loop = {
  open: (socket: BunSocket<Chunks>) => void (socket.data = echoLoop((chunk) => socket.write(chunk))),
  data: (socket: BunSocket<Chunks>, chunk: Uint8Array) => socket.data.give(chunk),
  error() {},
};

const bun = (globalThis as unknown as { Bun: BunNamespace }).Bun;
const socket = { raw, line, loop }[process.argv[2]] ?? raw;
console.log(`port ${bun.listen({ hostname: "127.0.0.1", port: 0, socket }).port}`);
