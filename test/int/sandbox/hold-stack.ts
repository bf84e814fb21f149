/** A supervisor to be killed: starts PostgreSQL and the chain in the given home, says so, and stays. */
import { startStack } from '../../../sandbox/stack.ts';

const home = process.argv[2];
if (home === undefined) throw new Error('usage: hold-stack.ts HOME');
const stack = await startStack({ home, only: ['postgres', 'chain'] });
process.stdout.write(`${JSON.stringify(stack.services())}\n`);
