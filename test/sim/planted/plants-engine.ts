/** Faults of the engine: positions, leases, outbox, journal. */
import type { Plant } from './plant.ts';

const STATEFUL_WIRING = 'processors/accumulate/wiring.ts';

export const ENGINE_PLANTS: readonly Plant[] = [
  {
    name: 'output lost, offset committed',
    from: 'H2, 56',
    text: 'a batch that could not be published is logged and committed',
    edits: [
      {
        file: 'processors/convert/wiring.ts',
        find: 'await deps.publisher.publish(out);',
        replace: 'await deps.publisher.publish(out).catch(() => undefined);',
      },
    ],
  },
  {
    name: 'a new group starts at the end',
    from: 'H1, engine.md',
    text: 'without a committed offset only what comes from now on is read',
    edits: [
      {
        file: 'processors/runtime/stateless.ts',
        find: '?? log.start;',
        replace: '?? log.end;',
      },
    ],
  },
  {
    name: 'offset stored apart',
    from: 'D1',
    text: 'the position moves in a transaction of its own, before the batch',
    edits: [
      {
        file: STATEFUL_WIRING,
        find: '      if (!(await advancePosition(tx, position, work.now))) throw new FenceMissed();\n',
        replace: '',
      },
      {
        file: STATEFUL_WIRING,
        find: '    const results = await deps.db.transaction(async (tx) => {',
        replace: `    if (!(await advancePosition(deps.db, position, deps.clock.now()))) throw new FenceMissed();
    const results = await deps.db.transaction(async (tx) => {`,
      },
    ],
  },
  {
    name: 'fence without epoch and position',
    from: 'D2, 43',
    text: 'an owner that lost its partition commits all the same',
    edits: [
      {
        file: 'ledger/sql/position-advance.ts',
        find: 'AND part = $3::int AND epoch = $4::bigint AND next_offset = $5::bigint',
        replace: 'AND part = $3::int AND $4::bigint > 0 AND $5::bigint >= 0',
      },
    ],
  },
  {
    name: 'lease not checked',
    from: '43, engine.md, intents',
    text: 'a worker whose lease went to another writes its result all the same',
    edits: [
      {
        file: 'ledger/sql/intent-check.ts',
        find: "AND lease_token = $2 AND state = 'leased'",
        replace: 'AND $2::text IS NOT NULL',
      },
      {
        file: 'ledger/sql/intent-settle.ts',
        find: "WHERE key = $1 AND lease_token = $2 AND state = 'leased'",
        replace: 'WHERE key = $1 AND $2::text IS NOT NULL',
      },
    ],
  },
  {
    name: 'outbox deleted by cursor',
    from: 'H2, engine.md, publishing',
    text: 'the relay deletes everything up to the last row that it published',
    edits: [
      {
        file: 'ledger/sql/outbox-delete.ts',
        find: 'WHERE id = ANY($1::bigint[])',
        replace: 'WHERE id <= (SELECT max(x) FROM unnest($1::bigint[]) x)',
      },
    ],
  },
  {
    name: 'published out of order',
    from: 'D2, engine.md, publishing',
    text: 'the relay reads the newest rows of a key first',
    edits: [
      {
        file: 'ledger/sql/outbox-read.ts',
        find: 'ORDER BY r.id LIMIT $2',
        replace: 'ORDER BY r.id DESC LIMIT $2',
      },
    ],
  },
  {
    name: 'revision not raised',
    from: 'contracts.md, topics',
    text: 'a payout changes and its revision does not',
    edits: [
      {
        file: 'processors/swap/owner.ts',
        find: 'work.put(payoutBatches, { ...row, revision: row.revision + 1n,',
        replace: 'work.put(payoutBatches, { ...row, revision: row.revision,',
      },
    ],
  },
  {
    name: 'posting without a journal record',
    from: '22, D10',
    text: 'confirmed receipts are booked and not told to those who recompute the books',
    edits: [
      {
        file: 'processors/settle/transition-receipts.ts',
        find: 'receiptConfirmed(money(asset, total)), { partition });',
        replace: 'receiptConfirmed(money(asset, total)), { partition, journal: false });',
      },
    ],
  },
  {
    name: 'scan of deposits skips a block',
    from: 'engine.md, money.md 6',
    text: 'the cursor of the chain moves one block too far',
    edits: [
      {
        file: 'processors/hostpay/wiring-deposits.ts',
        find: 'const upTo = to >= from ? BigInt(to) : start;',
        replace: 'const upTo = to >= from ? BigInt(to) + 1n : start;',
      },
    ],
  },
  {
    name: 'second receipt expected in full',
    from: 'H21',
    text: 'the rest of a partial payment is looked for on chain with the amount of the whole',
    edits: [
      {
        file: 'processors/settle/transition-receipts.ts',
        find: 'const missing = row.incoming - row.confirmed;',
        replace: 'const missing = row.incoming;',
      },
    ],
  },
];
