/**
 * Names that a schema does not know. Most validators drop them in silence, and then a limit that was misspelt is not
 * there; so the schema is asked for its names: Valibot's own schemas, and every one that can tell itself as JSON Schema
 * (Standard JSON Schema: Zod, ArkType and others). Of the rest the validator alone decides.
 *
 * @module
 */
import { didYouMean } from "../../names.ts";
import type { JsonNode } from "./jsonc.ts";
import type { ConfigPath } from "./path.ts";
import type { StandardSchema } from "./standard_schema.ts";

/** A name that nobody knows. */
export interface UnknownName {
  /** The name itself is the last. */
  readonly path: ConfigPath;
  /** Where the name begins. */
  readonly offset: number;
  readonly expected: string;
}

/** A part of a schema, as its maker has it. */
type Part = Readonly<Record<string, unknown>>;

/** What schemas say of the members of an object. */
interface Members {
  /** What a known name may be. */
  readonly known: ReadonlyMap<string, readonly Part[]>;
  /** Others may be there as well. */
  readonly isOpen: boolean;
}

/** How a validator's parts are read. */
interface Reader {
  /** What a part comes down to: what it wraps, refers to, or chooses from. */
  readonly within: (part: Part) => readonly Part[] | null;
  /** The members it knows; null if it is about no object, undefined if it takes any. */
  readonly members: (part: Part) => Members | null | undefined;
  /** What an item of a list may be. */
  readonly items: (part: Part) => readonly Part[];
}

/** The draft that validators tell themselves in; only words that all drafts have are read. */
const DRAFT = "draft-2020-12";
/** Types of Valibot that no object can be. */
const NO_OBJECT =
  /^(string|number|boolean|bigint|null|undefined|nan|date|symbol|literal|picklist|enum|array|(\w+_)?tuple(_\w+)?|never)$/;

/** Finds every name of the tree that the schema does not know. */
export function unknownNames(schema: StandardSchema, node: JsonNode): UnknownName[] {
  if (schema["~standard"].vendor === "valibot") return search(node, [schema as unknown as Part], VALIBOT, []);
  const told = jsonSchemaOf(schema);
  return told === null ? [] : search(node, [told], jsonSchemaReader(told), []);
}

function search(node: JsonNode, parts: readonly Part[], reader: Reader, path: ConfigPath): UnknownName[] {
  const { value } = node;
  if (typeof value !== "object" || value === null) return [];
  const leaves = parts.flatMap((part) => unwrapped(part, reader, new Set()));
  if (Array.isArray(value)) {
    const inside = leaves.flatMap((leaf) => reader.items(leaf));
    return (value as readonly JsonNode[]).flatMap((item, i) => search(item, inside, reader, [...path, i]));
  }
  const told = leaves.map((leaf) => reader.members(leaf)).filter((members) => members !== null);
  const members = told.filter((one) => one !== undefined);
  const isOpen = members.length === 0 || members.length < told.length || members.some((one) => one.isOpen);
  const known = [...new Set(members.flatMap((one) => [...one.known.keys()]))];
  return [...value as Exclude<typeof value, readonly JsonNode[]>].flatMap(([name, member]) => {
    const here = [...path, name];
    if (!known.includes(name)) {
      return isOpen ? [] : [{ path: here, offset: member.offset, expected: unknown(name, known) }];
    }
    return search(member.node, members.flatMap((one) => one.known.get(name) ?? []), reader, here);
  });
}

function unknown(name: string, known: readonly string[]): string {
  return `is not known here${didYouMean(name, known) || `: there is ${known.join(", ")}`}`;
}

function unwrapped(part: Part, reader: Reader, seen: Set<Part>): readonly Part[] {
  if (seen.has(part)) return [];
  seen.add(part);
  const within = reader.within(part);
  return within === null ? [part] : within.flatMap((one) => unwrapped(one, reader, seen));
}

const VALIBOT: Reader = {
  within: ({ wrapped, options, entries }) => {
    if (entries !== undefined) return null;
    if (isPart(wrapped)) return [wrapped];
    const parts = partsOf(options);
    return parts.length > 0 ? parts : null;
  },
  members: ({ type, entries, rest }) => {
    if (!isPart(entries)) return NO_OBJECT.test(String(type)) ? null : undefined;
    const isOpen = type === "loose_object" || isPart(rest);
    return { known: membersOf(entries), isOpen };
  },
  items: ({ item }) => isPart(item) ? [item] : [],
};

function jsonSchemaReader(root: Part): Reader {
  return {
    within: ({ $ref, anyOf, oneOf, allOf, properties }) => {
      if (typeof $ref === "string") return partsOf([referred(root, $ref)]);
      const parts = [anyOf, oneOf, allOf].flatMap(partsOf);
      return parts.length > 0 && properties === undefined ? parts : null;
    },
    members: ({ type, properties, additionalProperties, anyOf, oneOf, allOf, ...rest }) => {
      if (!isPart(properties)) return typeof type === "string" && type !== "object" ? null : undefined;
      const isOpen = additionalProperties === true || isPart(additionalProperties) || "patternProperties" in rest ||
        [anyOf, oneOf, allOf].some((more) => more !== undefined);
      return { known: membersOf(properties), isOpen };
    },
    items: ({ items }) => isPart(items) ? [items] : [],
  };
}

/** What `#/$defs/Name` stands for. */
function referred(root: Part, ref: string): unknown {
  const keys = ref.split("/").slice(1).map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  return keys.reduce<unknown>((part, key) => isPart(part) ? part[key] : undefined, root);
}

/** The schema as JSON Schema; null if its validator can't, or not with all that is in it. */
function jsonSchemaOf(schema: StandardSchema): Part | null {
  const { jsonSchema } = schema["~standard"] as { jsonSchema?: { input?(options: { target: string }): unknown } };
  try {
    const told = jsonSchema?.input?.({ target: DRAFT });
    return isPart(told) ? told : null;
  } catch {
    return null;
  }
}

function membersOf(parts: Part): ReadonlyMap<string, readonly Part[]> {
  return new Map(Object.entries(parts).map(([name, part]) => [name, partsOf([part])]));
}

function partsOf(parts: unknown): Part[] {
  return Array.isArray(parts) ? parts.filter(isPart) : [];
}

function isPart(value: unknown): value is Part {
  return typeof value === "object" && value !== null && !Array.isArray(value) || typeof value === "function";
}
