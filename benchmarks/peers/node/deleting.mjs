// Deletes objects at the stand-in for S3, over kept connections and without signatures: cheaper
// than any client for S3 would be.
import http from 'node:http';
import crypto from 'node:crypto';

const headers = {
  Authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, '
    + 'SignedHeaders=host, Signature=0',
};

function requester(endpoint, connections) {
  const { hostname, port } = new URL(endpoint);
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' });

  const request = (method, path, more, body) => (
    new Promise((resolve, reject) => {
      const sent = http.request({ hostname, port, method, path, agent,
                                  headers: { ...headers, ...more } }, (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () => (answer.statusCode < 300
          ? resolve(Buffer.concat(parts).toString())
          : reject(new Error(`the store answered ${answer.statusCode}`))));
      });
      sent.on('error', reject);
      sent.end(body);
    })
  );
  return { agent, request };
}

export function putter(endpoint, connections) {
  const { request } = requester(endpoint, connections);
  return { put: (key, body) => request('PUT', `/bucket/${key}`, {}, body) };
}

export function deleter(endpoint, connections) {
  const { agent, request } = requester(endpoint, connections);
  return {
    one: (key) => request('DELETE', `/bucket/${key}`, {}),
    async many(keys) {
      const body = `<Delete>${keys.map((key) => `<Object><Key>${key}</Key></Object>`).join('')}`
        + '</Delete>';
      const digest = crypto.createHash('md5').update(body).digest('base64');
      const answer = await request('POST', '/bucket?delete=', { 'Content-MD5': digest }, body);
      const deleted = answer.split('<Deleted>').length - 1;
      if (deleted !== keys.length) throw new Error(`${deleted} of ${keys.length} deleted`);
    },
    close: () => agent.destroy(),
  };
}

export const keyOf = (number) => `avatars/${crypto.randomUUID()}-${number}`;

/** Counts what is done; `finished` resolves with the seconds since `start`. */
export function counter(total) {
  let begun, left = total, resolve;
  const finished = new Promise((fulfil) => { resolve = fulfil; });
  return {
    finished,
    start() { begun = process.hrtime.bigint(); },
    done(count = 1) {
      left -= count;
      if (left === 0) resolve(Number(process.hrtime.bigint() - begun) / 1e9);
    },
  };
}

export function report(jobs, seconds) {
  console.log(JSON.stringify({ jobs, seconds }));
}
