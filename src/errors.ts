/**
 * Every error Sluice throws: a class, a stable `code`, and a `cause` where there is one.
 *
 * @module
 */

/** Base of all errors of this library; `code` is stable across releases. */
export class SluiceError extends Error {
  /** Stable identifier. */
  readonly code: string;

  /** @param code Stable identifier. @param message What is wrong and what to do. */
  /** Builds the error. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** An option has a value that can't be used; the message names both. */
export class OptionError extends SluiceError {
  /** The option's name. */
  readonly option: string;

  /** Builds the error. */
  constructor(option: string, message: string, options?: ErrorOptions) {
    super("ERR_OPTION", message, options);
    this.option = option;
  }
}

/** Listening failed: port in use, no permission, unreadable certificate. `code` is the system's where it gave one. */
export class ListenError extends SluiceError {}

/** Connecting failed. `code` is the system's where it gave one. */
export class ConnectError extends SluiceError {}

/** The runtime can't do what was asked. */
export class UnsupportedError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_UNSUPPORTED", message, options);
  }
}

/** The connection, or its write side, is closed. */
export class ConnClosedError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions, code: string = "ERR_CONN_CLOSED") {
    super(code, message, options);
  }
}

/**
 * The connection was told goodbye by a drain, `idleTimeout` or `maxLifetime`: it is not the peer that has finished, so
 * what was read may be only a part of what it wanted to say, and what is written reaches nobody.
 */
export class DrainedError extends ConnClosedError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options, "ERR_CONN_DRAINED");
  }
}

/** The peer dropped the connection; `cause` is the system's error. */
export class ConnResetError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_CONN_RESET", message, options);
  }
}

/** A read, write, idle or lifetime limit of a connection passed. */
export class DeadlineError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_DEADLINE", message, options);
  }
}

/**
 * Somebody has what was asked for already: another `read()` is pending, a protocol takes the connection's bytes, or
 * messages are already being taken. What one takes would be gone for the other.
 */
export class InUseError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_IN_USE", message, options);
  }
}

/** The listener or server is closed (Go: `net.ErrClosed`, `http.ErrServerClosed`). */
export class ServerClosedError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_SERVER_CLOSED", message, options);
  }
}

/** The cause of `ctx.signal` when a drain's grace is over. */
export class DrainTimeoutError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_DRAIN_TIMEOUT", message, options);
  }
}

/** The peer broke a framing rule: too long, malformed, or ended in the middle. */
export class FrameError extends SluiceError {}
