/**
 * Keeps node's test runner from following every promise. It does so to know which group a test that is registered
 * belongs to, and which test an error that nobody caught; the second alone took more than half of the time of the tests
 * without sockets, and such an error fails the run all the same. So it ends when all tests are registered.
 *
 * @module
 */
import hooks from "node:async_hooks";

const { createHook } = hooks;
const enabled = [];
// The test runner takes it when it is loaded.
hooks.createHook = (callbacks) => {
  const hook = createHook(callbacks);
  enabled.push(hook);
  return hook;
};
await import("node:test");
hooks.createHook = createHook;

/** To be called when all tests are registered. */
export function untrack() {
  for (const hook of enabled) hook.disable();
}
