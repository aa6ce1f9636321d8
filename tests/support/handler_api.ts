/**
 * What handlers may use and the types of this branch don't name yet. Goes away with the merge.
 *
 * @module
 */
import type { Conn, DrainReport, HandlerContext, SluiceError } from "../../mod.ts";
import type { WebSocketConn } from "../../src/websocket/mod.ts";

/** Holds, debts, and how the input ended. */
export interface Holding {
  waitUntil(work: Promise<unknown>): void;
  answered(): void;
}

/** A connection or WebSocket with its holds. */
export function held<T extends Conn | WebSocketConn | HandlerContext>(life: T): T & Holding {
  return life as T & Holding;
}

/** The drain, or a limit, ended the input. */
export function isDrained(conn: Conn): boolean {
  return (conn as Conn & { readonly isDrained?: boolean }).isDrained === true;
}

/** Connections that wrote after the drain's FIN. */
export function truncatedIn(report: DrainReport): readonly { readonly id: number }[] {
  return (report as DrainReport & { readonly truncated?: readonly { readonly id: number }[] }).truncated ?? [];
}

/** The stable identifier of an error of the library; the name of any other. */
export function codeOf(error: unknown): string {
  return (error as SluiceError | undefined)?.code ?? (error as Error | undefined)?.name ?? String(error);
}

/** Options that are new. */
export function noAnswers<T extends object>(options: T = {} as T): T {
  return { ...options, answers: false };
}
