/** Deterministic ids: the first 128 bits of SHA-256(kind, 0x00, cause) in the form of a UUID (engine.md, publishing). */
import { createHash } from 'node:crypto';

/** The same kind and cause always give the same id, so that a repeat is recognised everywhere. */
export function eventId(kind: string, ...cause: readonly (string | bigint | number | Buffer)[]): string {
  const hash = createHash('sha256').update(kind).update(Buffer.of(0));
  cause.forEach((part, index) => {
    if (index > 0) hash.update(Buffer.of(0));
    hash.update(Buffer.isBuffer(part) ? part : String(part));
  });
  const hex = hash.digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
