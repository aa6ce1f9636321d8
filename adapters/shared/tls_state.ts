/**
 * What TLS has agreed on, asked of a runtime's socket when somebody wants to know.
 *
 * @module
 */
import type { ConnTls, TlsCertificate } from "../../src/endpoint.ts";
import { readCertificate } from "./certificate.ts";

/** What is used of a TLS socket: `node:tls` has some of its names, Bun's own sockets have others. */
export interface TlsSocket {
  readonly alpnProtocol?: string | false | null;
  readonly authorized?: boolean;
  readonly authorizationError?: unknown;
  readonly servername?: string | false | null;
  getServername?(): string | null | undefined;
  getProtocol?(): string | null;
  getTLSVersion?(): string | null;
  getCipher?(): { readonly name?: string; readonly standardName?: string } | null | undefined;
  getPeerX509Certificate?(): { readonly raw: Uint8Array } | undefined;
  getAuthorizationError?(): unknown;
}

/**
 * How far a runtime's word on the peer's certificate counts: `hidden` where nobody was asked for one, `doubted` where it
 * was proved to somebody else.
 */
export type CertificateTrust = "told" | "hidden" | "doubted";

/** Remembers what it was asked for once: a socket that has closed knows nothing any more. */
export class TlsState implements ConnTls {
  readonly #socket: TlsSocket;
  /** Set before anybody asks. */
  trust: CertificateTrust = "told";
  #certificate: TlsCertificate | null | undefined;
  #version: string | null | undefined;
  #cipher: string | null | undefined;

  constructor(socket: TlsSocket) {
    this.#socket = socket;
  }

  get version(): string | null {
    return this.#version ??= (this.#socket.getProtocol ?? this.#socket.getTLSVersion)?.call(this.#socket) ?? null;
  }

  get cipher(): string | null {
    if (this.#cipher) return this.#cipher;
    const cipher = this.#socket.getCipher?.();
    return this.#cipher = cipher?.standardName ?? cipher?.name ?? null;
  }

  get alpnProtocol(): string | null {
    return this.#socket.alpnProtocol || null;
  }

  get serverName(): string | null {
    return (this.#socket.servername ?? this.#socket.getServername?.()) || null;
  }

  get peerCertificate(): TlsCertificate | null {
    if (this.trust === "hidden") return null;
    return this.#certificate === undefined ? this.#certificate = certificateOf(this.#socket) : this.#certificate;
  }

  get authorized(): boolean {
    // Without a certificate Deno says yes where nobody was asked (2.9.6).
    return this.trust === "told" && this.peerCertificate !== null && this.#socket.authorized === true;
  }

  get unauthorizedReason(): string | null {
    if (this.peerCertificate === null || this.authorized) return null;
    if (this.trust === "doubted" && this.#socket.authorized === true) return "SESSION_NOT_PROVED";
    return reasonOf(this.#socket.authorizationError ?? this.#socket.getAuthorizationError?.());
  }
}

/** Null for one that can't be read: whoever it is of is then not authorized. */
function certificateOf(socket: TlsSocket): TlsCertificate | null {
  try {
    const raw = socket.getPeerX509Certificate?.()?.raw;
    return raw === undefined ? null : readCertificate(new Uint8Array(raw));
  } catch {
    return null;
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  return code ?? message ?? (typeof error === "string" ? error : "UNKNOWN");
}
