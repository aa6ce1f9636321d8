/**
 * A `tls.Server` whose certificates depend on the name that a client asks for, and may be replaced while it listens. On
 * Deno and Bun as well.
 *
 * @module
 */
import type net from "node:net";
import tls from "node:tls";
import { ListenError } from "../../src/errors.ts";
import type { TlsIdentity, TlsListenOptions } from "../../src/endpoint.ts";

/** How long a client may take for its TLS handshake, in ms: long enough for a mobile network, short for an idler. */
const HANDSHAKE_TIMEOUT = 10_000;

type Done = (error: Error | null, context?: tls.SecureContext) => void;

/** Which contexts a server's handshakes get; made once for each identity. */
class Contexts {
  #options: TlsListenOptions;
  #known: WeakMap<TlsIdentity, tls.SecureContext> = new WeakMap();

  constructor(options: TlsListenOptions) {
    this.#options = options;
  }

  /** Throws, and changes nothing, if the default identity or the authorities can't be used. */
  replace(options: TlsListenOptions): void {
    tls.createSecureContext(contextOptions(options, options));
    this.#options = options;
    this.#known = new WeakMap();
  }

  /** `SNICallback`. */
  choose(serverName: string, done: Done): void {
    const { identityFor } = this.#options;
    if (identityFor === undefined || serverName === "") return done(null);
    try {
      const found = identityFor(serverName.toLowerCase());
      if (found === undefined || !("then" in found)) return this.#give(found, serverName, done);
      found.then((identity) => this.#give(identity, serverName, done)).catch((error) => done(asError(error)));
    } catch (error) {
      done(asError(error));
    }
  }

  #give(identity: TlsIdentity | undefined, serverName: string, done: Done): void {
    if (identity !== undefined) return done(null, this.#contextOf(identity));
    if (this.#options.cert !== undefined) return done(null);
    done(new Error(`No certificate for ${JSON.stringify(serverName)}`));
  }

  #contextOf(identity: TlsIdentity): tls.SecureContext {
    const known = this.#known.get(identity);
    if (known !== undefined) return known;
    const made = tls.createSecureContext(contextOptions(identity, this.#options));
    this.#known.set(identity, made);
    return made;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(`No certificate: ${String(error)}`);
}

/** Each context has its own authorities and versions: those of the server are forgotten when a name has chosen. */
function contextOptions({ cert, key }: Partial<TlsIdentity>, options: TlsListenOptions): tls.SecureContextOptions {
  const { clientCa, minVersion } = options;
  return {
    ...(cert === undefined ? {} : { cert, key }),
    ...(clientCa ? { ca: clientCa } : {}),
    ...(minVersion ? { minVersion } : {}),
  };
}

const CONTEXTS = Symbol("contexts");
type Replaceable = tls.Server & { [CONTEXTS]?: Contexts };

/** Makes one, with what it has in common with plain servers. */
export function createTlsServer(options: TlsListenOptions, common: net.ServerOpts): tls.Server {
  const { alpnProtocols, clientCert, identityFor, replaceable } = options;
  const contexts = identityFor || replaceable ? new Contexts(options) : null;
  const server: Replaceable = tls.createServer({
    ...common,
    ...contextOptions(options, options),
    ALPNProtocols: alpnProtocols && [...alpnProtocols],
    handshakeTimeout: HANDSHAKE_TIMEOUT,
    requestCert: clientCert !== undefined,
    rejectUnauthorized: clientCert === "require",
    ...(contexts === null ? {} : { SNICallback: (name: string, done: Done) => contexts.choose(name, done) }),
  });
  if (contexts !== null) server[CONTEXTS] = contexts;
  return server;
}

/** Handshakes from now on get the new certificates. Throws `ListenError`, and changes nothing. */
export function replaceTls(server: net.Server, options: TlsListenOptions): void {
  try {
    (server as Replaceable)[CONTEXTS]!.replace(options);
    (server as tls.Server).setSecureContext(contextOptions(options, options));
  } catch (cause) {
    throw new ListenError("ERR_TLS", `Can't use the TLS certificates: ${(cause as Error).message}`, { cause });
  }
}
