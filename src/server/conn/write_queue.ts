/**
 * What was written to a connection and not yet given to its socket: pieces in order, and how they leave.
 *
 * @module
 */
import type { RawSocket } from "../../socket.ts";

/** Room to gather a turn's writes in, 64 KiB and their framing; larger ones go out chunk by chunk. */
export const SCRATCH_BYTES: number = 96 * 1024;

/**
 * The same towards a peer that takes less than it is given: gathered bytes that the kernel refuses need room of their
 * own. And what small pieces before a large one are filled up to.
 */
export const SMALL_BYTES: number = 16 * 1024;

/** Where small pieces are gathered. */
export interface Gathering {
  /** Replaced when a socket still holds it. */
  scratch: Uint8Array;
  takeScratch(): Uint8Array;
}

const encoder = new TextEncoder();

/** UTF-8 takes at most three bytes for each UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;

/** Gathers text and bytes in order; text is encoded once, when it leaves. */
export class WriteQueue {
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #text = "";

  /** Bytes that wait; text counts by its UTF-16 units until it is encoded. */
  get size(): number {
    return this.#chunkBytes + this.#text.length;
  }

  /** Exact number of bytes that wait. */
  byteLength(): number {
    return this.#chunkBytes + (this.#text === "" ? 0 : encoder.encode(this.#text).length);
  }

  add(data: Uint8Array | string): void {
    if (typeof data === "string") {
      this.#text += data;
      return;
    }
    if (this.#text !== "") this.#encodeText();
    this.#chunks.push(data);
    this.#chunkBytes += data.length;
  }

  /** Takes all but the first byte back. */
  keepFirst(): Uint8Array[] {
    if (this.#text !== "") this.#encodeText();
    const [first, ...rest] = this.#chunks;
    if (first === undefined) return [];
    this.#chunks = [first.subarray(0, 1)];
    this.#chunkBytes = 1;
    return first.length > 1 ? [first.subarray(1), ...rest] : rest;
  }

  /**
   * Gives everything to the socket, as one piece if it is no larger than `gather`; returns the number of bytes.
   */
  moveTo(socket: RawSocket, batch: Gathering, gather: number): number {
    const text = this.#text;
    const chunks = this.#chunks;
    if (text === "" && chunks.length === 1) return this.#moveOne(socket);
    if (chunks.length === 0 && text.length < SCRATCH_BYTES && socket.writeText !== undefined) {
      this.#text = "";
      return socket.writeText(text);
    }
    const most = this.#chunkBytes + text.length * MAX_BYTES_PER_UNIT;
    if (most <= gather) return this.#moveGathered(socket, batch);
    if (text !== "") this.#encodeText();
    const bytes = this.#chunkBytes;
    if (socket.writeMany !== undefined) socket.writeMany(chunks);
    else this.#moveEach(socket, batch);
    this.#forget();
    return bytes;
  }

  #moveOne(socket: RawSocket): number {
    const chunk = this.#chunks[0];
    this.#forget();
    socket.write(chunk);
    return chunk.length;
  }

  #moveGathered(socket: RawSocket, batch: Gathering): number {
    const scratch = batch.takeScratch();
    let end = 0;
    for (const chunk of this.#chunks) {
      scratch.set(chunk, end);
      end += chunk.length;
    }
    if (this.#text !== "") {
      end += encoder.encodeInto(this.#text, end === 0 ? scratch : scratch.subarray(end)).written;
      this.#text = "";
    }
    this.#forget();
    this.#writeScratch(socket, batch, end);
    return end;
  }

  /** The beginning of the gathering buffer, which belongs to the socket if the kernel doesn't take all. */
  #writeScratch(socket: RawSocket, batch: Gathering, end: number): void {
    socket.write(batch.scratch.subarray(0, end));
    if (socket.unsent > 0) batch.scratch = new Uint8Array(0);
  }

  #moveEach(socket: RawSocket, batch: Gathering): void {
    const chunks = this.#chunks;
    // What has to wait all the same is not worth a copy, which would keep the whole gathering buffer.
    let i = socket.unsent > 0 ? 0 : this.#moveFilled(socket, batch);
    for (; i < chunks.length; i++) socket.write(chunks[i]);
  }

  /**
   * The small pieces in front as one, filled up from the piece behind them: a head alone would be a packet, and wake
   * its reader for nothing. Returns the first piece that is left.
   */
  #moveFilled(socket: RawSocket, batch: Gathering): number {
    const chunks = this.#chunks;
    const scratch = batch.takeScratch();
    let end = 0;
    let i = 0;
    for (; i < chunks.length && end + chunks[i].length <= SMALL_BYTES; i++) {
      scratch.set(chunks[i], end);
      end += chunks[i].length;
    }
    if (end === 0) return i;
    if (i < chunks.length) {
      const room = SMALL_BYTES - end;
      scratch.set(chunks[i].subarray(0, room), end);
      chunks[i] = chunks[i].subarray(room);
      end = SMALL_BYTES;
    }
    this.#writeScratch(socket, batch, end);
    return i;
  }

  #encodeText(): void {
    const bytes = encoder.encode(this.#text);
    this.#text = "";
    this.#chunks.push(bytes);
    this.#chunkBytes += bytes.length;
  }

  #forget(): void {
    this.#chunks.length = 0;
    this.#chunkBytes = 0;
  }
}
