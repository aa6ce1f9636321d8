import { memoryAdapter } from "../../../adapters/memory/mod.ts";
import type { MemoryOptions } from "../../../adapters/memory/mod.ts";
import { conformance } from "../conformance/mod.ts";

// Not here: TLS is pretended, and a Unix path makes no file.
const FEATURES = { tls: false, unix: false, ipv6: true, kernel: false };
conformance("memory", () => Promise.resolve(memoryAdapter()), FEATURES);
const FAR: MemoryOptions = { wire: { up: 2, down: 3, jitter: 0.5 }, bufferSize: 1 << 20 };
conformance("memory with a wire", () => Promise.resolve(memoryAdapter(FAR)), FEATURES);
