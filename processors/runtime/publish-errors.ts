/**
 * How publishing can end other than acknowledged. Each says what its caller may assume about the records.
 */

/** Not known in time. Records that were already sent may still become durable; the others are not sent any more. */
export class PublishTimeout extends Error {
  override name = 'PublishTimeout';
}

/** Too much is waiting; nothing of this call was or will be sent. */
export class QueueFull extends Error {
  override name = 'QueueFull';
}

/** One record alone is larger than a broker accepts; nothing of this call was or will be sent. */
export class RecordTooLarge extends Error {
  override name = 'RecordTooLarge';
}

/** The broker refuses for good (no permission, invalid record). Other records of the same call may be durable. */
export class PublishRefused extends Error {
  override name = 'PublishRefused';

  constructor(topic: string, cause: Error) {
    super(`the broker refuses records for topic ${topic}: ${cause.message}`, { cause });
  }
}

export class PublisherClosed extends Error {
  override name = 'PublisherClosed';
}

/** Broker answers that sending again will not change. An unknown topic is not one: it may be created meanwhile. */
const REFUSALS = new Set([
  'MESSAGE_TOO_LARGE',
  'INVALID_TOPIC_EXCEPTION',
  'RECORD_LIST_TOO_LARGE',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'POLICY_VIOLATION',
  'INVALID_RECORD',
]);

export function isRefusal(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('type' in at && typeof at.type === 'string' && REFUSALS.has(at.type)) return true;
  }
  return false;
}

/** The promise, or PublishTimeout after `ms`; the work itself goes on, its late failure is nobody's any more. */
export async function within<T>(work: Promise<T>, ms: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new PublishTimeout(message)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
