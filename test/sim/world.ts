/** Everything that one simulation has: time, chance, ledger, log, the outside, and the codec. */
import { pino } from 'pino';
import type { LogRecord } from '../../processors/runtime/log-record.ts';
import { type Codec, createCodec } from '../../schemas/codec.ts';
import { TOPIC_NAMES, type TopicName } from '../../schemas/topology.ts';
import { type Fate, PgliteDatabase, type WarmPglite } from './database.ts';
import type { Engine } from './engine.ts';
import { SimLog } from './log.ts';
import { SimChain } from './providers/chain.ts';
import { Market } from './providers/market.ts';
import { SimNowPayments } from './providers/nowpayments.ts';
import { SimSwap } from './providers/swap.ts';
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

export interface World {
  readonly engine: Engine;
  readonly db: PgliteDatabase;
  /** Without turns and faults: for setting up and for the auditor, between two steps. */
  readonly plain: PgliteDatabase;
  readonly log: SimLog;
  readonly chain: SimChain;
  readonly market: Market;
  readonly swap: SimSwap;
  readonly nowpayments: SimNowPayments;
  readonly workload: Workload;
}

export function createWorld(engine: Engine, warm: WarmPglite): World {
  const { random, faults } = engine;
  const fate = (): Fate => {
    if (faults.strikes('crash-inside')) return { kind: 'crash', at: random.int(0, CRASH_STATEMENTS) };
    if (faults.strikes('commit-unknown')) return { kind: 'unknown', ran: random.chance(0.5) };
    return { kind: 'good' };
  };
  const db = new PgliteDatabase(warm, {
    step: (label) => engine.turn(label),
    fate,
    crash: () => engine.crashHere('inside a transaction'),
  });
  const chain = new SimChain(engine, SETTINGS.HOST_WALLET_ADDRESS, SETTINGS.USDT_CONTRACT);
  const market = new Market(engine);
  const nowpayments = new SimNowPayments(engine, chain, SETTINGS.HOST_WALLET_ADDRESS);
  const workload = inventWorkload(random, faults);
  for (const { script } of workload.payments) nowpayments.add(script);
  return {
    engine,
    db,
    plain: new PgliteDatabase(warm),
    log: new SimLog(engine),
    chain,
    market,
    swap: new SimSwap(engine, chain, market),
    nowpayments,
    workload,
  };
}

/** What was decoded from a record, for the auditor. */
export function decoded<T extends TopicName>(topic: T, record: LogRecord) {
  return CODEC.decode(topic, record.value!);
}
