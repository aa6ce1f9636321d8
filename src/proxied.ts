/**
 * What a proxy says of a connection in a PROXY protocol header: types only.
 *
 * @module
 */
import type { Address } from "./endpoint.ts";

/** One more thing that a header of version 2 says: a type, and a value whose meaning the type tells. */
export interface ProxyTlv {
  /** Its type, 0 to 255; from 224 on they are free for anybody's own. */
  readonly type: number;
  /** Its value. */
  readonly value: Uint8Array;
}

/** What a proxy says of its client's TLS: the TLV 0x20. */
export interface ProxySsl {
  /** The client came by TLS or SSL. */
  readonly secure: boolean;
  /** It gave a certificate on this very connection. */
  readonly certOnConn: boolean;
  /** It gave a certificate in this TLS session, perhaps on an earlier connection. */
  readonly certInSession: boolean;
  /** It gave a certificate, and the proxy has found it good. */
  readonly verified: boolean;
  /** The version, such as `TLSv1.3`. */
  readonly version: string | null;
  /** The common name of the client's certificate. */
  readonly commonName: string | null;
  /** The cipher, such as `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string | null;
  /** The algorithm by which the proxy's own certificate is signed. */
  readonly signatureAlgorithm: string | null;
  /** The algorithm of its key. */
  readonly keyAlgorithm: string | null;
}

/** What a proxy said of a connection. */
export interface ProxyHeader {
  /** Version of the protocol: 1 is a line of text, 2 is binary. */
  readonly version: 1 | 2;
  /** `local` is the proxy's own connection, such as a health check. */
  readonly command: "proxy" | "local";
  /** The client; null where the proxy does not know it, or speaks for itself. */
  readonly source: Address | null;
  /** Where the client had connected to; null like `source`. */
  readonly destination: Address | null;
  /** Protocol that was agreed with the client by ALPN. */
  readonly alpn: string | null;
  /** The host that the client asked for, as with SNI. */
  readonly authority: string | null;
  /** The proxy's name for this connection. */
  readonly uniqueId: Uint8Array | null;
  /** The client's TLS. */
  readonly ssl: ProxySsl | null;
  /** The name of the proxy's network namespace. */
  readonly namespace: string | null;
  /** AWS: the VPC endpoint, such as `vpce-08d2bf15fac5001c9`. */
  readonly awsVpcEndpointId: string | null;
  /** Azure: the number of the private endpoint's link. */
  readonly azureLinkId: number | null;
  /** Google Cloud: the number of the Private Service Connect connection. */
  readonly gcpPscConnectionId: bigint | null;
  /** All that version 2 says beyond addresses, those above included, in their order. */
  readonly tlvs: readonly ProxyTlv[];
}

/** What a client says of another that it speaks for. */
export interface ProxySendOptions {
  /** Version of the protocol: 1 is a line of text and tells addresses only. @default 2 */
  readonly version?: 1 | 2;
  /** `local`: it speaks for itself, as health checks do; version 1 says `UNKNOWN` then. @default "proxy" */
  readonly command?: "proxy" | "local";
  /** The client that it speaks for; an IP address, or a Unix socket's path. @default our end of the connection */
  readonly source?: Address;
  /** Where that client had connected to. @default the other end of the connection */
  readonly destination?: Address;
  /** What else to say, with version 2. @default nothing */
  readonly tlvs?: readonly ProxyTlv[];
  /** Adds a checksum (CRC-32C), with version 2. @default false */
  readonly checksum?: boolean;
}

/** From whom a PROXY header is believed, and how it is waited for. */
export interface ProxyProtocolOptions {
  /**
   * The proxies: addresses, CIDR ranges and the words `loopback`, `private` and `unix`, which is every peer on a Unix
   * socket.
   */
  readonly from: readonly string[];
  /**
   * Nobody is served without a header: others than the proxies are reset when they come, and so is a proxy that sends
   * none. False serves others as they are, their bytes untouched, and a proxy that sends none, or nothing within
   * `timeout`, as itself. @default true
   */
  readonly required?: boolean;
  /** Longest wait for a whole header in ms, 0 for none. @default 3000 */
  readonly timeout?: number;
}
