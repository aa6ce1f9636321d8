/**
 * What an adapter takes from its process and system, wherever `node:process` and `/proc` are those of the runtime.
 *
 * @module
 */
import { constants } from "node:os";
import process from "node:process";
import type { Address } from "../../src/endpoint.ts";
import { ListenError, OptionError } from "../../src/errors.ts";
import type { FileAccess } from "../../src/files.ts";
import type { ResourceUse, ResponseBody, TlsParts } from "../../src/platform.ts";
import type { HeldSocket, SocketListenOptions } from "../../src/socket.ts";
import { readAcceptQueue, readTables } from "./kernel_table.ts";
import { findParent, readVariable } from "./parent/find.ts";
import type { ProcessParent } from "./parent/process_parent.ts";
import type { ResourceReader } from "./resources.ts";
import { Zlib } from "./zlib/mod.ts";

/** `Adapter.responseBody`. */
export type Probe = (response: Response, isTyped?: boolean) => ResponseBody | undefined;

/** The part of an adapter that has nothing to do with sockets. */
export abstract class ProcessParts {
  readonly #zlib: Zlib = new Zlib();
  protected abstract readonly reader: ResourceReader;
  readonly deflater: Zlib["deflater"] = this.#zlib.deflater;
  readonly inflater: Zlib["inflater"] = this.#zlib.inflater;
  /** `undefined` until it is looked for, `null` if there is none. */
  #probe: Probe | null | undefined;

  /** Finds what takes the body out of a `Response` of this runtime. */
  protected abstract findProbe(): Probe | null;

  #parent: Promise<ProcessParent | null> | null = null;
  /** Known when the first `listen()` is over. */
  parent: ProcessParent | null = null;

  /** A variable of the environment; undefined if it is not there, or may not be read. */
  protected readVariable(name: string): string | undefined {
    return readVariable(name);
  }

  /** Takes a socket that a parent has sent, where IPC does not carry sockets. */
  protected readonly receive?: (over: number) => Promise<number>;

  /**
   * What a parent holds for these options; null if the process is to open it by itself.
   *
   * @throws {ListenError} The parent can't open it, or there is none of that name.
   */
  protected async held(options: SocketListenOptions): Promise<HeldSocket | null> {
    this.#parent ??= findParent({ env: (name) => this.readVariable(name), receive: this.receive });
    this.parent = await this.#parent;
    if (this.parent !== null) return await this.parent.open(options);
    if (options.inherit === undefined) return null;
    throw new ListenError(
      "ERR_INHERIT",
      `Nobody holds a socket named ${JSON.stringify(options.inherit)}: start the program by sluice run or systemd`,
    );
  }

  /** Found at the first use: whoever speaks no HTTP has no use for it. */
  get responseBody(): Probe | undefined {
    if (this.#probe === undefined) this.#probe = this.findProbe();
    return this.#probe ?? undefined;
  }

  onSignal(name: string, fn: () => void): () => void {
    checkSignal(name);
    const listener = () => fn();
    process.on(name, listener);
    return () => void process.off(name, listener);
  }

  exit(code: number): void {
    process.exit(code);
  }

  kernelTable(): Promise<string | null> {
    return readTables();
  }

  acceptQueue(address: Address): number | null {
    return readAcceptQueue(address);
  }

  async tlsParts(): Promise<TlsParts> {
    return (await import("./tls_parts.ts")).tlsParts();
  }

  async files(): Promise<FileAccess> {
    return (await import("./files.ts")).fileAccess();
  }

  resources(): ResourceUse {
    return this.reader.read();
  }
}

/** @throws {OptionError} It is no signal here, or can't be caught. */
export function checkSignal(name: string): void {
  const known = Object.hasOwn(constants.signals, name);
  if (known && name !== "SIGKILL" && name !== "SIGSTOP") return;
  const fault = known ? "can't be caught" : "is not a signal of this system";
  throw new OptionError("signals", `Signal ${JSON.stringify(name)} ${fault}`);
}
