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
 * own.
 */
export const SMALL_BYTES: number = 16 * 1024;

/** Where small pieces are gathered. */
export interface Gathering {
  /** Room for `size` bytes, {@linkcode SCRATCH_BYTES} at most, until the next call. */
  takeScratch(size: number): Uint8Array;
  /** The first bytes of that room are the socket's from now on. */
  lend(size: number): void;
}

const encoder = new TextEncoder();

/** What small pieces before a large one are filled up to: more than a packet, and a copy that costs little. */
export const FILLED_BYTES = 2048;

/** UTF-8 takes at most three bytes for each UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;

function lengthOf(text: string): number {
  return text === "" ? 0 : encoder.encode(text).length;
}

/** Gathers text and bytes in order; text is encoded once, when it leaves. */
export class WriteQueue {
  /** Text before the chunks: as a rule a head, and encoded where it leaves. */
  #lead = "";
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #text = "";

  /** Bytes that wait; text counts by its UTF-16 units until it is encoded. */
  get size(): number {
    return this.#lead.length + this.#chunkBytes + this.#text.length;
  }

  /** Exact number of bytes that wait. */
  byteLength(): number {
    return lengthOf(this.#lead) + this.#chunkBytes + lengthOf(this.#text);
  }

  add(data: Uint8Array | string): void {
    if (typeof data === "string") {
      this.#text += data;
      return;
    }
    if (this.#text !== "") {
      if (this.#chunks.length > 0) this.#encodeText();
      else {
        this.#lead = this.#text;
        this.#text = "";
      }
    }
    this.#chunks.push(data);
    this.#chunkBytes += data.length;
  }

  /** Takes all but the first byte back. */
  keepFirst(): Uint8Array[] {
    this.#encodeLead();
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
    if (text === "" && chunks.length === 1 && this.#lead === "") return this.#moveOne(socket);
    if (chunks.length === 0 && text.length < SCRATCH_BYTES && socket.writeText !== undefined) {
      this.#text = "";
      return socket.writeText(text);
    }
    const most = this.#chunkBytes + (this.#lead.length + text.length) * MAX_BYTES_PER_UNIT;
    if (most <= gather) return this.#moveGathered(socket, batch, most);
    if (text !== "") this.#encodeText();
    if (socket.writeMany === undefined) this.#moveEach(socket, batch);
    else {
      this.#encodeLead();
      socket.writeMany(chunks);
    }
    const bytes = this.#chunkBytes;
    this.#forget();
    return bytes;
  }

  #moveOne(socket: RawSocket): number {
    const chunk = this.#chunks[0];
    this.#forget();
    socket.write(chunk);
    return chunk.length;
  }

  #moveGathered(socket: RawSocket, batch: Gathering, most: number): number {
    const scratch = batch.takeScratch(most);
    let end = this.#takeLead(scratch);
    for (const chunk of this.#chunks) {
      scratch.set(chunk, end);
      end += chunk.length;
    }
    if (this.#text !== "") {
      end += encoder.encodeInto(this.#text, end === 0 ? scratch : scratch.subarray(end)).written;
      this.#text = "";
    }
    this.#forget();
    this.#writeScratch(socket, batch, scratch, end);
    return end;
  }

  /** The beginning of the gathering room, which belongs to the socket if the kernel doesn't take all. */
  #writeScratch(socket: RawSocket, batch: Gathering, scratch: Uint8Array, end: number): void {
    socket.write(scratch.subarray(0, end));
    if (socket.unsent > 0) batch.lend(end);
  }

  #moveEach(socket: RawSocket, batch: Gathering): void {
    const chunks = this.#chunks;
    const waits = socket.unsent > 0;
    if (waits || this.#lead.length * MAX_BYTES_PER_UNIT > SMALL_BYTES) this.#encodeLead();
    // What has to wait all the same is not worth a copy, which would keep the whole gathering buffer.
    let i = waits ? 0 : this.#moveFilled(socket, batch);
    for (; i < chunks.length; i++) socket.write(chunks[i]);
  }

  /**
   * The small pieces in front as one, filled up from the piece behind them: a head alone would be a packet, and wake
   * its reader for nothing. Returns the first piece that is left.
   */
  #moveFilled(socket: RawSocket, batch: Gathering): number {
    const chunks = this.#chunks;
    const scratch = batch.takeScratch(SMALL_BYTES);
    let end = this.#takeLead(scratch);
    let i = 0;
    for (; i < chunks.length && end + chunks[i].length <= SMALL_BYTES; i++) {
      scratch.set(chunks[i], end);
      end += chunks[i].length;
    }
    if (end === 0) return i;
    if (i < chunks.length && end < FILLED_BYTES) {
      const room = FILLED_BYTES - end;
      scratch.set(chunks[i].subarray(0, room), end);
      chunks[i] = chunks[i].subarray(room);
      end = FILLED_BYTES;
    }
    this.#writeScratch(socket, batch, scratch, end);
    return i;
  }

  /** Encodes the lead to the beginning of `into`; returns its bytes. */
  #takeLead(into: Uint8Array): number {
    if (this.#lead === "") return 0;
    const { written } = encoder.encodeInto(this.#lead, into);
    this.#lead = "";
    this.#chunkBytes += written;
    return written;
  }

  #encodeLead(): void {
    if (this.#lead === "") return;
    const bytes = encoder.encode(this.#lead);
    this.#lead = "";
    this.#chunks.unshift(bytes);
    this.#chunkBytes += bytes.length;
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
