/**
 * What is known of a head while its lines come in.
 *
 * @module
 */

/** The part of the request line that is being read. */
export const IN_METHOD = 0;
export const IN_TARGET = 1;
export const IN_VERSION = 2;

/**
 * The facts of a head that has not arrived whole. There is one per parser, used again for each head. Places count from
 * the head's first byte, as the head may move to a larger buffer.
 */
export class HeadDraft {
  part = IN_METHOD;
  targetStart = 0;
  targetEnd = 0;
  minor: 0 | 1 = 1;
  hostSeen = false;
  hostEmpty = false;
  /** -1: there is no Content-Length. */
  contentLength = -1;
  chunked = false;
  expectContinue = false;
  /** There is an Upgrade field that names something. */
  upgradeField = false;
  /** Tokens of Connection. */
  close = false;
  keepAlive = false;
  upgrade = false;

  /** Makes it ready for another head. */
  reset(): void {
    this.part = IN_METHOD;
    this.targetStart = 0;
    this.targetEnd = 0;
    this.minor = 1;
    this.hostSeen = false;
    this.hostEmpty = false;
    this.contentLength = -1;
    this.chunked = false;
    this.expectContinue = false;
    this.upgradeField = false;
    this.close = false;
    this.keepAlive = false;
    this.upgrade = false;
  }
}
