/**
 * Small texts that go along with a message.
 *
 * @module
 */
import type { ChannelHeaders } from "../channels_api.ts";
export { areHeaders, HEADERS_RULE } from "../wire/headers.ts";

/** None go along. */
export const NO_HEADERS: ChannelHeaders = Object.freeze({});
