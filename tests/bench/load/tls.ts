/**
 * TLS by OpenSSL, through Bun's foreign functions: a client that is no slower than it must be. It believes any
 * certificate.
 *
 * @module
 */
import { BUFFER_BYTES, bufferAt, dlopen, NOTHING, open, shut, type Wire } from "./libc.ts";

const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const SSL_ERROR_WANT_READ = 2;
const SSL_ERROR_ZERO_RETURN = 6;
/** What `receive` returns for all that is neither bytes nor an end: EIO. */
const BROKEN = -5;

const { symbols: libc } = dlopen("libc.so.6", { fcntl: { args: ["i32", "i32", "i32"], returns: "i32" } });
const { symbols: ssl } = dlopen("libssl.so.3", {
  TLS_client_method: { args: [], returns: "ptr" },
  SSL_CTX_new: { args: ["ptr"], returns: "ptr" },
  SSL_new: { args: ["ptr"], returns: "ptr" },
  SSL_set_fd: { args: ["ptr", "i32"], returns: "i32" },
  SSL_connect: { args: ["ptr"], returns: "i32" },
  SSL_read: { args: ["ptr", "ptr", "i32"], returns: "i32" },
  SSL_write: { args: ["ptr", "ptr", "i32"], returns: "i32" },
  SSL_get_error: { args: ["ptr", "i32"], returns: "i32" },
  SSL_free: { args: ["ptr"], returns: "void" },
});

const context = ssl.SSL_CTX_new(ssl.TLS_client_method());
/** Of each descriptor its TLS. */
const links: number[] = [];

/** The handshake waits; all that follows takes what is there. */
function openTls(port: number): number {
  const fd = open(port);
  const link = ssl.SSL_new(context);
  ssl.SSL_set_fd(link, fd);
  const done = ssl.SSL_connect(link);
  if (done !== 1) throw new Error(`TLS: handshake, error ${ssl.SSL_get_error(link, done)}`);
  libc.fcntl(fd, F_SETFL, O_NONBLOCK);
  links[fd] = link;
  return fd;
}

function receiveTls(fd: number): number {
  const length = ssl.SSL_read(links[fd], bufferAt, BUFFER_BYTES);
  if (length > 0) return length;
  const error = ssl.SSL_get_error(links[fd], length);
  if (error === SSL_ERROR_WANT_READ) return NOTHING;
  return error === SSL_ERROR_ZERO_RETURN ? 0 : BROKEN;
}

export const tlsWire: Wire = {
  open: openTls,
  send(fd, { at, bytes }) {
    const sent = ssl.SSL_write(links[fd], at, bytes.length);
    if (sent !== bytes.length) throw new Error(`TLS: ${sent} of ${bytes.length} bytes sent`);
  },
  receive: receiveTls,
  shut(fd) {
    ssl.SSL_free(links[fd]);
    delete links[fd];
    shut(fd);
  },
};
