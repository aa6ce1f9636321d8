/**
 * The rules of `src/socket.ts` as tests, for any adapter.
 *
 * @module
 */
import { after, before, describe, it } from "node:test";
import { readdirSync, readlinkSync } from "node:fs";
import { assert } from "@std/assert";
import type { Adapter } from "../../../src/platform.ts";
import { Rig } from "../../support/rig.ts";
import { closeRules } from "./close.ts";
import { dataRules } from "./data.ts";
import { type Compressors, deflateRules } from "./deflate.ts";
import { listenRules } from "./listen.ts";
import { connectRules } from "./connect.ts";
import { systemRules } from "./system.ts";
import { tlsRules } from "./tls.ts";
import { tlsServerRules } from "./tls_server.ts";

/** What an adapter can do; a false one has its reason beside the call. */
export interface Features {
  readonly tls: boolean;
  readonly unix: boolean;
  readonly ipv6: boolean;
  /** Real sockets of this process, seen in `/proc/self/fd`, real ports and signals. */
  readonly kernel: boolean;
  /** A TLS peer can tell a dropped connection from an ended one. @default true */
  readonly tlsReset?: boolean;
  /** A peer that has sent its FIN can tell a reset that follows bytes from an end. @default true */
  readonly resetAfterFin?: boolean;
  /** Addresses that nobody asked for before `destroy` are known after it. @default false */
  readonly lateAddresses?: boolean;
  /** A signal that has no listener may be sent and caught. @default kernel */
  readonly signals?: boolean;
  /** Has `deflater` and `inflater`. @default kernel */
  readonly compressors?: boolean;
}

/** One rule: the test's name says what holds. */
export type Rule = (name: string, body: (rig: Rig) => Promise<void>) => void;

/** Runs the whole suite against the adapter that `makeAdapter` gives. */
export function conformance(name: string, makeAdapter: () => Promise<Adapter>, features: Features): void {
  describe(`${name} adapter`, () => {
    let adapter: Adapter;
    let descriptors = 0;
    const rule: Rule = (title, body) => {
      it(title, async () => {
        const rig = new Rig(adapter);
        try {
          await body(rig);
        } finally {
          await rig.close();
        }
      });
    };
    before(async () => {
      adapter = await makeAdapter();
      descriptors = openSockets();
    });
    after(async () => {
      if (features.kernel) await settled(() => openSockets() <= descriptors);
      // The test runner may have closed some of its own meanwhile.
      if (features.kernel) {
        assert(openSockets() <= descriptors, `${openSockets()} sockets left open, ${descriptors} before`);
      }
    });
    dataRules(rule);
    closeRules(rule, features);
    connectRules(rule, features);
    listenRules(rule, features);
    if (features.tls) tlsRules(rule, features);
    if (features.tls) tlsServerRules(rule);
    systemRules(rule, features);
    if (features.compressors ?? features.kernel) {
      deflateRules((title, body) => rule(title, async ({ adapter }) => await body(adapter as Compressors)));
    }
  });
}

/** Number of sockets this process holds; 0 where it can't be known. */
function openSockets(): number {
  try {
    return readdirSync("/proc/self/fd").filter(isSocket).length;
  } catch {
    return 0;
  }
}

function isSocket(descriptor: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith("socket:");
  } catch {
    return false;
  }
}

/** Waits until `done` holds, 2 s at most. */
async function settled(done: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
}
