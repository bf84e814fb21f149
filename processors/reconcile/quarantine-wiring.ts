/**
 * Copies the quarantine topic into its table, so that what gateway and convert park (they write no ledger) is listed
 * and redriven like everything else. What accumulate parked is there already.
 */
import type { Database } from '../../ledger/db.ts';
import { advancePosition, type Position } from '../../ledger/sql/position-advance.ts';
import { writeRows } from '../../ledger/sql/write-rows.ts';
import { type QuarantinedRow, quarantined } from '../../ledger/tables.ts';
import type { Codec } from '../../schemas/codec.ts';
import { TOPIC } from '../../schemas/topology.ts';
import type { Clock } from '../runtime/clock.ts';
import { failPoint } from '../runtime/fail-point.ts';
import type { Batch, LogRecord } from '../runtime/log-record.ts';
import type { Log } from '../runtime/logger.ts';
import type { StatefulHandler } from '../runtime/stateful.ts';
import { FenceMissed } from '../runtime/takeover.ts';

export interface QuarantineDeps {
  readonly db: Database;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly log: Log;
  readonly learnSchemas: (values: readonly (Buffer | null)[]) => Promise<void>;
}

export function quarantineHandler(deps: QuarantineDeps): StatefulHandler {
  const apply = async (batch: Batch, position: Position, skip?: LogRecord): Promise<void> => {
    await deps.learnSchemas(batch.records.map((record) => record.value));
    const rows = batch.records.filter((record) => record !== skip).flatMap((record) => rowOf(deps, record));
    await deps.db.transaction(async (tx) => {
      if (!(await advancePosition(tx, position, deps.clock.now()))) throw new FenceMissed();
      const distinct = new Map(rows.map((row) => [row.event_id, row]));
      if (distinct.size > 0) await writeRows(tx, quarantined, [...distinct.values()], 'ignore');
      failPoint('quarantine.written');
    });
  };
  return {
    apply: (batch, position) => apply(batch, position),
    quarantine: async (record, error, position, batch) => {
      // There is nowhere further to park it: it stays in the topic, and the log says where.
      deps.log.error({ err: error, offset: `${record.offset}` }, 'a quarantine record cannot be listed');
      await apply({ ...batch, records: [record] }, position, record);
    },
  };
}

function rowOf(deps: QuarantineDeps, record: LogRecord): QuarantinedRow[] {
  try {
    const { partition, offset, occurred_at, ...same } = deps.codec.decode(
      TOPIC.quarantine,
      record.value ?? Buffer.alloc(0),
    );
    return [
      {
        ...same,
        part: partition,
        source_offset: offset,
        signature_form: record.headers['signature-form'] ?? null,
        at: occurred_at,
        redriven_at: null,
      },
    ];
  } catch (error) {
    deps.log.error({ err: error, offset: `${record.offset}` }, 'a quarantine record cannot be decoded');
    return [];
  }
}
