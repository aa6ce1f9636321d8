/**
 * Keeps the certificates of listeners as new as their files: loaded only for listeners that need it.
 *
 * @module
 */
import { type Clock, idleTimer } from "../../clock.ts";
import type { TlsCertificate, TlsListenOptions } from "../../endpoint.ts";
import { UnsupportedError } from "../../errors.ts";
import type { Logger } from "../../log.ts";
import type { Adapter, TlsParts } from "../../platform.ts";
import type { SocketListener } from "../../socket.ts";
import { filesOf, load, type Loaded } from "./sources.ts";
import { checkCertificates, type TlsCertificates, type TlsOptions } from "./tls_options.ts";

/** Files must have been left alone for so long, in ms: a pair is written one after the other. */
const SETTLE = 100;
/** Who writes without a pause waits no longer than that for a look, in ms. */
const SETTLE_MOST = 1000;
/** So often files are read unasked, in ms: file systems of a network, and some mounts, tell nobody of changes. */
const LOOK_EVERY = 30_000;

/** Names that nobody serves are asked for all the time: a failing `certFor()` is told of once in so long, in ms. */
const TELL_EVERY = 10_000;

/** Who is told what became of a change. */
export type KeeperLog = Pick<Logger, "info" | "warn">;

/** What all listeners of one `listen()` show. */
export class TlsKeeper {
  readonly #parts: TlsParts;
  readonly #clock: Clock;
  #options: TlsOptions;
  #loaded!: Loaded;
  /** What was read last, good or not: nothing is told twice of it. */
  #seen: string | null = null;
  #listeners: readonly SocketListener[] = [];
  #log: KeeperLog | null = null;
  #running: Promise<unknown> = Promise.resolve();
  #unwatch: (() => void) | null = null;
  #cancelSettle: (() => void) | null = null;
  #cancelLook: (() => void) | null = null;
  #changedAt: number | null = null;
  #closed = false;
  #failures = 0;
  #toldAt = -Infinity;

  /** Use `openKeeper()`. */
  constructor(parts: TlsParts, clock: Clock, options: TlsOptions) {
    this.#parts = parts;
    this.#clock = clock;
    this.#options = options;
  }

  /** Reads it all for the first time; what it gives is for new listeners. */
  async open(): Promise<TlsListenOptions> {
    this.#loaded = await this.#load(this.#options);
    return this.#loaded.tls;
  }

  #load(options: TlsOptions): Promise<Loaded> {
    return load(this.#parts, options, (serverName, error) => this.#certForFailed(serverName, error));
  }

  #certForFailed(serverName: string, error: unknown): void {
    this.#failures++;
    if (this.#clock.now() - this.#toldAt < TELL_EVERY) return;
    this.#toldAt = this.#clock.now();
    this.#log?.warn("certFor() failed, its handshakes are lost", { serverName, error, handshakes: this.#failures });
    this.#failures = 0;
  }

  /** From now on changes reach these listeners. */
  attach(listeners: readonly SocketListener[]): void {
    this.#listeners = listeners;
    this.#watch();
    // They may have changed since they were read.
    if (this.#unwatch !== null) this.#changed();
    this.#lookLater();
  }

  /** From now on it is told what became of each change. */
  tell(log: KeeperLog): void {
    this.#log = log;
  }

  /**
   * Reads everything again, or takes what is given instead; one after the other.
   *
   * @throws {OptionError} What is given can't be used.
   */
  reload(given: TlsCertificates | null): Promise<readonly TlsCertificate[]> {
    if (given !== null) checkCertificates(given, this.#options);
    const done = this.#running.then(() => this.#reload(given));
    this.#running = done.catch(() => {});
    return done;
  }

  /** Looks for changes no more. */
  close(): void {
    this.#closed = true;
    this.#unwatch?.();
    this.#cancelSettle?.();
    this.#cancelLook?.();
  }

  async #reload(given: TlsCertificates | null): Promise<readonly TlsCertificate[]> {
    const options = given === null ? this.#options : merged(this.#options, given);
    this.#take(await this.#load(options));
    this.#options = options;
    if (given !== null) this.#watch();
    return this.#loaded.certificates;
  }

  #take(loaded: Loaded): void {
    const old = this.#loaded.tls;
    this.#listeners.forEach((listener, i) => {
      try {
        listener.replaceTls!(loaded.tls);
      } catch (error) {
        // All of them show the same.
        for (const done of this.#listeners.slice(0, i)) done.replaceTls!(old);
        throw error;
      }
    });
    this.#loaded = loaded;
  }

  #watch(): void {
    this.#unwatch?.();
    this.#unwatch = null;
    const files = this.#isWatching ? filesOf(this.#options) : [];
    if (files.length > 0) this.#unwatch = this.#parts.watch(files, () => this.#changed());
  }

  get #isWatching(): boolean {
    return !this.#closed && this.#options.watch !== false;
  }

  #lookLater(): void {
    this.#cancelLook?.();
    if (!this.#isWatching) return;
    const look = () => this.#look();
    this.#cancelLook = idleTimer(this.#clock, look, LOOK_EVERY);
  }

  #changed(): void {
    if (this.#closed) return;
    const now = this.#clock.now();
    this.#changedAt ??= now;
    this.#cancelSettle?.();
    const left = Math.max(0, this.#changedAt + SETTLE_MOST - now);
    this.#cancelSettle = this.#clock.setTimer(() => this.#look(), Math.min(SETTLE, left));
  }

  #look(): void {
    this.#changedAt = null;
    this.#lookLater();
    // Links may lead elsewhere now; what changes behind this is seen by the new watchers.
    this.#watch();
    this.#running = this.#running.then(() => this.#follow());
  }

  /** Never rejects. */
  async #follow(): Promise<void> {
    if (this.#closed) return;
    try {
      const loaded = await this.#load(this.#options);
      if (this.#closed || loaded.contents === this.#loaded.contents) return void (this.#seen = null);
      this.#take(loaded);
      this.#seen = null;
      this.#log?.info("TLS certificates were replaced", { certificates: loaded.certificates.map(summary) });
    } catch (error) {
      const { message } = error as Error;
      if (message === this.#seen) return;
      this.#seen = message;
      this.#log?.warn("TLS certificates can't be replaced, the old ones are kept", { error });
    }
  }
}

/** For a record. */
function summary({ subject, names, serialNumber, validTo }: TlsCertificate): object {
  return { subject, names, serialNumber, validTo: new Date(validTo).toISOString() };
}

/** A new identity takes the place of the old one whole; authorities stay unless there are new ones. */
function merged(old: TlsOptions, given: TlsCertificates): TlsOptions {
  const { clientCa, clientCaFile, ...identity } = given;
  const { clientCert, minVersion, alpnProtocols, watch } = old;
  const { clientCa: oldCa, clientCaFile: oldFile } = old;
  const ca = (clientCa ?? clientCaFile) === undefined
    ? { clientCa: oldCa, clientCaFile: oldFile }
    : { clientCa, clientCaFile };
  return { ...identity, ...ca, clientCert, minVersion, alpnProtocols, watch };
}

/**
 * A keeper of what the options name.
 *
 * @throws {UnsupportedError} The adapter has no certificates.
 */
export async function openKeeper(adapter: Adapter, tls: TlsOptions, clock: Clock): Promise<TlsKeeper> {
  const parts = await adapter.tlsParts?.();
  if (parts === undefined) {
    const have = "files of certificates, several of them, or new ones while it listens";
    throw new UnsupportedError(`The adapter ${adapter.name} has no ${have}: give one tls.cert and tls.key`);
  }
  return new TlsKeeper(parts, clock, tls);
}
