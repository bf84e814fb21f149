/** A worker process: runs the jobs that its parent sends, one after the other, and ends with it. */
import { type Job, Local } from './runners.ts';

const local = new Local();

process.on('message', async (job: Job) => {
  process.send!(await local.run(job));
});
process.on('disconnect', () => process.exit(0));
