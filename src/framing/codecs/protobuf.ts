/**
 * Protocol Buffers in frames, by the user's own library.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";
import { nameOf, opened, type Payload, unfit } from "./payload.ts";

/** What is used of a schema: one of a generated file of `@bufbuild/protobuf`, or of its registry. */
export interface ProtobufSchema {
  /** The message's full name. */
  readonly typeName: string;
}

/** What is used of a message. */
export interface ProtobufMessage {
  /** The name of its schema. */
  readonly $typeName: string;
}

/** What is used of the library: `fromBinary` and `toBinary` of `@bufbuild/protobuf`. */
export interface ProtobufLibrary<Schema, Message> {
  /** The message in bytes. */
  readonly fromBinary: (schema: Schema, bytes: Uint8Array) => Message;
  /** The bytes of a message; its type is told by `fromBinary`. */
  readonly toBinary: (schema: Schema, message: never) => Uint8Array;
}

/**
 * A message of one schema in each frame.
 *
 * @throws {OptionError} The schema or the library can't be used.
 * @example
 * ```ts
 * import { fromBinary, toBinary } from "@bufbuild/protobuf";
 *
 * const orders = framed(conn, lengthPrefix(protobuf(OrderSchema, { fromBinary, toBinary }), { size: "varint" }));
 * ```
 */
export function protobuf<Schema extends ProtobufSchema, Message extends ProtobufMessage>(
  schema: Schema,
  library: ProtobufLibrary<Schema, Message>,
): Payload<Message> {
  const { fromBinary, toBinary } = checked(schema, library);
  const { typeName } = schema;
  return {
    encode: (message) => {
      if ((message as ProtobufMessage | null | undefined)?.$typeName !== typeName) {
        throw unfit(message, `must be a message ${typeName}, as create() makes it`);
      }
      try {
        return toBinary(schema, message as never);
      } catch (cause) {
        throw unfit(message, "must have values that its schema knows", cause);
      }
    },
    decode: (bytes) => opened(`message ${typeName}`, () => fromBinary(schema, bytes)),
  };
}

function checked<Schema, Message>(
  schema: Schema,
  library: ProtobufLibrary<Schema, Message>,
): ProtobufLibrary<Schema, Message> {
  if (typeof (schema as Partial<ProtobufSchema> | null | undefined)?.typeName !== "string") {
    throw new OptionError("schema", `schema must be that of a message, such as OrderSchema, got ${nameOf(schema)}`);
  }
  const { fromBinary, toBinary } = (library ?? {}) as Partial<ProtobufLibrary<Schema, Message>>;
  if (typeof fromBinary === "function" && typeof toBinary === "function") return { fromBinary, toBinary };
  throw new OptionError(
    "library",
    `library must be { fromBinary, toBinary } of @bufbuild/protobuf, got ${nameOf(library)}`,
  );
}
