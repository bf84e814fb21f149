/** Which records of payments.valued carry a value for whoever recomputes the ledger. */
import { type Codec, CodecError } from '../../schemas/codec.ts';
import type { PaymentValued } from '../../schemas/events.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { unkeepable } from '../accumulate/wiring.ts';
import type { LogRecord } from '../runtime/log-record.ts';

/** What cannot be decoded or kept, and what stands under another's key, is in quarantine and carries no value. */
export function readableValue(
  codec: Codec,
  record: Pick<LogRecord, 'key' | 'value'>,
): PaymentValued | undefined {
  if (record.value === null) return undefined;
  try {
    const value = codec.decode(TOPIC.valued, record.value);
    return unkeepable(value) === undefined && record.key === value.payment.client_id ? value : undefined;
  } catch (error) {
    if (error instanceof CodecError) return undefined;
    throw error;
  }
}
