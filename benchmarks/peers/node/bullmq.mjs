// usage: bullmq.mjs REDIS_PORT S3 JOBS
// As https://docs.bullmq.io/guide/workers/concurrency has it for work that waits: one worker, a
// high concurrency. Finished jobs are removed, as ours are.
import { Queue, Worker } from 'bullmq';
import { counter, deleter, keyOf, report } from './deleting.mjs';

const [port, endpoint, count] = process.argv.slice(2);
const jobs = Number(count);
const concurrency = Number(process.env.CONCURRENCY ?? 500);
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null };
const name = `erase-${process.pid}`;
const store = deleter(endpoint, concurrency);

const queue = new Queue(name, { connection });
for (let first = 0; first < jobs; first += 5000) {
  const keys = Array.from({ length: Math.min(5000, jobs - first) }, (_, i) => keyOf(first + i));
  await queue.addBulk(keys.map((key) => ({ name: 'erase', data: { key },
                                           opts: { removeOnComplete: true } })));
}

const counted = counter(jobs);
const worker = new Worker(name, (job) => store.one(job.data.key),
                          { connection, concurrency, autorun: false });
worker.on('completed', () => counted.done());
worker.on('failed', (_, failure) => { throw failure; });
counted.start();
worker.run();
report(jobs, await counted.finished);
await worker.close();
await queue.obliterate({ force: true });
await queue.close();
process.exit(0);
