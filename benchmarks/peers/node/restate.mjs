// usage: restate.mjs FOLDER INGRESS ADMIN NODE SERVICE S3 JOBS      (four ports)
// A service with one handler that deletes one object as a durable step, and JOBS one-way calls.
// They cannot be held back as a backlog, so the clock runs from the first call to the last
// deletion, and both go on side by side.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import * as restate from '@restatedev/restate-sdk';
import { counter, deleter, keyOf, report } from './deleting.mjs';

const [folder, ingress, admin, node, own, endpoint, count] = process.argv.slice(2);
const jobs = Number(count);
const concurrency = Number(process.env.CONCURRENCY ?? 500);
const store = deleter(endpoint, concurrency);
const counted = counter(jobs);

const erasing = restate.service({
  name: 'erasing',
  handlers: {
    erase: async (context, key) => {
      await context.run('erase', () => store.one(key).then(() => true));
      counted.done();
    },
  },
});
await restate.serve({ services: [erasing], port: Number(own) });

const require = createRequire(import.meta.url);
const program = require.resolve('@restatedev/restate-server-linux-x64/bin/restate-server');
const log = fs.openSync(`${folder}/log`, 'a');
const server = spawn(program, ['--base-dir', folder, '--node-name', 'bench'], {
  stdio: ['ignore', log, log],
  env: { ...process.env,
         RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
         RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
         RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
         RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}/`,
         RESTATE_LISTEN_MODE: 'tcp',
         RESTATE_WORKER__INVOKER__CONCURRENT_INVOCATIONS_LIMIT: String(concurrency),
         RESTATE_LOG_FILTER: 'warn',
         DO_NOT_TRACK: '1' },
});
process.on('exit', () => server.kill('SIGTERM'));

const agent = new http.Agent({ keepAlive: true, maxSockets: 128 });

function post(port, path, body) {
  return new Promise((resolve, reject) => {
    const sent = http.request({ hostname: '127.0.0.1', port, path, method: 'POST', agent,
                                headers: { 'content-type': 'application/json' } }, (answer) => {
      answer.resume();
      answer.on('end', () => (answer.statusCode < 300 ? resolve()
        : reject(new Error(`${path}: ${answer.statusCode}`))));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

async function eventually(what) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await what();
    } catch (failure) {
      if (tries === 300) throw failure;
      await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
  }
}

await eventually(() => post(admin, '/deployments', { uri: `http://127.0.0.1:${own}` }));
await eventually(() => post(ingress, '/erasing/erase/send', keyOf(0)).then(() => counted.done(0)));

let next = 1;
async function loop() {
  while (next < jobs) {
    const number = next;
    next += 1;
    await post(ingress, '/erasing/erase/send', keyOf(number));
  }
}
counted.start();
await Promise.all(Array.from({ length: 128 }, loop));
report(jobs, await counted.finished);
process.exit(0);
