/**
 * What is counted as lost, by class, with words for the first ones of each.
 *
 * @module
 */
import type { ChannelLossName } from "./channel_api.ts";
import { CHANNEL_LOSSES, noChannelLosses } from "./channel_classes.ts";

/** How many losses of a class are told one by one: the others are alike. */
const MOST_DETAILS = 5;

/** Losses by class, and words for the first ones of each. */
export class Blamed {
  readonly losses: Record<ChannelLossName, number>;
  readonly #details: Map<ChannelLossName, string[]>;

  /** @param others Begins with a copy of these. */
  constructor(others: Blamed | null = null) {
    this.losses = others === null ? noChannelLosses() : { ...others.losses };
    const details = others === null ? [] : others.#details;
    this.#details = new Map([...details].map(([name, told]) => [name, [...told]]));
  }

  /** One more. @param detail What and whose, in words. */
  add(name: ChannelLossName, detail: string): void {
    this.losses[name]++;
    const told = this.#details.get(name) ?? [];
    this.#details.set(name, told);
    const { words } = CHANNEL_LOSSES.find((each) => each.name === name)!;
    if (told.length < MOST_DETAILS) told.push(`${words}: ${detail}`);
  }

  /** The words, in the order of the classes. */
  told(): string[] {
    return CHANNEL_LOSSES.flatMap(({ name }) => this.#details.get(name) ?? []);
  }
}
