/**
 * Signatures under what clients keep for us: positions and sessions (HMAC-SHA-256, RFC 2104).
 *
 * @module
 */

/** So many characters of base64url are 128 bits and a little: nobody guesses them. */
const MAC_CHARS = 22;

const ALGORITHM = { name: "HMAC", hash: "SHA-256" } as const;

const encoder = new TextEncoder();

/** Signs with the first of its secrets, and believes all of them. */
export class Signer {
  readonly #keys: readonly Promise<CryptoKey>[];

  constructor(secrets: readonly string[]) {
    this.#keys = secrets.map((secret) =>
      crypto.subtle.importKey("raw", encoder.encode(secret), ALGORITHM, false, ["sign"])
    );
  }

  /** The signature of a text. @param purpose What it is for: no signature is good for another purpose. */
  async sign(purpose: string, text: string): Promise<string> {
    return await macOf(await this.#keys[0], purpose, text);
  }

  /** Whether a signature of that text is one of ours. */
  async believes(purpose: string, text: string, mac: string): Promise<boolean> {
    for (const key of this.#keys) {
      if (isSame(await macOf(await key, purpose, text), mac)) return true;
    }
    return false;
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

async function macOf(key: CryptoKey, purpose: string, text: string): Promise<string> {
  const signature = await crypto.subtle.sign("HMAC", key, encoder.encode(`${purpose}\0${text}`));
  return base64Url(new Uint8Array(signature)).slice(0, MAC_CHARS);
}

/** Takes the same time wherever they differ. */
function isSame(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
