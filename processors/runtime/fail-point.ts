/**
 * Places where a process can be made to die, or to freeze, for tests: declared here, called by name in the code. Off,
 * a call is one comparison. Armed (setting FAIL_POINT, development chain only), the process says on standard error that
 * it has got there and sends itself SIGKILL or SIGSTOP at once: no handler, no flush, no answer.
 */
import { writeSync } from 'node:fs';
import type { RoleName } from '../../schemas/topology.ts';

interface Declared {
  /** Roles whose work passes here. */
  readonly roles: readonly RoleName[];
  /** What has happened just before, and what has not. */
  readonly after: string;
}

const WITH_POSITIONS = ['accumulate', 'reconcile'] as const;
const WITH_INTENTS = ['accumulate', 'settle', 'payout', 'reconcile'] as const;
const WITH_ORDERS = ['settle', 'payout'] as const;
const WITH_PARTS = ['convert', 'accumulate', 'settle', 'payout', 'relay', 'reconcile'] as const;

/** Each is called in exactly one place. */
export const FAIL_POINTS = {
  'gateway.before_publish': {
    roles: ['gateway'],
    after: 'a webhook is authentic and encoded; nothing was sent to the broker',
  },
  'gateway.published': {
    roles: ['gateway'],
    after: 'the record is acknowledged by the broker; the webhook has no answer yet',
  },
  'gateway.answered': { roles: ['gateway'], after: 'the 200 is out' },
  'gateway.drained': {
    roles: ['gateway'],
    after: 'every open webhook has its answer; the publisher is not closed',
  },
  'convert.before_publish': {
    roles: ['convert'],
    after: 'a batch is valued in memory; nothing is published',
  },
  'convert.published': {
    roles: ['convert'],
    after: 'the proposals are acknowledged; the Kafka offset is not committed',
  },
  'takeover.epoch_taken': {
    roles: WITH_POSITIONS,
    after: 'the epochs of the partitions are raised; nothing was read with them',
  },
  'batch.before_claim': {
    roles: WITH_POSITIONS,
    after: 'a batch is fetched; its transaction has not begun',
  },
  'accumulate.locked': {
    roles: ['accumulate'],
    after: 'the position is moved and the clients are locked, in an open transaction',
  },
  'accumulate.written': {
    roles: ['accumulate'],
    after: 'all rows of the batch are written; the transaction is not committed',
  },
  'quarantine.written': {
    roles: ['reconcile'],
    after: 'the rows of parked records are written; the transaction is not committed',
  },
  'batch.committed': {
    roles: WITH_POSITIONS,
    after: 'the transaction of a batch is committed; this process does not know it yet',
  },
  'batch.before_kafka_commit': {
    roles: WITH_POSITIONS,
    after: 'batches are committed in the ledger; the offsets for lag tools are not',
  },
  'relay.read': { roles: ['relay'], after: 'rows of the outbox are read; nothing is published' },
  'relay.published': {
    roles: ['relay'],
    after: 'the rows are acknowledged by the broker; they still stand in the outbox',
  },
  'relay.deleted': { roles: ['relay'], after: 'the published rows are deleted' },
  'intent.leased': { roles: WITH_INTENTS, after: 'the lease is committed; nothing is planned' },
  'intent.before_call': {
    roles: WITH_INTENTS,
    after: 'the plan is committed; the outside was not called',
  },
  'intent.called': {
    roles: WITH_INTENTS,
    after: 'the outside was called; what it said is not recorded',
  },
  'intent.recorded': { roles: WITH_INTENTS, after: 'the outcome is committed' },
  'order.marked': {
    roles: WITH_ORDERS,
    after: 'the swap order is stored as being made; the provider was not asked',
  },
  'order.created': {
    roles: WITH_ORDERS,
    after: 'the provider has made the order; its reply is not stored',
  },
  'transfer.nonce_drawn': {
    roles: ['payout'],
    after: 'a nonce is chosen under the lock of the wallet; nothing is signed',
  },
  'transfer.signed': { roles: ['payout'], after: 'signed bytes exist in memory only' },
  'transfer.stored': {
    roles: ['payout'],
    after: 'nonce and signed bytes are written; the transaction is not committed',
  },
  'transfer.before_broadcast': {
    roles: ['payout'],
    after: 'the signed bytes are committed; no node has them',
  },
  'transfer.broadcast': {
    roles: ['payout'],
    after: 'a node has taken the bytes; that is not recorded',
  },
  'drain.begun': {
    roles: ['gateway', ...WITH_PARTS],
    after: 'the drain has begun; nothing is stopped yet',
  },
  'drain.parts_stopped': {
    roles: WITH_PARTS,
    after: 'intake has ended and the work in hand is finished; connections are open',
  },
} as const satisfies Readonly<Record<string, Declared>>;

export type FailPoint = keyof typeof FAIL_POINTS;
export const FAIL_POINT_NAMES = Object.keys(FAIL_POINTS) as FailPoint[];

export type FailAction = 'kill' | 'stop';

export interface ArmedFailPoint {
  readonly point: FailPoint;
  /** At which pass, from 1. */
  readonly pass: number;
  readonly action: FailAction;
}

let armed: (ArmedFailPoint & { passes: number }) | null = null;

/** Ends or freezes the process here when this point is armed and this is the pass; otherwise does nothing. */
export function failPoint(point: FailPoint): void {
  if (armed === null || armed.point !== point) return;
  armed.passes += 1;
  if (armed.passes !== armed.pass) return;
  // Synchronous, so that whoever watches knows where it was.
  writeSync(2, `${markOf(armed)}\n`);
  process.kill(process.pid, armed.action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
}

/** The line on standard error by which a test knows that the process was there. */
export function markOf({ point, pass, action }: ArmedFailPoint): string {
  return `fail point ${point}: ${action} at pass ${pass}`;
}

/**
 * Arms one point in this process.
 * @param text value of FAIL_POINT: `name:pass` or `name:pass:stop`
 * @throws Error naming the setting when it is no point of this role, or not on the development chain
 */
export function armFailPoint(text: string | undefined, role: RoleName, chainId: number | undefined): void {
  armed = null;
  if (text === undefined) return;
  const wanted = readFailPoint(text);
  if (chainId !== DEVELOPMENT_CHAIN) {
    throw new Error(`FAIL_POINT is for tests: it needs EVM_CHAIN_ID=${DEVELOPMENT_CHAIN}; remove it here`);
  }
  if (!pointsOf(role).includes(wanted.point)) {
    throw new Error(`FAIL_POINT ${wanted.point} is no fail point of ${role}: ${pointsOf(role).join(', ')}`);
  }
  armed = { ...wanted, passes: 0 };
}

/** anvil's: real money is never there. */
const DEVELOPMENT_CHAIN = 31_337;

/** @throws Error naming the setting */
export function readFailPoint(text: string): ArmedFailPoint {
  const [point, pass = '', action = 'kill', ...rest] = text.split(':');
  const known = FAIL_POINT_NAMES.find((name) => name === point);
  const isWhole = /^[1-9]\d{0,5}$/.test(pass) && (action === 'kill' || action === 'stop');
  if (!known || !isWhole || rest.length > 0) {
    throw new Error(`FAIL_POINT is \`point:pass\` or \`point:pass:stop\` (docs/chaos.md), not ${text}`);
  }
  return { point: known, pass: Number.parseInt(pass, 10), action: action as FailAction };
}

export function pointsOf(role: RoleName): FailPoint[] {
  return FAIL_POINT_NAMES.filter((name) => (FAIL_POINTS[name].roles as readonly RoleName[]).includes(role));
}
