// usage: store.mjs S3 KEYS PAGE CONNECTIONS
// How many keys a second the stand-in deletes, asked for pages over so many connections.
import { deleter, report } from './deleting.mjs';

const [endpoint, count, page, connections] = process.argv.slice(2);
const keys = Number(count);
const store = deleter(endpoint, Number(connections));
const names = Array.from({ length: Number(page) },
  (_, i) => `avatars/0199b2a0-0000-7000-8000-${String(i).padStart(12, '0')}`);

let left = keys;
async function loop() {
  while (left > 0) {
    left -= names.length;
    await store.many(names);
  }
}
const begun = process.hrtime.bigint();
await Promise.all(Array.from({ length: Number(connections) }, loop));
report(keys, Number(process.hrtime.bigint() - begun) / 1e9);
store.close();
