/** W3C trace context: goes on with the caller's trace when its header is well formed, else starts one. */
import { randomFillSync } from 'node:crypto';

const VALID = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/** Random bytes are drawn in blocks: one system call serves 170 requests. */
const block = Buffer.alloc(24 * 170);
let used = block.length;

/** A traceparent for the record that a request causes: a new span, in the caller's trace if there is one. */
export function nextTraceparent(incoming: unknown): string {
  if (used + 24 > block.length) {
    randomFillSync(block);
    used = 0;
  }
  const trace = block.toString('hex', used, used + 16);
  const span = block.toString('hex', used + 16, used + 24);
  used += 24;
  const caller = typeof incoming === 'string' ? VALID.exec(incoming) : null;
  return caller ? `00-${caller[1]}-${span}-${caller[2]}` : `00-${trace}-${span}-01`;
}
