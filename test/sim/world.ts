/** Everything that one simulation has: time, chance, ledger, log, the outside, and the codec. */
import { pino } from 'pino';
import type { Registry } from 'prom-client';
import { ConnectionLostError } from '../../ledger/db-errors.ts';
import type { LogRecord } from '../../processors/runtime/log-record.ts';
import { type Codec, createCodec } from '../../schemas/codec.ts';
import { TOPIC, TOPIC_NAMES, type TopicName } from '../../schemas/topology.ts';
import { Watch } from './audit/watch.ts';
import { StepsWatch } from './audit/watch-steps.ts';
import { type Credit, ThresholdsWatch } from './audit/watch-thresholds.ts';
import { type Proposal, ValuesWatch } from './audit/watch-values.ts';
import { bellsOf } from './bells.ts';
import { Clocks } from './clocks.ts';
import { coverWrites } from './coverage-writes.ts';
import { type Committed, type Fate, PgliteDatabase, type WarmPglite } from './database.ts';
import type { Engine } from './engine.ts';
import { IntentTimes } from './intent-times.ts';
import { Links } from './links.ts';
import { SimLog } from './log.ts';
import { SimChain } from './providers/chain.ts';
import { Market } from './providers/market.ts';
import { SimNowPayments } from './providers/nowpayments.ts';
import { SimSwap } from './providers/swap.ts';
import type { Random } from './random.ts';
import { SETTINGS } from './settings.ts';
import { inventWorkload, type Workload } from './workload.ts';

const IDS = Object.fromEntries(TOPIC_NAMES.map((topic, index) => [topic, index + 1])) as Record<
  TopicName,
  number
>;

/** Built once: compiling the schemas takes longer than a short simulation. */
export const CODEC: Codec = createCodec(IDS);
export const SILENT = pino({ level: 'silent' });

/** Statements after which a transaction may be cut off. */
const CRASH_STATEMENTS = 12;
/** Deadlock, serialization failure, lock timeout, statement timeout, too many connections, shutdown. */
const REFUSALS = ['40P01', '40001', '55P03', '57014', '53300', '57P01'] as const;
/** How long a process waits for a server that does not answer. */
const UNREACHABLE_MS = [50, 5_000] as const;

export interface World {
  readonly engine: Engine;
  readonly db: PgliteDatabase;
  /** Without turns and faults: for setting up and for the auditor, between two steps. */
  readonly plain: PgliteDatabase;
  readonly log: SimLog;
  readonly links: Links;
  /** What each process takes for the time. */
  readonly clocks: Clocks;
  readonly chain: SimChain;
  readonly market: Market;
  readonly swap: SimSwap;
  readonly nowpayments: SimNowPayments;
  readonly workload: Workload;
  /** What must hold at every step. */
  readonly watch: Watch;
  readonly intents: IntentTimes;
  /** One per consumer that was ever started: how its inputs ended. */
  readonly counters: Registry[];
}

export function createWorld(engine: Engine, warm: WarmPglite): World {
  const { random, faults } = engine;
  const [links, clocks] = [new Links(faults), new Clocks(engine)];
  const fate = (): Fate => {
    if (links.of(engine.runs ?? '', 'database') === 'answer') return { kind: 'unknown', ran: true };
    if (faults.strikes('crash-inside')) return { kind: 'crash', at: random.int(0, CRASH_STATEMENTS) };
    if (faults.strikes('commit-unknown')) return { kind: 'unknown', ran: random.chance(0.5) };
    if (faults.strikes('sql-refused')) return refused(faults.chanceOf('sql-refused'));
    if (faults.strikes('sql-lost')) return { kind: 'lost', at: random.int(0, CRASH_STATEMENTS) };
    return { kind: 'good' };
  };
  const steps = new StepsWatch({
    query: (text, values) => warm.session.query(text, values),
    isFinal: (hash) => chain.isFinal(hash),
    isSwapped: (payoutId, hash) => swap.hasPaid(payoutId, hash),
  });
  const values = new ValuesWatch({
    hasBrought: (paymentId, asset, amount) =>
      workload.payments.find(({ script }) => script.id === paymentId)?.fate !== 'none' &&
      nowpayments.hasTold(paymentId, asset, amount),
    isGenuine: (id, value) =>
      nowpayments.hasSigned(id) || CODEC.decode(TOPIC.received, value).source === 'reconcile',
    proposalOf,
  });
  const watch = new Watch((error) => engine.fail(error), steps, values, new ThresholdsWatch(creditOf));
  const intents = new IntentTimes();
  const committed = (statements: readonly Committed[]): void => {
    coverWrites(engine.coverage, statements);
    watch.committed(statements);
    intents.committed(statements);
    for (const bell of bellsOf(statements)) engine.ring(bell);
  };
  const db = new PgliteDatabase(warm, {
    step: (label) => stepTo(engine, links, label),
    fate,
    crash: () => engine.crashHere('inside a transaction'),
    committed,
  });
  const chain = new SimChain(engine, SETTINGS.HOST_WALLET_ADDRESS);
  const market = new Market(engine);
  const swap = new SimSwap(engine, chain, market);
  const nowpayments = new SimNowPayments(engine, chain, SETTINGS.HOST_WALLET_ADDRESS);
  const workload = inventWorkload(random, faults);
  for (const { script } of workload.payments) nowpayments.add(script);
  return {
    engine,
    db,
    plain: new PgliteDatabase(warm, { committed }),
    log: new SimLog(engine, links, watch),
    links,
    clocks,
    chain,
    market,
    swap,
    nowpayments,
    workload,
    watch,
    intents,
    counters: [],
  };
}

/** A step at the database, unless it cannot be reached. @throws ConnectionLostError after a while */
async function stepTo(engine: Engine, links: Links, label: string): Promise<void> {
  await engine.turn(label);
  if (links.of(engine.runs ?? '', 'database') !== 'question') return;
  await engine.turn('no database', engine.random.int(...UNREACHABLE_MS));
  throw new ConnectionLostError(new Error('simulated: not reached'));
}

function refused(random: Random): Fate {
  const code = random.pick(REFUSALS);
  return { kind: 'refused', at: random.int(0, CRASH_STATEMENTS), code, times: random.int(1, 6) };
}

function proposalOf(value: Buffer): Proposal | undefined {
  const { kind, payment, occurred_at, rate_id } = CODEC.decode(TOPIC.valued, value);
  return kind === 'valued' ? { paymentId: payment.payment_id, at: occurred_at, rateId: rate_id } : undefined;
}

function creditOf(bytes: Buffer): Credit {
  const { client_id, seq, available, threshold_usd, payout_id } = CODEC.decode(TOPIC.credited, bytes);
  const { asset, minor } = available;
  const hasPayout = payout_id !== null;
  return { clientId: client_id, seq, asset, available: minor, threshold: threshold_usd, hasPayout };
}

/** What was decoded from a record, for the auditor. @throws CodecError */
export function decoded<T extends TopicName>(topic: T, record: LogRecord) {
  return CODEC.decode(topic, record.value!);
}
