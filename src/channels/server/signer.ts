/**
 * Signatures under what clients keep for us: positions and sessions (HMAC-SHA-256, RFC 2104).
 *
 * @module
 */

import { HmacSha256 } from "../../sha256.ts";

/** So many characters of base64url are 128 bits and a little: nobody guesses them. */
const MAC_CHARS = 22;
/** Bytes that these come from. */
const MAC_BYTES = 18;

const encoder = new TextEncoder();

/** Signs with the first of its secrets, and believes all of them. */
export class Signer {
  readonly #keys: readonly HmacSha256[];

  constructor(secrets: readonly string[]) {
    this.#keys = secrets.map((secret) => new HmacSha256(encoder.encode(secret)));
  }

  /** The signature of a text. @param purpose What it is for: no signature is good for another purpose. */
  sign(purpose: string, text: string): Promise<string> {
    return Promise.resolve(macOf(this.#keys[0], purpose, text));
  }

  /** Whether a signature of that text is one of ours. */
  believes(purpose: string, text: string, mac: string): Promise<boolean> {
    return Promise.resolve(this.#keys.some((key) => isSame(macOf(key, purpose, text), mac)));
  }
}

/** So many random bytes as text. */
export function randomText(bytes: number): string {
  return base64Url(crypto.getRandomValues(new Uint8Array(bytes)));
}

/** Bytes as text that may stand in a URL (RFC 4648 §5), without padding. */
function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function macOf(key: HmacSha256, purpose: string, text: string): string {
  const signature = key.sign(encoder.encode(`${purpose}\0${text}`));
  return base64Url(signature.subarray(0, MAC_BYTES)).slice(0, MAC_CHARS);
}

/** Takes the same time wherever they differ. */
function isSame(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
