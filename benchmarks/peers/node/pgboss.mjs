// usage: pgboss.mjs DATABASE S3 JOBS single|batch
// single: workers that take one job after another, as many as help. batch: what a careful user
// writes by hand with fetch() and complete(): 1,000 jobs at a time, deleted with DeleteObjects.
import { PgBoss } from 'pg-boss';
import pg from 'pg';
import { deleter, keyOf, report } from './deleting.mjs';

const [database, endpoint, count, how] = process.argv.slice(2);
const jobs = Number(count);
const loops = Number(process.env.LOOPS ?? (how === 'batch' ? 8 : 40));
const size = how === 'batch' ? Number(process.env.BATCH ?? 1000) : 1;
const store = deleter(endpoint, loops);

const boss = new PgBoss({ connectionString: database, max: loops, supervise: false,
                          schedule: false });
boss.on('error', (failure) => { throw failure; });
await boss.start();
await boss.createQueue('erase');
for (let first = 0; first < jobs; first += 5000) {
  const keys = Array.from({ length: Math.min(5000, jobs - first) }, (_, i) => keyOf(first + i));
  await boss.insert('erase', keys.map((key) => ({ data: { key } })));
}
const shell = new pg.Client({ connectionString: database });
await shell.connect();
await shell.query('VACUUM ANALYZE');
await shell.end();

let done = 0;
async function loop() {
  for (;;) {
    const found = await boss.fetch('erase', { batchSize: size });
    if (!found.length) return;
    const keys = found.map((job) => job.data.key);
    await (size === 1 ? store.one(keys[0]) : store.many(keys));
    await boss.complete('erase', found.map((job) => job.id));
    done += found.length;
  }
}

const begun = process.hrtime.bigint();
await Promise.all(Array.from({ length: loops }, loop));
const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
if (done !== jobs) throw new Error(`${done} of ${jobs} jobs were done`);
report(jobs, seconds);
await boss.stop({ graceful: false });
process.exit(0);
