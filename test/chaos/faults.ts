/** Faults other than a kill at a named line: frozen owners that come back, and servers killed under load. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FailPoint } from '../../processors/runtime/fail-point.ts';
import type { RoleName } from '../../schemas/topology.ts';
import { eventually, intentKindsOf, type Stage } from './stage.ts';
import type { Tally } from './tally.ts';

const LIMIT_MS = 120_000;

/** How one role is seen to be replaced while it is frozen, and to be refused when it comes back. */
interface Zombie {
  readonly role: RoleName;
  readonly points: readonly FailPoint[];
  /** In the log of the second process: it has what the frozen one had. */
  readonly takenOver: string | null;
  /** In the log of the woken process: what it does late is refused. Null: it repeats, which event ids absorb. */
  readonly refused: string | null;
}

const CONSUMED = 'took over 12 partitions of';
const FENCED = 'batch abandoned: fenced';
const LEASE_LOST = 'the lease was lost';

export const ZOMBIES: readonly Zombie[] = [
  { role: 'accumulate', points: ['batch.before_claim'], takenOver: CONSUMED, refused: FENCED },
  {
    role: 'accumulate',
    points: ['accumulate.locked', 'accumulate.written'],
    takenOver: CONSUMED,
    // PostgreSQL has ended its transaction meanwhile; the batch is then the other's.
    refused: 'a database connection broke',
  },
  { role: 'reconcile', points: ['batch.before_claim'], takenOver: CONSUMED, refused: FENCED },
  { role: 'convert', points: ['convert.before_publish'], takenOver: CONSUMED, refused: null },
  {
    role: 'payout',
    points: ['intent.before_call', 'intent.called', 'order.marked', 'order.created', 'transfer.broadcast'],
    takenOver: null,
    refused: LEASE_LOST,
  },
  { role: 'settle', points: ['intent.before_call', 'intent.called'], takenOver: null, refused: LEASE_LOST },
  { role: 'relay', points: ['relay.read', 'relay.published'], takenOver: 'relay owns 4 more', refused: null },
];

/**
 * Freezes a role at a point, lets another process take over what it held, wakes it, and waits until it was refused.
 * @throws with the role, the point and what was waited for
 */
export async function zombie(
  stage: Stage,
  tally: Tally,
  { role, takenOver, refused }: Zombie,
  point: FailPoint,
): Promise<void> {
  const { stack, killers } = stage;
  const killer = killers[role];
  const at = `${role} frozen at ${point}`;
  killer.freezeAt(point);
  await eventually(`${at}: it gets there`, () => killer.isFrozen, LIMIT_MS);
  const held = takenOver === null ? await leasesOf(stage, role) : [];
  const second = `${role}-second`;
  const started = performance.now();
  await stack.launchSecond(role, second);
  await eventually(
    `${at}: another process takes over`,
    () =>
      takenOver === null
        ? leasesEnded(stage, held)
        : readFileSync(join(stage.logs, `${second}.log`), 'utf8').includes(takenOver),
    LIMIT_MS,
  );
  tally.recovered(`${role} frozen, taken over`, performance.now() - started);
  stack.kill(role, 'SIGCONT');
  if (refused !== null) {
    await eventually(`${at}: what it does late is refused`, () => killer.saysNow(refused), LIMIT_MS);
  }
  tally.fault(`${role} frozen past its time and woken`);
  await eventually(`${at}: it works again`, () => stack.service(role).status === 'ready', LIMIT_MS);
  await stack.stopService(second);
  killer.thawed();
}

interface Lease {
  readonly key: string;
  readonly token: string;
}

function leasesOf({ world }: Stage, role: RoleName): Promise<Lease[]> {
  return world.db.query<Lease>(
    `SELECT key, lease_token AS token FROM intents WHERE state = 'leased' AND kind = ANY($1::text[])`,
    [`{${intentKindsOf(role).join(',')}}`],
  );
}

async function leasesEnded({ world }: Stage, held: readonly Lease[]): Promise<boolean> {
  const rows = await world.db.query<Lease>(
    `SELECT key, lease_token AS token FROM intents WHERE state = 'leased' AND key = ANY($1::text[])`,
    [held.map(({ key }) => key)],
  );
  return !rows.some(({ key, token }) => held.some((lease) => lease.key === key && lease.token === token));
}

/**
 * kill -9 of the broker or of PostgreSQL (its postmaster) under load, while roles are killed; returns when payments are
 * credited again.
 */
export async function killServer(stage: Stage, tally: Tally, server: 'kafka' | 'postgres'): Promise<void> {
  const { stack } = stage;
  const killing = Object.values(stage.killers).filter((killer) => killer.isKilling);
  const before = stack.service(server).restarts;
  const started = performance.now();
  stack.kill(server, 'SIGKILL');
  await eventually(
    `${server} is back after kill -9`,
    () => stack.service(server).restarts > before && stack.service(server).status === 'ready',
    LIMIT_MS,
  );
  // Who dies on the way of every payment keeps a slow machine from crediting any: that it goes on is asked of the living.
  for (const killer of killing) killer.pause();
  const credited = await eventually(
    `the ledger answers after kill -9 of ${server}`,
    () => credits(stage),
    LIMIT_MS,
  );
  await eventually(
    `payments are credited again after kill -9 of ${server}`,
    async () => ((await credits(stage)) ?? 0) > credited,
    LIMIT_MS,
  );
  for (const killer of killing) killer.begin();
  tally.fault(`${server} killed -9`);
  tally.recovered(`${server} killed -9`, performance.now() - started);
}

async function credits({ world }: Stage): Promise<number | null> {
  try {
    const [row] = await world.db.query<{ n: number }>(
      'SELECT count(*)::int + 1 AS n FROM payout_accumulation',
    );
    return row!.n;
  } catch {
    return null;
  }
}
