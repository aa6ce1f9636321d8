/**
 * permessage-deflate (RFC 7692): negotiated without I/O, compressed by what the adapter brings along.
 *
 * @module
 */
export { canCompress, type Compressors, PerMessageDeflate } from "./deflate.ts";
export { acceptOffers, checkAnswer, type DeflateAgreement, type DeflateParams, makeOffer } from "./negotiate.ts";
