/**
 * Whose certificate a listener may believe when a TLS session is resumed.
 *
 * All servers of a Deno process take up each other's sessions, those from before new certificates as well (2.9.6): a
 * client that was let in where none is asked for a certificate, or where other authorities count, would be let in here,
 * too. Node and Bun have keys for each server, and begin anew.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import type { TlsCertificate } from "../../src/endpoint.ts";
import { certificatesIn } from "../shared/certificate.ts";

/** So many certificates are remembered: a few MB. Others are looked at anew. */
const MOST = 10_000;

/** What is used of a `tls.TLSSocket`. */
interface Resumable {
  readonly authorized: boolean;
  isSessionReused(): boolean;
}

/** The certificates that this listener has seen proved in a whole handshake, by its authorities. */
export class ProvenClients {
  readonly #known = new Set<string>();
  #authorities: readonly X509Certificate[];

  constructor(clientCa: string) {
    this.#authorities = read(clientCa);
  }

  /** Other authorities count from now on: nothing is proved any more. */
  replace(clientCa: string): void {
    this.#authorities = read(clientCa);
    this.#known.clear();
  }

  /** Whether what the runtime says of a client's certificate holds here. */
  proves(socket: Resumable, certificate: TlsCertificate | null): boolean {
    if (certificate === null || !socket.authorized) return false;
    const { fingerprint } = certificate;
    if (socket.isSessionReused() && !this.#known.has(fingerprint) && !this.#isIssued(certificate)) return false;
    this.#remember(fingerprint);
    const now = Date.now();
    return certificate.validFrom <= now && now <= certificate.validTo;
  }

  #remember(fingerprint: string): void {
    this.#known.delete(fingerprint);
    this.#known.add(fingerprint);
    if (this.#known.size > MOST) { for (const oldest of this.#known) return void this.#known.delete(oldest); }
  }

  /** By one of the authorities themselves; a session doesn't say who else stood in between. */
  #isIssued({ raw }: TlsCertificate): boolean {
    const certificate = new X509Certificate(raw);
    return this.#authorities.some((authority) =>
      authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
    );
  }
}

function read(pem: string): X509Certificate[] {
  return certificatesIn(pem).map((raw) => new X509Certificate(raw));
}
