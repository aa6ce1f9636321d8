/**
 * What an HTTP server serves TLS with, if it is told to: `http_SERVER.ts MODE tls`.
 *
 * @module
 */
import process from "node:process";
import { TEST_CERT, TEST_KEY } from "../../support/tls.ts";

/** Certificate and key; null for plain HTTP. */
export const secure: { readonly cert: string; readonly key: string } | null = process.argv[3] === "tls"
  ? { cert: TEST_CERT, key: TEST_KEY }
  : null;
