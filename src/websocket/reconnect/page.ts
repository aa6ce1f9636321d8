/**
 * What a page tells about its network and its own life.
 *
 * @module
 */
import type { PageTarget } from "./reconnect_api.ts";

/** Who is told. */
export interface PageWatcher {
  /** The page is put away. */
  readonly away: () => void;
  /** It is shown again. */
  readonly back: () => void;
  /** The browser believes that there is no network; it is wrong where it knows not of a tunnel, or of a local server. */
  readonly offline: () => void;
  /** The network is there, the page is looked at again, or runs on after a sleep: a moment to look after things. */
  readonly awake: () => void;
}

/**
 * The document's own events are heard at the window while they go down to the document. As an object: Node's
 * `removeEventListener` passes over `true` (20.20, issue 11).
 */
const CAPTURE = { capture: true } as const;

/**
 * Listens to `pagehide` and `pageshow`, `offline` and `online`, `visibilitychange` and `resume`. `beforeunload` is left
 * alone on purpose: the visitor may still stay, and `pagehide` follows if not.
 *
 * @returns Listens no more.
 */
export function watchPage(target: PageTarget | null, { away, back, offline, awake }: PageWatcher): () => void {
  let isAway = false;
  const listeners: readonly (readonly [type: string, listener: () => void])[] = [
    ["pagehide", () => !isAway && (isAway = true, away())],
    ["pageshow", () => isAway && (isAway = false, back())],
    ["offline", offline],
    ["online", awake],
    ["visibilitychange", () => target?.document?.visibilityState !== "hidden" && awake()],
    ["resume", awake],
  ];
  const all = (act: "addEventListener" | "removeEventListener"): void => {
    for (const [type, listener] of listeners) target?.[act](type, listener, CAPTURE);
  };
  all("addEventListener");
  return () => all("removeEventListener");
}

/** `globalThis`, if it can be listened to: a page or a worker. Node has no such events. */
export function defaultPage(): PageTarget | null {
  const target = globalThis as Partial<PageTarget>;
  return target.addEventListener ? target as PageTarget : null;
}
