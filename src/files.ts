/**
 * Files as a runtime gives them: types only. What fails rejects with the system's error, whose `code` is the system's too.
 *
 * @module
 */

/** An open file. */
export interface OpenFile {
  /** Fills `into` from `position` on, and gives how much there was: less at the end of the file, perhaps in between. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes at `position`, and gives how much was written: perhaps not all. */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** Fulfils when what was written is on the disk. */
  sync(): Promise<void>;
  /** Cuts what is behind `length`. */
  truncate(length: number): Promise<void>;
  /** Its length in bytes. */
  size(): Promise<number>;
  /** Lets it go. */
  close(): Promise<void>;
}

/** A folder that one process has for itself. */
export interface FolderLock {
  /** Lets it go. Idempotent. */
  release(): Promise<void>;
}

/** Files and folders; paths are texts that `join` makes. */
export interface FileAccess {
  /** A path below a folder. */
  join(folder: string, name: string): string;
  /** Makes a folder and those above it; one that is there is left as it is. */
  makeFolder(path: string): Promise<void>;
  /** Names of the files in a folder. */
  list(folder: string): Promise<readonly string[]>;
  /** Opens a file to read and write it; makes it where it is not there, unless `isNew` is false. */
  open(path: string, isNew: boolean): Promise<OpenFile>;
  /** Puts a file in the place of another, or of none, in one step. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file. */
  remove(path: string): Promise<void>;
  /** Fulfils when it is on the disk which files the folder has. */
  syncFolder(folder: string): Promise<void>;
  /** Takes a folder for this process; null if another one that lives has it. It ends with the process, however that ends. */
  lock(folder: string): Promise<FolderLock | null>;
  /** Tells one start of the machine from another; null where that can't be told. */
  bootId(): Promise<string | null>;
}
