/**
 * Keeps node's test runner from following every promise, so that an error that nobody caught is told of the test that
 * began it. That took more than half of the time of the tests without sockets; and such an error still fails the run.
 *
 * @module
 */
import hooks from "node:async_hooks";

const { createHook } = hooks;
// The test runner takes it when it is loaded.
hooks.createHook = () => ({ enable: () => {}, disable: () => {} });
await import("node:test");
hooks.createHook = createHook;
