/**
 * Proof of a graceful stop: clients that follow a server through its stop, and an account of every message.
 *
 * @module
 */
export { Account, type AccountLoss, type AnswerState, type EndKind, type Message } from "./account.ts";
export { addLosses, BLAMED, GOOD_CODES, LOSSES, noLosses } from "./classes.ts";
export { CallChecker, type CheckedCall } from "./channels/call_checker.ts";
export type {
  CallFigures,
  ChannelClients,
  ChannelExtra,
  ChannelFault,
  ChannelFigures,
  ChannelLossClass,
  ChannelLossCounts,
  ChannelLossName,
  ChannelPart,
  ChannelReport,
  ChannelVerdict,
  LetterFigures,
} from "./channels/channel_api.ts";
export { ChannelChecker, type CheckedMessage } from "./channels/channel_checker.ts";
export { CHANNEL_LOSSES, countChannelLosses, noChannelLosses } from "./channels/channel_classes.ts";
export { type ChannelLine, type ChannelStage, type ChannelWorld, startChannels } from "./channels/channel_stage.ts";
export { type CheckedLetter, LetterChecker } from "./channels/letter_checker.ts";
export {
  type Attendance,
  channelSpeech,
  type Heard,
  type Speaker,
  type SpeakerEvents,
  type Speech,
  type SpokenCall,
  type SpokenLetter,
  tcpSpeech,
} from "./channels/speaker.ts";
export type { WireEvents } from "./channels/tap.ts";
export { Ledger } from "./ledger.ts";
export { startReloads } from "./reload/cast.ts";
export type {
  ClientKind,
  PartFigures,
  ReloadLossClass,
  ReloadLossCounts,
  ReloadLossName,
  ReloadPart,
  ReloadReport,
  WaitFigures,
} from "./reload/reload_api.ts";
export { countLosses, noReloadLosses, RELOAD_LOSSES } from "./reload/reload_classes.ts";
export { ReloadLedger, type ReloadLedgerOptions, type Visit } from "./reload/reload_ledger.ts";
export type { ReloadStage, ReloadWorld } from "./reload/reload_stage.ts";
export { waitFigures } from "./reload/tally.ts";
export { Timeline } from "./reload/timeline.ts";
export type { Scenario, ScenarioRun, ScenarioWorld } from "./scenario.ts";
export { expectationIn, SCENARIOS } from "./scenarios.ts";
export { VerifyError } from "./stage.ts";
export type {
  Expectation,
  Loss,
  LossClass,
  LossCounts,
  LossName,
  MessageCounts,
  RoundReport,
  ScenarioName,
  StopResult,
  VerifyKind,
  VerifyReport,
} from "./verify_api.ts";
export { type ClientConn, connectOver, type WireOptions } from "./wire.ts";
