/**
 * Bytes that wait to be given to a stream in portions: of a write under way, a stream's length tells nothing, and who
 * takes twenty megabytes slowly must not look like one who takes nothing.
 *
 * @module
 */

/** What a stream is given at once: a WebSocket message of the default largest size still leaves in one piece. */
export const PORTION: number = 1088 * 1024;

/** A queue of bytes, in order. */
export class Portions {
  size = 0;
  #pieces: Uint8Array[] = [];

  add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.size += piece.length;
  }

  /** The next bytes, no more than a portion. */
  take(): Uint8Array[] {
    let room = PORTION;
    let whole = 0;
    while (whole < this.#pieces.length && this.#pieces[whole].length <= room) room -= this.#pieces[whole++].length;
    const taken = this.#pieces.splice(0, whole);
    if (room > 0 && this.#pieces.length > 0) {
      taken.push(this.#pieces[0].subarray(0, room));
      this.#pieces[0] = this.#pieces[0].subarray(room);
      room = 0;
    }
    this.size -= PORTION - room;
    return taken;
  }
}
