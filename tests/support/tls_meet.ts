/**
 * Clients that look at a server's certificate: by `node:tls`, which shows it on every runtime.
 *
 * @module
 */
import tls from "node:tls";
import type { TestCertificate } from "./certificates.ts";
import { within } from "./rig.ts";

/** What became of a client. */
export interface Met {
  /** Common name of the certificate that it was shown. */
  readonly shown: string | undefined;
  /** Serial number of the same. */
  readonly serial: string | undefined;
  readonly version: string | null | undefined;
  /** What the server said; null where it turned the client away. */
  readonly answer: string | null;
}

/** What a client asks for, and has. */
export interface MeetWishes {
  readonly servername?: string;
  readonly client?: TestCertificate;
  readonly maxVersion?: "TLSv1.2";
  /** It says so first, and waits for all of the answer. */
  readonly says?: string;
}

/** Connects, waits for the server's word, and leaves; never rejects. */
export function meet(port: number, { servername = "", client, maxVersion, says }: MeetWishes = {}): Promise<Met> {
  return within(
    "a TLS client's end",
    new Promise((resolve) => {
      const identity = client === undefined ? {} : { cert: client.cert, key: client.key };
      let [shown, serial, version]: (string | null | undefined)[] = [];
      let answer: string | null = null;
      const options = { port, host: "127.0.0.1", servername, rejectUnauthorized: false, ...identity };
      const socket = tls.connect({ ...options, ...(maxVersion && { maxVersion }) });
      socket.on("secureConnect", () => {
        const certificate = socket.getPeerCertificate();
        [shown, serial] = [String(certificate.subject?.CN), certificate.serialNumber];
        version = socket.getProtocol();
        if (says !== undefined) socket.write(says);
      });
      socket.on("data", (data) => {
        answer = (answer ?? "") + String(data);
        if (says === undefined) socket.end();
      });
      socket.on("error", () => {});
      socket.on("end", () => socket.end());
      socket.on("close", () => resolve({ shown: shown ?? undefined, serial: serial ?? undefined, version, answer }));
    }),
  );
}
