/**
 * How another process talks to a supervisor: over a Unix socket that only its user can open, one JSON line each way.
 *
 * @module
 */
import { chmodSync, lstatSync, mkdirSync, readdirSync, unlinkSync } from "node:fs";
import net from "node:net";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { SluiceError } from "../../errors.ts";
import { LineSplitter } from "./line_splitter.ts";

/** Longest question, in characters: it is a word. */
const MAX_QUESTION = 4096;
const SUFFIX = ".sock";

/** What may be asked of a supervisor. */
export type ControlCommand = "status" | "reload" | "stop";

/** What was asked, and the answer. */
export type Answer = (command: ControlCommand) => Promise<object>;

/** Where a supervisor of that name is talked to, unless it was told otherwise. */
export function controlPath(name: string): string {
  return join(controlFolder(), `${name}${SUFFIX}`);
}

/** Names of the supervisors of this user that run; what others have left goes. */
export async function controlNames(): Promise<string[]> {
  const names: string[] = [];
  for (const name of namesLeft()) {
    if (await isAnswered(controlPath(name))) names.push(name);
    else removeQuietly(controlPath(name));
  }
  return names;
}

function namesLeft(): string[] {
  try {
    const files = readdirSync(controlFolder()).filter((file) => file.endsWith(SUFFIX));
    return files.map((file) => file.slice(0, -SUFFIX.length)).sort();
  } catch {
    return [];
  }
}

function controlFolder(): string {
  const { XDG_RUNTIME_DIR } = process.env;
  return XDG_RUNTIME_DIR ? join(XDG_RUNTIME_DIR, "sluice") : join(tmpdir(), `sluice-${userInfo().uid}`);
}

/** The socket of a running supervisor. */
export class ControlServer {
  readonly #server: net.Server;
  readonly #open: Set<net.Socket> = new Set();
  /** Where it is. */
  readonly path: string;

  private constructor(server: net.Server, path: string) {
    this.#server = server;
    this.path = path;
  }

  /**
   * Listens there.
   *
   * @throws {SluiceError} Another one of that name runs, or it can't be opened.
   */
  static async open(path: string, answer: Answer): Promise<ControlServer> {
    const server = net.createServer();
    const control = new ControlServer(server, path);
    server.on("connection", (socket) => control.#serve(socket, answer));
    prepareFolder(path);
    refuseOthersFile(path);
    if (await isAnswered(path)) {
      throw new SluiceError("ERR_CONTROL", `A supervisor runs already at ${path}: choose another --name or --control`);
    }
    removeQuietly(path);
    // Nobody else may connect in the moment between bind and chmod.
    const mask = process.umask(0o177);
    try {
      await listening(server, path);
      chmodSync(path, 0o600);
      return control;
    } catch (error) {
      server.close();
      throw new SluiceError("ERR_CONTROL", `Cannot open the control socket ${path}: ${(error as Error).message}`, {
        cause: error,
      });
    } finally {
      process.umask(mask);
    }
  }

  /** Ends all talks; the file goes. */
  close(): void {
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
    removeQuietly(this.path);
  }

  #serve(socket: net.Socket, answer: Answer): void {
    this.#open.add(socket);
    let asked = 0;
    const lines = new LineSplitter((line) => void reply(socket, line, answer));
    socket.setEncoding("utf8").on("data", (text: string) => {
      asked += text.length;
      if (asked > MAX_QUESTION) socket.destroy();
      else lines.push(text);
    });
    socket.on("error", () => {}).on("close", () => this.#open.delete(socket));
  }
}

async function reply(socket: net.Socket, line: string, answer: Answer): Promise<void> {
  let said: object;
  try {
    const { command } = JSON.parse(line) as { readonly command: ControlCommand };
    said = { ok: true, ...await answer(command) };
  } catch (error) {
    said = { ok: false, error: (error as Error).message };
  }
  if (!socket.destroyed) socket.end(`${JSON.stringify(said)}\n`);
}

/** A file that is no socket is somebody's. */
function refuseOthersFile(path: string): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined || there.isSocket()) return;
  throw new SluiceError("ERR_CONTROL", `There is a file at ${path} that is no socket: choose another path`);
}

/** Only its user may look into it. */
function prepareFolder(path: string): void {
  const folder = dirname(path);
  if (folder === controlFolder()) mkdirSync(folder, { recursive: true, mode: 0o700 });
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was not there.
  }
}

function listening(server: net.Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(path);
    const settle = (answered: boolean): void => {
      probe.destroy();
      resolve(answered);
    };
    probe.once("connect", () => settle(true)).once("error", () => settle(false));
  });
}

/**
 * Asks the supervisor there.
 *
 * @throws {SluiceError} Nobody answers there, or it says no.
 */
export function ask(path: string, command: ControlCommand): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path);
    let text = "";
    const failed = (reason: string): void => reject(new SluiceError("ERR_CONTROL", reason));
    socket.setEncoding("utf8").on("data", (part: string) => text += part);
    socket.on("connect", () => socket.write(`${JSON.stringify({ command })}\n`));
    socket.on("error", (error) => failed(`No supervisor answers at ${path}: ${error.message}`));
    socket.on("close", () => {
      if (text === "") return failed(`The supervisor at ${path} ended before it answered`);
      const { ok, error, ...said } = JSON.parse(text) as Record<string, unknown>;
      if (ok === true) resolve(said);
      else failed(String(error));
    });
  });
}
