// usage: api.mjs PORT DATABASE S3 CONNECTIONS
// The API of the published pattern with Fastify and pg: schemas for what comes and what goes, as
// https://fastify.dev/docs/latest/Reference/Validation-and-Serialization/ advises, prepared
// statements, and a process for each core that share the port.
import cluster from 'node:cluster';
import http from 'node:http';
import os from 'node:os';
import fastify from 'fastify';
import pg from 'pg';

const [port, database, endpoint, connections] = process.argv.slice(2);
const TIMEOUT_MS = 1000;

const text = { type: 'string' };
const person = { firstName: text, lastName: text, userName: text, email: text, countryId: text,
                 birthDate: text };
const envelope = (data) => ({ type: 'object', properties: { status: text, data } });
const user = envelope({
  type: 'object',
  properties: { id: text, ...person, avatar: { type: 'string', nullable: true },
                createdAt: text, updatedAt: text },
});
const state = envelope({ type: 'object', properties: { id: text, state: text } });

const columns = 'id::text, first_name AS "firstName", last_name AS "lastName", '
  + 'user_name AS "userName", email, country_id AS "countryId", birth_date::text AS "birthDate", '
  + 'avatar_key AS avatar, created_at AS "createdAt", updated_at AS "updatedAt"';
const statements = {
  create: 'INSERT INTO users (first_name, last_name, user_name, email, country_id, birth_date) '
    + `VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${columns}`,
  read: `SELECT ${columns} FROM users WHERE id = $1`,
  erase: 'DELETE FROM users WHERE id = $1',
  mark: 'UPDATE users SET avatar_should_be_deleted = true WHERE id = $1',
};

function deleteImage(key) {
  const { hostname, port: at } = new URL(endpoint);
  return new Promise((resolve) => {
    const sent = http.request({
      hostname, port: at, method: 'DELETE', path: `/bucket/${key}`,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { Authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/'
        + 'aws4_request, SignedHeaders=host, Signature=0' },
    }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode === 204));
      answer.on('error', () => resolve(false));
    });
    sent.on('error', () => resolve(false));
    sent.end();
  });
}

function serve() {
  const pool = new pg.Pool({ connectionString: database, max: Number(connections) });
  const ask = async (name, values) => (
    (await pool.query({ name, text: statements[name], values })).rows);
  const app = fastify();
  const wanted = { type: 'object', required: Object.keys(person), properties: person };

  app.get('/api/health', async () => ({ message: "I'm Alive" }));

  app.post('/api/users', { schema: { body: wanted, response: { 201: user } } },
           async ({ body }, reply) => {
             const [data] = await ask('create', Object.keys(person).map((name) => body[name]));
             reply.code(201);
             return { status: 'ok', data };
           });

  app.get('/api/users/:id', { schema: { response: { 200: user } } }, async ({ params }, reply) => {
    const [data] = await ask('read', [params.id]);
    if (!data) return reply.code(404).send({ status: 'NotFound' });
    return { status: 'ok', data };
  });

  app.delete('/api/users/:id', { schema: { response: { '2xx': state } } },
             async ({ params: { id } }, reply) => {
               const [found] = await ask('read', [id]);
               if (!found) return reply.code(404).send({ status: 'NotFound' });
               const gone = !found.avatar || await deleteImage(found.avatar);
               await ask(gone ? 'erase' : 'mark', [id]);
               reply.code(gone ? 200 : 202);
               return { status: 'ok', data: { id, state: gone ? 'deleted' : 'pending' } };
             });

  app.listen({ host: '127.0.0.1', port: Number(port) });
}

if (cluster.isPrimary) {
  for (let i = 0; i < os.availableParallelism(); i += 1) cluster.fork();
} else {
  serve();
}
