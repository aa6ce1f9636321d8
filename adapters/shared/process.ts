/**
 * What an adapter takes from its process and system, wherever `node:process` and `/proc` are those of the runtime.
 *
 * @module
 */
import { constants } from "node:os";
import process from "node:process";
import type { Address } from "../../src/endpoint.ts";
import { OptionError } from "../../src/errors.ts";
import type { ResourceUse, ResponseBody, TlsParts } from "../../src/platform.ts";
import { readAcceptQueue, readTables } from "./kernel_table.ts";
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
