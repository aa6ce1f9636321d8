/**
 * A channel, or those of a pattern, as one client follows them.
 *
 * @module
 */
import { ChannelError } from "../channels_errors.ts";
import type { ChannelCode } from "../wire/frames.ts";
import { atLeast1, checkOptions, mustBe } from "./checks.ts";
import type {
  ChannelMember,
  MemberChange,
  ReceivedGap,
  ReceivedMessage,
  SubscribeOptions,
  Subscription,
  SubscriptionEvents,
} from "./client_api.ts";
import { Feed } from "./feed.ts";
import { MOST_CHANGES } from "./limits.ts";

/** Where one channel is. */
interface Course {
  readonly channel: string;
  /** Of what was received last: both are always of one frame, or of one position. */
  offset: number;
  grant: string;
  /** The server has said where it begins, on this connection. */
  open: boolean;
  live: boolean;
  /** Position of what was taken last. */
  taken?: string;
  members: Map<string, ChannelMember>;
  /** Changes behind this offset are not in the list that `members` began with. */
  membersAt: number;
  /** Changes of late behind it: the next list may be older than they are. */
  readonly changes: (readonly [offset: number, change: Change])[];
}

/** A change of members, as a frame has it. */
type Change = Omit<MemberChange, "channel" | "offset" | "position">;

/** What a subscription needs of its client. */
export interface SubscriptionLink {
  /** It wants to be said, as soon as it may. */
  want(): void;
  /** It is not wanted any more, or not for now. @param forGood It was closed. */
  leave(sub: Sub, forGood: boolean): void;
  /** How far it is may have changed. */
  moved(): void;
}

/** The subscription behind the interface: what the client calls as well. */
export class Sub extends Feed<ReceivedMessage, SubscriptionEvents> implements Subscription {
  readonly name: string;
  /** It was said on this connection: what the server says of it is meant for it. */
  said = false;
  /** The queue was full: what comes is left to the log until it is empty. */
  paused = false;
  readonly #link: SubscriptionLink;
  readonly #options: SubscribeOptions;
  readonly #max: number;
  readonly #courses: Map<string, Course> = new Map();
  /** Where it begins is known, so that nothing may be missed from there on. */
  #known = false;
  /** The server has answered on this connection. */
  #answered = false;
  #last: Course | undefined;
  /** Channels whose place the server does not know any more. */
  #forgotten: Set<string> = new Set();

  /** @param kept Positions by channel, from another client. */
  constructor(
    name: string,
    options: SubscribeOptions,
    kept: Readonly<Record<string, string>> | undefined,
    link: SubscriptionLink,
  ) {
    super(["message", "gap", "presence", "members", "live", "refused"]);
    checkOptions(options, { since: true, member: true, maxQueued: true });
    const { since, maxQueued = 1000 } = options;
    this.name = name;
    this.#options = options;
    this.#max = atLeast1("maxQueued", maxQueued);
    this.#link = link;
    if (since !== undefined && since !== "oldest") kept = { [name]: since };
    for (const [channel, position] of Object.entries(kept ?? {})) this.#startAt(channel, position);
    this.#known = kept !== undefined;
  }

  get position(): string | undefined {
    return this.#last?.taken;
  }

  /** Positions of what was taken, by channel; undefined if nothing is known. */
  get positions(): Readonly<Record<string, string>> | undefined {
    return this.#known ? this.#each(({ taken }) => taken) : undefined;
  }

  get members(): readonly ChannelMember[] {
    return [...this.#courses.values()].flatMap(({ members }) => [...members.values()]);
  }

  /** It has all there is. */
  get isLive(): boolean {
    return this.#answered && [...this.#courses.values()].every(({ live }) => live);
  }

  /** As a frame has it: where to begin is behind what was received, which is here. */
  request(): readonly unknown[] {
    const { since, member } = this.#options;
    // A channel of a pattern that has no position yet is new: all of it was missed.
    const oldest = this.#known || this.#forgotten.size > 0 || since === "oldest" ? "oldest" : undefined;
    const positions = this.#known ? this.#each(({ offset, grant }) => `${offset}.${grant}`) : null;
    return [this.name, positions, { since: oldest, member }];
  }

  /** The connection is gone, or not to be heard for now. */
  silence(): void {
    this.said = this.#answered = false;
    for (const course of this.#courses.values()) course.open = course.live = false;
    this.#link.moved();
  }

  /** Its positions are no good: it begins anew, behind a gap. */
  forget(): void {
    this.#forgotten = new Set(this.#courses.keys());
    this.#courses.clear();
    this.#known = false;
  }

  close(): void {
    this.end(null, []);
    this.#link.leave(this, true);
  }

  override return(): ReturnType<Feed<ReceivedMessage, SubscriptionEvents>["return"]> {
    this.close();
    return super.return();
  }

  protected override emptied(): void {
    if (!this.paused) return;
    this.paused = false;
    this.#link.want();
  }

  /** What follows of a channel begins behind `offset`. */
  subbed(channel: string, grant: string, offset: number, reason: string | null): void {
    if (!this.said || !this.#hasRoom()) return;
    const course = this.#courses.get(channel) ?? this.#start(channel, -1, "");
    course.open = this.#answered = this.#known = true;
    if (this.#forgotten.delete(channel)) reason ??= "epoch";
    // Where nothing is missing it goes on where it was, or was never before.
    if (reason !== null || grant !== course.grant || offset > course.offset) {
      this.#place(course, grant, offset, reason);
    }
    this.#link.moved();
  }

  /** The pattern is watched. */
  watch(): void {
    if (this.said) this.#answered = this.#known = true;
    this.#link.moved();
  }

  gap(channel: string, grant: string, offset: number, reason: string): void {
    const course = this.#open(channel);
    if (course) this.#place(course, grant, offset, reason);
  }

  live(channel: string): void {
    const course = this.#open(channel);
    if (!course) return;
    course.live = true;
    this.add("live", { channel });
    this.#link.moved();
  }

  m(channel: string, offset: number, data: unknown, headers: ReceivedMessage["headers"] = {}): void {
    this.#entry("message", channel, offset, { data, headers });
  }

  p(channel: string, offset: number, change: Change): void {
    this.#entry("presence", channel, offset, change, ({ members, changes, membersAt }) => {
      if (offset <= membersAt) return;
      changes.splice(0, changes.push([offset, change]) - MOST_CHANGES);
      changeMembers(members, change);
    });
  }

  /** Who is there. */
  list(channel: string, offset: number, all: readonly ChannelMember[]): void {
    const course = this.#open(channel);
    if (!course) return;
    this.add("members", { channel }, () => {
      course.members = new Map(all.map((member) => [member.member, member]));
      course.membersAt = offset;
      for (const [at, change] of course.changes) if (at > offset) changeMembers(course.members, change);
    });
  }

  /** Up to `offset` all was sent. */
  reach(channel: string, offset: number): void {
    this.#entry(null, channel, offset);
  }

  refused(code: ChannelCode, message: string): ChannelError {
    const error = new ChannelError(code, message);
    this.emit("refused", error);
    return error;
  }

  #start(channel: string, offset: number, grant: string, taken?: string): Course {
    const course: Course = {
      channel,
      offset,
      grant,
      open: false,
      live: false,
      taken,
      members: new Map(),
      membersAt: 0,
      changes: [],
    };
    this.#courses.set(channel, course);
    return course;
  }

  #startAt(channel: string, position: string): void {
    const [, offset, grant] = /^(\d+)\.(.+)$/.exec(position) ?? [];
    const isPosition = grant && !channel.endsWith("*") && covers(this.name, channel);
    mustBe(isPosition, "since", `"oldest" or a position of ${this.name}`, position);
    this.#last = this.#start(channel, Number(offset), grant, position);
  }

  #each(position: (course: Course) => string | undefined): Record<string, string> {
    const all = [...this.#courses].map(([channel, course]) => [channel, position(course)]);
    return Object.fromEntries(all.filter(([, position]) => position));
  }

  #open(channel: string): Course | undefined {
    const course = this.#courses.get(channel);
    return course?.open && this.#hasRoom() ? course : undefined;
  }

  /** What stands at an offset of a channel, if that is news. */
  #entry(
    type: "message" | "presence" | null,
    channel: string,
    offset: number,
    what?: object,
    taken?: (course: Course) => void,
  ): void {
    const course = this.#courses.get(channel);
    if (!course?.open || !(offset > course.offset) || !this.#hasRoom()) return;
    course.offset = offset;
    this.#tell(type, course, { ...what, offset }, taken);
  }

  /** Both are of one frame. */
  #place(course: Course, grant: string, offset: number, reason: string | null): void {
    const isAnother = course.grant !== grant;
    course.grant = grant;
    course.offset = offset;
    this.#tell(reason && "gap", course, { reason }, () => {
      // Offsets of another life say nothing here.
      if (isAnother) course.membersAt = course.changes.length = 0;
    });
  }

  /** In its turn, and where it stands is where the application is from then on. */
  #tell(type: string | null, course: Course, what: object, taken?: (course: Course) => void): void {
    const { channel, offset, grant } = course;
    const position = `${offset}.${grant}`;
    this.add(type as "gap", { ...what, channel, position } as ReceivedGap, () => {
      course.taken = position;
      this.#last = course;
      taken?.(course);
    });
  }

  /** A slow application leaves what comes to the log, and catches up when it has taken what waits here. */
  #hasRoom(): boolean {
    if (this.queued < this.#max) return true;
    this.paused = true;
    this.#link.leave(this, false);
    this.silence();
    return false;
  }
}

/** Whether a channel belongs to a subscription. */
export function covers(name: string, channel: string): boolean {
  return channel === name || (name.endsWith("*") && channel.startsWith(name.slice(0, -1)));
}

function changeMembers(members: Map<string, ChannelMember>, { type, instance, member, user, data }: Change): void {
  if (type === "join") members.set(member!, { member, user, instance, data } as ChannelMember);
  else if (type === "leave") {
    // It may be at another instance by now, which has said so.
    if (members.get(member!)?.instance === instance) members.delete(member!);
  } else for (const [id, member] of members) if (member.instance === instance) members.delete(id);
}
