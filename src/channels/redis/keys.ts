/**
 * Names of the keys in Redis.
 *
 * All keys of a stream have one hash tag, `{prefix:stream}`, so that one script may write them on a cluster. Redis ends
 * a tag at the first closing brace: braces in names are written otherwise, as `%7B` and `%7D`.
 *
 * @module
 */

/** What would end a tag, what says that it was replaced, and halves of a character, which are not the same in UTF-8. */
const UNSAFE = /[%{}]|[\uD800-\uDFFF]/gu;

function safe(name: string): string {
  return name.replace(UNSAFE, (sign) => {
    const code = sign.charCodeAt(0).toString(16).toUpperCase();
    return code.length > 2 ? `%u${code}` : `%${code}`;
  });
}

/** Keys of one stream. */
export interface StreamKeys {
  /** Epoch, top, and what is kept: one text. */
  readonly meta: string;
  /** The entries, a Redis stream whose ids are `<offset>-0`. */
  readonly entries: string;
  /** Where notices are published. */
  readonly notices: string;
}

/** The keys of a log. */
export class Keys {
  readonly #prefix: string;

  /** Of the log with this prefix. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Names of all streams that were written: a sorted set, in a slot of its own. */
  get names(): string {
    return `{${this.#prefix}}:streams`;
  }

  /** Of a stream. */
  stream(stream: string): StreamKeys {
    const tag = this.#tag(":", stream);
    return { meta: `${tag}:meta`, entries: `${tag}:entries`, notices: `${tag}:notices` };
  }

  /** What a process has appended last: so that what a client sends again is not appended again. */
  writer(stream: string, writer: string): string {
    return `${this.#tag(":", stream)}:writer:${writer}`;
  }

  /** An entry's id. */
  id(stream: string, id: string): string {
    // Behind the tag a brace means nothing, but half a character would still be another's half.
    return `${this.#tag(":", stream)}:id:${safe(id)}`;
  }

  /** The leases of a group: a hash. */
  leases(group: string): string {
    return `${this.#tag("@", group)}:leases`;
  }

  /** When each of them is forgotten: a sorted set. */
  forgotten(group: string): string {
    return `${this.#tag("@", group)}:forgotten`;
  }

  /** The result of one change of a lease. */
  once(group: string, nonce: string): string {
    return `${this.#tag("@", group)}:once:${nonce}`;
  }

  #tag(sign: string, name: string): string {
    return `{${this.#prefix}${sign}${safe(name)}}`;
  }
}
