/** What is asked of the payment provider to find missed webhooks: its list, or payments one by one; bounded in time. */
import type { OpenPayment } from '../../ledger/sql/open-payments.ts';
import type { ListedPayment, NowPayments } from '../../providers/nowpayments/client.ts';
import { toFailure } from '../runtime/intent-steps.ts';
import type { ProviderFailure } from '../runtime/schedule.ts';

export interface Question {
  readonly from: Date;
  readonly to: Date;
  /** The first page of the list that is asked for, from 0 on. */
  readonly page: number;
  /** Where the list is refused: payments of that span that are not over here. Null: the list is asked. */
  readonly open: readonly OpenPayment[] | null;
  /** There are more of them. */
  readonly isFull: boolean;
}

/** A time, and the last payment of it, where those of one time were not asked for all. */
export interface Reached {
  readonly at: Date;
  readonly client: bigint | null;
  readonly payment: string | null;
}

export interface Seen {
  readonly payments: readonly ListedPayment[];
  /** Rows that could not be read, and why. */
  readonly unreadable: readonly string[];
  /** Everything up to here was answered; null: nothing was. */
  readonly seenTo: Reached | null;
  /** Of the same span of the list, where that much was made at once that all pages read end in its first second; else 0. */
  readonly nextPage: number;
  /** Why it was not all. */
  readonly failure: ProviderFailure | null;
  /** The provider does not give this key its list. */
  readonly isRefused: boolean;
}

const PAGE = 250;
/** Pages of one question: more rows than one transaction should compare. */
const PAGES = 4;
/** No new request after this, so that what was answered is still applied under the lease. */
const ASKING_MS = 12_000;
const AT_ONCE = 8;
/** Whatever the provider means by the ends of a span: the next one overlaps. */
const OVERLAP_MS = 1_000;

/** When to stop asking. */
export interface Asking {
  readonly signal: AbortSignal;
  /** Milliseconds that only go forward. */
  readonly elapsed: () => number;
}

/**
 * Reads the list from the oldest on, as far as one go may. The list is sorted by the time of making, so that what is made
 * later moves no page of it.
 */
export async function readSpan(
  api: Pick<NowPayments, 'payments'>,
  { from, to, page: first }: Question,
  { signal, elapsed }: Asking,
): Promise<Seen> {
  const payments: ListedPayment[] = [];
  const unreadable: string[] = [];
  const until = elapsed() + ASKING_MS;
  let reached = from;
  let page = first;
  let failure: ProviderFailure | null = null;
  let isRefused = false;
  try {
    for (; page < first + PAGES && elapsed() < until && !signal.aborted; page += 1) {
      const asked = { from: new Date(from.getTime() - OVERLAP_MS), to, page, limit: PAGE };
      const answer = await api.payments(asked);
      payments.push(...answer.payments);
      unreadable.push(...answer.unreadable);
      const last = payments.at(-1)?.createdAt ?? from;
      reached = answer.isFull ? clamp(last, from, to) : to;
      if (!answer.isFull) break;
    }
    if (page === first && reached <= from) failure = noAnswer();
  } catch (error) {
    failure = toFailure(error);
    const { status } = error as { readonly status?: number };
    isRefused = status === 401 || status === 403;
  }
  const seenTo = reached > from ? { at: reached, client: null, payment: null } : null;
  return { payments, unreadable, seenTo, nextPage: seenTo || isRefused ? 0 : page, failure, isRefused };
}

/** Asks for each payment; the first failure ends the asking, an answer that makes no sense does not. */
export async function askSingly(
  api: Pick<NowPayments, 'payment'>,
  { to, isFull }: Question,
  open: readonly OpenPayment[],
  { signal, elapsed }: Asking,
): Promise<Seen> {
  const answers = new Map<OpenPayment, ListedPayment | null>();
  const unreadable: string[] = [];
  const queue = [...open];
  const until = elapsed() + ASKING_MS;
  let failure: ProviderFailure | null = null;
  const worker = async (): Promise<void> => {
    for (let one = queue.shift(); one; one = queue.shift()) {
      if (failure !== null || signal.aborted || elapsed() > until) return;
      try {
        const got = await api.payment(one.payment_id);
        answers.set(one, got && { ...got, createdAt: one.first_seen_at });
      } catch (error) {
        const problem = toFailure(error);
        if (problem.code !== 'malformed' && problem.kind !== 'permanent') failure = problem;
        else {
          answers.set(one, null);
          unreadable.push(problem.message);
        }
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const payments = [...answers.values()].filter((payment) => payment !== null);
  const seenTo = reachedOf(open, answers, isFull, to);
  return { payments, unreadable, seenTo, nextPage: 0, failure, isRefused: true };
}

/** Up to the first that has no answer. */
function reachedOf(
  open: readonly OpenPayment[],
  answers: ReadonlyMap<OpenPayment, unknown>,
  isFull: boolean,
  to: Date,
): Reached | null {
  const gap = open.findIndex((one) => !answers.has(one));
  if (gap < 0 && !isFull) return { at: to, client: null, payment: null };
  const last = open.at(gap < 0 ? -1 : gap - 1);
  if (gap === 0 || !last) return null;
  return { at: last.first_seen_at, client: last.client_id, payment: last.payment_id };
}

function clamp(at: Date, from: Date, to: Date): Date {
  return at < from ? from : at > to ? to : at;
}

function noAnswer(): ProviderFailure {
  return {
    kind: 'transient',
    code: 'no_progress',
    message: 'the time for asking was over before the first page',
  };
}
