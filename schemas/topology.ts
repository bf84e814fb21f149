/**
 * The topology, declared once: topics with keys, partitions and retention, processors with what they read and
 * write. No topic name is spelled anywhere else; manifests, dashboards and diagrams are generated from here.
 */

const DAY_MS = 24 * 60 * 60 * 1000;

export interface TopicSpec {
  /** What the record key is; keys are UTF-8 decimal text unless the comment says otherwise. */
  readonly key: 'client id' | 'conversion id' | 'client id or account' | 'original key';
  readonly partitions: number;
  /** Milliseconds; -1 = for ever. */
  readonly retentionMs: number;
  readonly cleanup: 'delete' | 'compact';
  readonly about: string;
}

const PARTITIONS = 12;

export const TOPICS = {
  'payments.received': {
    key: 'client id',
    partitions: PARTITIONS,
    retentionMs: 30 * DAY_MS,
    cleanup: 'delete',
    about: 'authentic IPNs, every status, with the digest of the raw bytes',
  },
  'payments.valued': {
    key: 'client id',
    partitions: PARTITIONS,
    retentionMs: -1,
    cleanup: 'delete',
    about: 'a proposal: strategy, asset, gross, fee, net, rate',
  },
  'payments.credited': {
    key: 'client id',
    partitions: PARTITIONS,
    retentionMs: -1,
    cleanup: 'delete',
    about: 'what the ledger booked: entry number, total, threshold',
  },
  payouts: {
    key: 'client id',
    partitions: PARTITIONS,
    retentionMs: -1,
    cleanup: 'delete',
    about: 'the payout after each step, with a rising revision',
  },
  conversions: {
    key: 'conversion id',
    partitions: 1,
    retentionMs: -1,
    cleanup: 'delete',
    about: 'the treasury swap after each step',
  },
  journal: {
    key: 'client id or account',
    partitions: PARTITIONS,
    retentionMs: -1,
    cleanup: 'delete',
    about: 'posting sets that payments.valued does not imply',
  },
  clients: {
    key: 'client id',
    partitions: PARTITIONS,
    retentionMs: -1,
    cleanup: 'compact',
    about: 'current payout policy, no personal data',
  },
  quarantine: {
    key: 'original key',
    partitions: PARTITIONS,
    retentionMs: 90 * DAY_MS,
    cleanup: 'delete',
    about: 'records that could not be processed: original bytes and the reason',
  },
} as const satisfies Record<string, TopicSpec>;

export type TopicName = keyof typeof TOPICS;
export const TOPIC_NAMES = Object.keys(TOPICS) as TopicName[];

/** Short handles, so that no other file spells a topic name. */
export const TOPIC = {
  received: 'payments.received',
  valued: 'payments.valued',
  credited: 'payments.credited',
  payouts: 'payouts',
  conversions: 'conversions',
  journal: 'journal',
  clients: 'clients',
  quarantine: 'quarantine',
} as const satisfies Record<string, TopicName>;

export interface ProcessorSpec {
  readonly role: RoleName;
  readonly reads: readonly TopicName[];
  readonly writes: readonly TopicName[];
  /** Kinds of intents that it performs. */
  readonly intents: readonly string[];
  /** Whether it talks to providers or the chain (egress). */
  readonly callsOut: boolean;
  /** p99 budget of one step in milliseconds: a record or a due intent, without the outside call. */
  readonly latencyBudgetMs: number;
  readonly about: string;
}

export const ROLE_NAMES = [
  'gateway',
  'convert',
  'accumulate',
  'settle',
  'payout',
  'relay',
  'reconcile',
] as const;
export type RoleName = (typeof ROLE_NAMES)[number];

/** In the order that money takes. */
export const PROCESSORS: Readonly<Record<string, ProcessorSpec>> = {
  gateway: {
    role: 'gateway',
    reads: [],
    writes: [TOPIC.received, TOPIC.quarantine],
    intents: [],
    callsOut: false,
    latencyBudgetMs: 20,
    about: 'authenticates and parses an IPN, makes it durable, answers',
  },
  convert: {
    role: 'convert',
    reads: [TOPIC.received],
    writes: [TOPIC.valued, TOPIC.quarantine],
    intents: [],
    callsOut: false,
    latencyBudgetMs: 10,
    about: 'strategy, value from what was received, fee, locked rate',
  },
  accumulate: {
    role: 'accumulate',
    reads: [TOPIC.valued],
    // To received and valued go parked records that find their cause gone.
    writes: [TOPIC.credited, TOPIC.payouts, TOPIC.journal, TOPIC.quarantine, TOPIC.received, TOPIC.valued],
    intents: ['sweep', 'cure'],
    callsOut: false,
    latencyBudgetMs: 20,
    about: 'one credit per payment, per-client total, threshold, payout',
  },
  settle: {
    role: 'settle',
    reads: [],
    writes: [TOPIC.conversions, TOPIC.journal, TOPIC.valued],
    intents: ['rates', 'limits', 'receipts', 'partial', 'treasury', 'conversion'],
    callsOut: true,
    latencyBudgetMs: 1000,
    about: 'rates, receipts, and the swap of ETH behind locked credits to USDT',
  },
  split: {
    role: 'payout',
    reads: [],
    writes: [TOPIC.payouts, TOPIC.journal],
    intents: ['payout'],
    callsOut: true,
    latencyBudgetMs: 1000,
    about: 'one payout -> one swap order, or a direct transfer',
  },
  hostpay: {
    role: 'payout',
    reads: [],
    writes: [TOPIC.payouts, TOPIC.conversions, TOPIC.journal],
    intents: ['transfer', 'deposits'],
    callsOut: true,
    latencyBudgetMs: 1000,
    about: 'nonce, sign, store, broadcast, follow to finality',
  },
  relay: {
    role: 'relay',
    reads: [],
    writes: [
      TOPIC.received,
      TOPIC.valued,
      TOPIC.credited,
      TOPIC.payouts,
      TOPIC.conversions,
      TOPIC.journal,
      TOPIC.clients,
      TOPIC.quarantine,
    ],
    intents: [],
    callsOut: false,
    latencyBudgetMs: 20,
    about: 'publishes committed outbox rows in order per key',
  },
  reconcile: {
    role: 'reconcile',
    reads: [TOPIC.quarantine],
    writes: [TOPIC.received],
    intents: ['reconcile', 'missed'],
    callsOut: true,
    latencyBudgetMs: 10_000,
    about: 'ledger against itself, topics, providers and chain; webhooks that never came',
  },
};

/** Partitions of everything keyed by client; also the number of partition-wise account rows. */
export const CLIENT_PARTITIONS = PARTITIONS;
