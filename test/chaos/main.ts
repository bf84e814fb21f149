/**
 * The chaos run as a program of its own: it owns the stack, and stops it in order when it is done, when it fails, on
 * Ctrl-C, and when whoever started it is gone. `--result FILE` writes what a test looks at, `--report FILE` the page.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { reportOf } from './report.ts';
import { resultFileOf } from './result-file.ts';
import { runChaos } from './run.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    kills: { type: 'string', default: '0' },
    seed: { type: 'string' },
    result: { type: 'string' },
    report: { type: 'string' },
    remarks: { type: 'string', default: '' },
  },
});
const stopping = new AbortController();
const stop = (): void => stopping.abort(new Error('stopped before its end'));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
process.on('disconnect', stop);

const seed = values.seed ?? String(Date.now() % 1_000_000);
const minutes = values.minutes === undefined ? null : Number.parseInt(values.minutes, 10);
const kills = Number.parseInt(values.kills, 10);
console.log(`chaos, seed ${seed}`);
const result = await runChaos({
  minutes,
  kills,
  seed,
  print: (line) => console.log(line),
  signal: stopping.signal,
});
const { tally } = result;
if (values.result) writeFileSync(values.result, JSON.stringify(resultFileOf(result)));
if (minutes !== null) {
  const command = `./spillway test chaos --minutes ${minutes}${kills > 0 ? ` --kills ${kills}` : ''}`;
  const page = reportOf(result, command, values.remarks);
  if (values.report) writeFileSync(values.report, page);
  else console.log(page);
}
for (const exit of tally.exits) console.log(`ended by itself: ${exit}`);
for (const violation of tally.violations) console.log(`❌ ${violation}`);
console.log(
  `${tally.kills} kills at fail points (least ${tally.least}), ` +
    `${result.payments} payments, ${result.payoutsPaid} payouts, ${tally.rests} rests, ${tally.violations.length} violations`,
);
process.exit(tally.violations.length > 0 ? 1 : 0);
