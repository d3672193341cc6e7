// usage: graphile.mjs DATABASE S3 JOBS
// As https://worker.graphile.org/docs/performance has it: a local queue, completion in batches,
// and one job for each object. The clock runs from the start of the worker until the last job is
// no longer in its table.
import { makeWorkerUtils, run, Logger } from 'graphile-worker';
import pg from 'pg';
import { deleter, keyOf, report } from './deleting.mjs';

const [database, endpoint, count] = process.argv.slice(2);
const jobs = Number(count);
const concurrency = Number(process.env.CONCURRENCY ?? 1000);
const store = deleter(endpoint, concurrency);
const quiet = new Logger(() => () => {});

const pool = new pg.Pool({ connectionString: database, max: 20 });
const utils = await makeWorkerUtils({ pgPool: pool, logger: quiet });
await utils.migrate();
for (let first = 0; first < jobs; first += 5000) {
  const keys = Array.from({ length: Math.min(5000, jobs - first) }, (_, i) => keyOf(first + i));
  await utils.addJobs(keys.map((key) => ({ identifier: 'erase', payload: { key } })));
}
await pool.query('VACUUM ANALYZE graphile_worker._private_jobs');

const begun = process.hrtime.bigint();
const runner = await run({
  pgPool: pool,
  logger: quiet,
  taskList: { erase: (payload) => store.one(payload.key) },
  noHandleSignals: true,
  preset: { worker: {
    concurrentJobs: concurrency,
    localQueue: { size: concurrency + 1 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  } },
});
for (;;) {
  const left = await pool.query('SELECT EXISTS (SELECT FROM graphile_worker._private_jobs) AS more');
  if (!left.rows[0].more) break;
  await new Promise((resolve) => { setTimeout(resolve, 10); });
}
report(jobs, Number(process.hrtime.bigint() - begun) / 1e9);
await runner.stop();
await utils.release();
await pool.end();
process.exit(0);
