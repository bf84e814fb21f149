/**
 * The intents `missed`, one per look: the payments that the provider lists as made in a span of time are compared with
 * ours, a page of rows per statement; what is news goes to payments.received through the outbox, in the transaction that
 * moves the look on. Where the list is refused, the payments that we know of and that are not over are asked for singly.
 */
import type { Db } from '../../ledger/db.ts';
import { openPayments } from '../../ledger/sql/open-payments.ts';
import { loadByKeys, lockClients, write } from '../../ledger/store.ts';
import { type MissedLookRow, missedLooks, missedWebhooks, paymentStatus } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import type { ListedPayment, NowPayments } from '../../providers/nowpayments/client.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { PaymentFacts } from '../../schemas/events.ts';
import { type OrderKeys, readOrderId } from '../../schemas/order-id.ts';
import type { CallOutcome, EffectKind } from '../runtime/intent-steps.ts';
import type { Next } from '../runtime/schedule.ts';
import { askSingly, type Question, readSpan, type Seen } from './missed-questions.ts';
import {
  feed,
  findMissed,
  missedId,
  PROVIDER,
  report,
  standing,
  type ToldPayment,
} from './transition-missed.ts';

export interface MissedDeps {
  readonly codec: Codec;
  readonly payments: Pick<NowPayments, 'payments' | 'payment'>;
  readonly orders: OrderKeys;
  /** Of each look, ms; the subject of an intent is the place in this list. */
  readonly ages: readonly number[];
  readonly warn: (message: string) => void;
  /** Told of everything that was found and fed. */
  readonly onMissed: (status: string) => void;
  /** Told how many payments were compared. */
  readonly onCompared: (count: number) => void;
  /** Milliseconds that only go forward; the machine's unless given. */
  readonly elapsed?: () => number;
}

const NOTHING = { payments: [], unreadable: [], seenTo: null, isRefused: false } as const;
/** One question is about no more than this, however long nobody asked. */
const SPAN_MS = 24 * 60 * 60_000;
/** Payments that are asked for singly in one go. */
const SINGLY = 100;
const AFTER_FAILURE_MS = 60_000;
const AFTER_FAILURE_MAX_MS = 60 * 60_000;
const PACE_MIN_MS = 1_000;
const PACE_MAX_MS = 10 * 60_000;

/** A look waits a tenth of its age for more to have come. */
function paceOf(ageMs: number): number {
  return Math.min(PACE_MAX_MS, Math.max(PACE_MIN_MS, Math.round(ageMs / 10)));
}

export function missedKind(deps: MissedDeps): EffectKind<Question, Seen> {
  const { elapsed = () => performance.now() } = deps;
  return {
    kind: 'missed',
    async plan(tx, intent, now) {
      const age = ageOf(deps, intent.subject);
      // Fewer looks than before, by the settings.
      if (age === undefined) return { next: { done: true } };
      const work = new Work(now);
      const row = await lookOf(tx, work, intent.subject);
      if (!row) return { next: await begin(tx, deps, work, intent.subject, age) };
      const due = new Date(Math.min(now.getTime() - age, row.seen_to.getTime() + SPAN_MS));
      if (due <= row.seen_to) return { next: { pollAt: later(row.seen_to, age + paceOf(age)) } };
      const from = { at: row.seen_to, client: row.after_client, payment: row.after_payment };
      const open = row.refused ? await openPayments(tx, from, due, SINGLY) : null;
      return {
        call: { from: row.seen_to, to: due, page: row.next_page, open, isFull: open?.length === SINGLY },
      };
    },
    perform: (question, signal) =>
      question.open === null
        ? readSpan(deps.payments, question, { signal, elapsed })
        : askSingly(deps.payments, question, question.open, { signal, elapsed }),
    isEffect: () => false,
    apply: (tx, intent, question, outcome, now) =>
      apply(tx, deps, intent.subject, question, outcome, new Work(now)),
  };
}

function ageOf(deps: MissedDeps, subject: string): number | undefined {
  return deps.ages[Number.parseInt(subject, 10)];
}

async function lookOf(tx: Db, work: Work, subject: string): Promise<MissedLookRow | undefined> {
  const [row] = await loadByKeys(tx, work, missedLooks, [{ look: subject }]);
  return row;
}

/**
 * What was made before the first start is not looked at: another system may have credited it, and of that this ledger
 * knows nothing.
 */
async function begin(tx: Db, deps: MissedDeps, work: Work, subject: string, age: number): Promise<Next> {
  const { now } = work;
  work.put(missedLooks, {
    look: Number.parseInt(subject, 10),
    age_ms: BigInt(age),
    seen_to: now,
    looked_at: null,
    error: null,
    refused: false,
    next_page: 0,
    after_client: null,
    after_payment: null,
  });
  await write(tx, work, deps.codec);
  return { pollAt: later(now, age + paceOf(age)) };
}

async function apply(
  tx: Db,
  deps: MissedDeps,
  subject: string,
  question: Question,
  outcome: CallOutcome<Seen>,
  work: Work,
): Promise<Next> {
  const seen: Seen =
    'ok' in outcome ? outcome.ok : { ...NOTHING, nextPage: question.page, failure: outcome.error };
  const age = ageOf(deps, subject)!;
  const row = await lookOf(tx, work, subject);
  if (!row) return { pollAt: 'soon' };
  await compare(tx, deps, work, seen);
  const { failure } = seen;
  const text = failure && `${failure.code}: ${failure.message}`.slice(0, 300);
  work.put(missedLooks, {
    ...moved(row, question, seen, work.now),
    age_ms: BigInt(age),
    error: errorOf(row, question, text),
  });
  await write(tx, work, deps.codec);
  if (text !== null) deps.warn(`missed webhooks, look ${subject}: ${text}`);
  return nextLook(seen, question, age, work.now);
}

/** Where a look stands after an answer. */
export function moved(
  row: MissedLookRow,
  question: Question,
  { seenTo, nextPage, isRefused }: Seen,
  now: Date,
): MissedLookRow {
  if (seenTo === null) {
    const looked_at = nextPage > row.next_page ? now : row.looked_at;
    return { ...row, next_page: nextPage, looked_at, refused: isRefused };
  }
  const isOver = seenTo.at >= question.to;
  return {
    ...row,
    seen_to: seenTo.at,
    next_page: 0,
    after_client: seenTo.client,
    after_payment: seenTo.payment,
    looked_at: now,
    // After a span without the list it is tried again: the login may have been given meanwhile.
    refused: isRefused && !isOver,
  };
}

/** A refusal stays said while payments are asked for singly: that finds only what some webhook told of before. */
function errorOf(row: MissedLookRow, question: Question, failure: string | null): string | null {
  return failure ?? (question.open === null ? null : row.error);
}

function nextLook({ failure, seenTo, isRefused }: Seen, question: Question, age: number, now: Date): Next {
  // Just refused: the other way is open at once.
  if (isRefused && question.open === null) return { pollAt: now };
  if (failure !== null) {
    const wishMs = Math.min(failure.retryAfterMs ?? 0, AFTER_FAILURE_MAX_MS);
    return { pollAt: later(now, Math.max(AFTER_FAILURE_MS, wishMs)) };
  }
  return { pollAt: seenTo && seenTo.at >= question.to ? later(now, paceOf(age)) : now };
}

/** Three statements for all rows: where they stand, what was fed before, the clients' locks before anything is written. */
async function compare(tx: Db, deps: MissedDeps, work: Work, seen: Seen): Promise<void> {
  const told = seen.payments.map((payment) => ({
    payment: toldOf(payment),
    order: readOrderId(payment.orderId ?? '', deps.orders),
  }));
  const keys = told.flatMap(({ payment, order }) =>
    'client' in order ? [{ client_id: order.client, provider: PROVIDER, payment_id: payment.paymentId }] : [],
  );
  await loadByKeys(tx, work, paymentStatus, keys);
  const missed: { readonly facts: PaymentFacts; readonly at: Date }[] = [];
  for (const { payment, order } of told) {
    const row = 'client' in order ? standing(work, order.client, payment.paymentId) : undefined;
    const finding = findMissed(payment, order, row);
    if (finding.is === 'missed') missed.push({ facts: finding.facts, at: payment.at });
    else report(work, payment, finding);
  }
  for (const text of seen.unreadable) work.discrepancy('missed_unreadable', `list:${PROVIDER}`, text);
  deps.onCompared(told.length);
  if (missed.length === 0) return;
  const ids = missed.map(({ facts }) => ({ client_id: facts.client_id, event_id: missedId(facts) }));
  await lockClients(tx, work, [...new Set(missed.map(({ facts }) => facts.client_id))].map(BigInt));
  await loadByKeys(tx, work, missedWebhooks, ids);
  for (const { facts, at } of missed) if (feed(work, facts, at)) deps.onMissed(facts.payment_status);
}

function toldOf(payment: ListedPayment): ToldPayment {
  return { ...payment, at: payment.updatedAt ?? payment.createdAt };
}

function later(at: Date, ms: number): Date {
  return new Date(at.getTime() + ms);
}
