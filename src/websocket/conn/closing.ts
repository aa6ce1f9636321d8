/**
 * How a WebSocket ends (RFC 6455 §7.1): its states, and what each event makes of them.
 *
 * | state   | what it means                                                                                |
 * | ------- | -------------------------------------------------------------------------------------------- |
 * | `open`  | both sides send                                                                              |
 * | `said`  | our Close is out: what the peer sent before it saw that still comes                          |
 * | `heard` | the input is over, by the peer's Close, its FIN or nonsense: what came before is dealt with  |
 * | `both`  | the two together: nothing is left but to conclude                                            |
 * | `over`  | it is concluded, and its outcome is known                                                    |
 *
 * @module
 */

/** The states, in the order of their numbers. */
export const CLOSINGS = ["open", "said", "heard", "both", "over"] as const;

/** A state's number. */
export type Closing = number;

export const OPEN: Closing = 0;
export const SAID: Closing = 1;
/** From here on nothing more is taken in. */
export const HEARD: Closing = 2;
export const BOTH: Closing = 3;
export const OVER: Closing = 4;

/** What can happen: we say Close, nothing more will be heard, it is concluded. */
export type ClosingEvent = "say" | "hear" | "conclude";

/** Each state's answer to each event; its own number where nothing changes. */
export const TRANSITIONS: Readonly<Record<ClosingEvent, readonly Closing[]>> = {
  // In the order above: open, said, heard, both, over.
  say: [SAID, SAID, BOTH, BOTH, OVER],
  hear: [HEARD, BOTH, HEARD, BOTH, OVER],
  conclude: [OVER, OVER, OVER, OVER, OVER],
};
