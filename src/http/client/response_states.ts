/**
 * The states that a response parser has besides those of a request parser, and every way from one to another.
 *
 * @module
 */
import { AFTER as AFTER_OF_REQUEST, MESSAGE_END, START, type State as RequestState } from "../parser/parser_states.ts";

/** In a body that the end of the connection ends. */
export const UNTIL_END = 10;
/** HTTP is over on this connection: what follows belongs to another protocol. */
export const OTHER_PROTOCOL = 11;

/** One of the states. */
export type State = RequestState | typeof UNTIL_END | typeof OTHER_PROTOCOL;

/** From each state: what has been found, and the state that follows. Any state may end in `DEAD`. */
export const AFTER = {
  ...AFTER_OF_REQUEST,
  fields: {
    ...AFTER_OF_REQUEST.fields,
    interim: START,
    switching: OTHER_PROTOCOL,
    withoutLength: UNTIL_END,
  },
  untilEnd: { ended: MESSAGE_END },
} as const;
