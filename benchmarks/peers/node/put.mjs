// usage: put.mjs S3 PREFIX KEYS_FILE
// Puts a small object for each line of a file.
import fs from 'node:fs';
import { putter, report } from './deleting.mjs';

const [endpoint, prefix, path] = process.argv.slice(2);
const keys = fs.readFileSync(path, 'utf8').split('\n').filter(Boolean);
const store = putter(endpoint, 64);
let next = 0;
async function loop() {
  while (next < keys.length) {
    const key = keys[next];
    next += 1;
    await store.put(`${prefix}/${key}`, 'an image');
  }
}
const begun = process.hrtime.bigint();
await Promise.all(Array.from({ length: 64 }, loop));
report(keys.length, Number(process.hrtime.bigint() - begun) / 1e9);
process.exit(0);
