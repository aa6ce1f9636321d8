/**
 * Where a socket is bound or connected, and how it speaks TLS: types only, no imports.
 *
 * @module
 */

/** A TCP endpoint. */
export interface TcpAddress {
  /** Tells the two kinds of address apart. */
  readonly transport: "tcp";
  /** IP address as text, without brackets. */
  readonly hostname: string;
  /** Port number. */
  readonly port: number;
}

/** A Unix socket's path; empty for the unnamed end of a client. */
export interface UnixAddress {
  /** Tells the two kinds of address apart. */
  readonly transport: "unix";
  /** The socket's path. */
  readonly path: string;
}

/** Where a socket is bound or connected. */
export type Address = TcpAddress | UnixAddress;

/** Certificate and key of a TLS listener, as PEM text. */
export interface TlsListenOptions {
  /** Certificate chain. */
  readonly cert: string;
  /** The certificate's private key. */
  readonly key: string;
  /** Protocols offered by ALPN (RFC 7301), most wanted first. @default none */
  readonly alpnProtocols?: readonly string[];
}

/** How a TLS client checks and greets its server. */
export interface TlsConnectOptions {
  /** Authorities to trust instead of the runtime's own, as PEM text. @default the runtime's own */
  readonly ca?: string;
  /** Name to ask for (SNI) and to check. @default the host connected to */
  readonly serverName?: string;
  /** Protocols offered by ALPN. @default none */
  readonly alpnProtocols?: readonly string[];
  /** Accepts any certificate, whoever's it is: for tests against a server of one's own. @default false */
  readonly insecure?: boolean;
}
