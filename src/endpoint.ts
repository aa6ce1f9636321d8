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

/** A version of TLS that a listener may insist on. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** A certificate chain and its private key, as PEM text. */
export interface TlsIdentity {
  /** Certificate chain. */
  readonly cert: string;
  /** The certificate's private key. */
  readonly key: string;
}

/** How a listener speaks TLS: what an adapter is given, checked, with files read, as PEM text. */
export interface TlsListenOptions extends Partial<TlsIdentity> {
  /** Protocols offered by ALPN (RFC 7301), most wanted first. @default none */
  readonly alpnProtocols?: readonly string[];
  /**
   * Asked for the identity of a name that a client asks for, in lower case; undefined stands for `cert` and `key`, and
   * fails the handshake where there are none, as a throw does. The same object again costs nothing. @default none
   */
  readonly identityFor?: (serverName: string) => TlsIdentity | undefined | Promise<TlsIdentity | undefined>;
  /** Authorities that clients' certificates are checked against. @default none */
  readonly clientCa?: string;
  /** Whether clients are asked for a certificate, and turned away without a good one. @default they are not asked */
  readonly clientCert?: "request" | "require";
  /** Oldest version that is spoken. @default the runtime's, "TLSv1.2" */
  readonly minVersion?: TlsVersion;
  /** `SocketListener.replaceTls` may be called. @default false */
  readonly replaceable?: boolean;
}

/** What a certificate says of itself. */
export interface TlsCertificate {
  /** Whom it is for, as `CN=device 7, O=Acme`; values have the escapes of RFC 4514. */
  readonly subject: string;
  /** Who has signed it, written alike. */
  readonly issuer: string;
  /** The subject's CN, as it is; null without one. */
  readonly commonName: string | null;
  /** Its subject's other names (SAN) with their kind: `DNS:a.example`, `IP:10.0.0.7`, `URI:spiffe://…`, `email:…`. */
  readonly names: readonly string[];
  /** Serial number in hexadecimal, in pairs of capitals. */
  readonly serialNumber: string;
  /** SHA-256 of `raw` in hexadecimal, in capitals with colons. */
  readonly fingerprint: string;
  /** Valid from then on, in ms as `Date.now()` counts. */
  readonly validFrom: number;
  /** Valid until then, in ms. */
  readonly validTo: number;
  /** All of it, as DER. */
  readonly raw: Uint8Array;
}

/** What the two ends of a TLS connection have agreed on. Ask while it is open. */
export interface ConnTls {
  /** The version, such as `"TLSv1.3"`. */
  readonly version: string | null;
  /** The cipher suite by its name of the standard, such as `"TLS_AES_128_GCM_SHA256"`. */
  readonly cipher: string | null;
  /** Protocol agreed by ALPN. */
  readonly alpnProtocol: string | null;
  /** The name that the client asked for (SNI); on the client's end null where the runtime doesn't tell. */
  readonly serverName: string | null;
  /** What the peer has shown; of a client only where it was asked for by `clientCert`. */
  readonly peerCertificate: TlsCertificate | null;
  /** The peer has shown a certificate, and it is good: signed by whom we trust, and valid now. */
  readonly authorized: boolean;
  /** Why its certificate isn't good, as OpenSSL names it: `"CERT_HAS_EXPIRED"`; null if it is, or if there is none. */
  readonly unauthorizedReason: string | null;
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
