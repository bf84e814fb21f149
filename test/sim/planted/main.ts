/** `spillway test planted`, and in its short form a part of `spillway test sim`: exit 1 when a planted fault is not found. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { readBook, record } from './book.ts';
import { lookOften, lookOnce, SEEDS } from './look.ts';
import { PLANTS } from './plants.ts';

const { values } = parseArgs({
  options: {
    /** Each only until it is found, where it was last. */
    once: { type: 'boolean', default: false },
    plant: { type: 'string' },
    seeds: { type: 'string', default: String(SEEDS) },
    /** So many seeds that found a plant are enough. */
    hits: { type: 'string', default: '3' },
    /** Writes what was found to found.json and docs/planted-faults.md. */
    record: { type: 'boolean', default: false },
    workers: { type: 'string', default: String(availableParallelism()) },
  },
});
const plants = PLANTS.filter(({ name }) => values.plant === undefined || name === values.plant);
if (plants.length === 0) {
  const names = PLANTS.map(({ name }) => name).join(', ');
  console.error(`no planted fault is called ${JSON.stringify(values.plant)}; there are: ${names}`);
  process.exit(2);
}
const options = {
  plants,
  workers: Number.parseInt(values.workers, 10),
  print: (line: string): void => console.log(line),
};
const found = values.once
  ? await lookOnce(options, readBook())
  : await lookOften(options, {
      seeds: Number.parseInt(values.seeds, 10),
      hits: Number.parseInt(values.hits, 10),
      // At once: a long look that is broken off has written what it found.
      note: (name, sighting) => values.record && record({ [name]: sighting }),
    });
process.exitCode = found ? 0 : 1;
