/*
 * A small service that keeps the contract of the Fallback Job, with Node's own modules only.
 *
 * It keeps notes, each with one attachment. The database is a JSON file, the file provider a
 * folder: enough to show what matters, which is the order of the steps.
 *
 *     node service.mjs --data DIR --files DIR --token-file FILE [--public A:P] [--private A:P]
 *
 *     PUT    /notes/{id}     the body is the attachment
 *     GET    /notes/{id}
 *     DELETE /notes/{id}     200 when the attachment is gone, 202 while it is not
 *     GET    /health         private
 *     DELETE /fallback       private, with the bearer token: finishes what was left undone
 */
import crypto from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { parseArgs } from "node:util";

const GUARD_MS = 900_000; // an upload is done long before its guard comes due
const BODY_MAX = 5 << 20;

function sync(target) {
  const file = fs.openSync(target, "r");
  fs.fsyncSync(file);
  fs.closeSync(file);
}

/** Notes, and the deletions that are not finished: keys that must be absent. */
class Database {
  constructor(folder) {
    this.folder = folder;
    this.path = path.join(folder, "notes.json");
    const rows = fs.existsSync(this.path) ? JSON.parse(fs.readFileSync(this.path, "utf8")) : {};
    this.notes = new Map(Object.entries(rows.notes ?? {}));
    this.deletions = new Map(Object.entries(rows.deletions ?? {}));
  }

  /** Durable when it returns: the old file or the new one is there, never half of one. */
  commit() {
    const rows = {
      notes: Object.fromEntries(this.notes),
      deletions: Object.fromEntries(this.deletions),
    };
    const aside = `${this.path}.new`;
    fs.writeFileSync(aside, JSON.stringify(rows));
    sync(aside);
    fs.renameSync(aside, this.path);
    sync(this.folder);
  }

  schedule(key, notBefore = 0) {
    this.deletions.set(key, { since: Date.now(), notBefore });
  }
}

/** The file provider. Its mark tells an object that is gone from a store that is not there. */
class Files {
  constructor(folder) {
    this.folder = folder;
    fs.closeSync(fs.openSync(path.join(folder, ".store"), "a"));
  }

  async put(key, data) {
    const file = await fs.promises.open(path.join(this.folder, key), "wx");
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  get(key) {
    return fs.promises.readFile(path.join(this.folder, key));
  }

  /** Done twice is done: only a store that is not there is an error. */
  async delete(key) {
    await fs.promises.stat(path.join(this.folder, ".store"));
    await fs.promises.rm(path.join(this.folder, key), { force: true });
  }
}

class Service {
  constructor(database, files) {
    this.database = database;
    this.files = files;
  }

  /** False: it took longer than its guard, so the object goes again. */
  async put(name, data) {
    const key = crypto.randomUUID(); // used once, ever: a late delete never hits a newer object
    this.database.schedule(key, Date.now() + GUARD_MS);
    this.database.commit();
    await this.files.put(key, data);
    if (!this.database.deletions.delete(key)) return false;
    const old = this.database.notes.get(name);
    this.database.notes.set(name, key);
    if (old) this.database.schedule(old);
    this.database.commit();
    if (old) await this.finish(old);
    return true;
  }

  /** undefined: no such note. Else whether everything is gone. */
  async delete(name) {
    const key = this.database.notes.get(name);
    if (!key) return undefined;
    this.database.notes.delete(name);
    this.database.schedule(key); // first of all, what must become of it is written down
    this.database.commit();
    return this.finish(key);
  }

  /** The only place that deletes: right away, or later for the job. */
  async finish(key) {
    try {
      await this.files.delete(key);
    } catch {
      return false;
    }
    this.database.deletions.delete(key);
    this.database.commit();
    return true;
  }

  /** Tries each deletion once, in the order of the keys, from the cursor on. */
  async sweep(limit, seconds, cursor) {
    const now = Date.now();
    const end = now + seconds * 1000;
    const due = [...this.database.deletions]
      .filter(([key, row]) => key > cursor && row.notBefore <= now)
      .map(([key]) => key)
      .sort();
    let deleted = 0;
    let failed = 0;
    for (const key of due.slice(0, limit)) {
      if (Date.now() >= end) break;
      if (await this.finish(key)) deleted += 1;
      else failed += 1;
      cursor = key;
    }
    const more = deleted + failed < due.length;
    const rows = [...this.database.deletions.values()];
    const left = rows.filter((row) => row.notBefore <= now);
    const oldest = Math.min(now, ...left.map((row) => row.since));
    return {
      attempted: deleted + failed,
      deleted,
      failed,
      blocked: 0,
      remaining: left.length,
      scheduled: rows.length - left.length,
      more,
      cursor: more ? cursor : null,
      oldestPendingSeconds: Math.floor((now - oldest) / 1000),
    };
  }
}

function reply(response, status, body, name = "ok") {
  const text = JSON.stringify({ status: name, ...body });
  response.writeHead(status, { "Content-Type": "application/json" }).end(text);
}

function refuse(response, status, name, message) {
  reply(response, status, { message }, name);
}

async function bodyOf(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > BODY_MAX) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function publicHandler(service) {
  return async (request, response) => {
    const name = /^\/notes\/([\w-]{1,64})$/.exec(request.url)?.[1];
    const body = await bodyOf(request);
    if (!name) return refuse(response, 404, "NotFound", "there is nothing at this path");
    if (!body) return refuse(response, 413, "PayloadTooLarge", "5 MiB at most");
    if (request.method === "PUT") {
      if (!(await service.put(name, body)))
        return refuse(response, 503, "Unavailable", "it took too long; try again");
      return reply(response, 201, { data: { id: name } });
    }
    if (request.method === "DELETE") {
      const gone = await service.delete(name);
      if (gone === undefined) return refuse(response, 404, "NotFound", "no such note");
      const state = gone ? "deleted" : "pending";
      return reply(response, gone ? 200 : 202, { data: { id: name, state } });
    }
    const key = service.database.notes.get(name);
    if (!key) return refuse(response, 404, "NotFound", "no such note");
    response.writeHead(200, { "Content-Type": "application/octet-stream" });
    return response.end(await service.files.get(key));
  };
}

function digest(text) {
  return crypto.createHash("sha256").update(text).digest();
}

function privateHandler(service, token) {
  const expected = digest(`Bearer ${token}`);
  return async (request, response) => {
    const url = new URL(request.url, "http://service");
    if (request.method === "GET" && url.pathname === "/health")
      return reply(response, 200, { message: "I'm Alive" });
    if (!crypto.timingSafeEqual(digest(request.headers.authorization ?? ""), expected))
      return refuse(response, 401, "Unauthorized", "a bearer token is needed");
    if (request.method !== "DELETE" || url.pathname !== "/fallback")
      return refuse(response, 404, "NotFound", "there is nothing at this path");
    const limit = Number(url.searchParams.get("limit") ?? 1000);
    const seconds = /^(\d{1,3})s$/.exec(url.searchParams.get("timeout") ?? "25s")?.[1];
    if (!Number.isInteger(limit) || limit < 1 || limit > 10000 || !seconds)
      return refuse(response, 400, "BadRequest", "limit is 1 to 10000, timeout such as 25s");
    const cursor = url.searchParams.get("cursor") ?? "";
    return reply(response, 200, { data: await service.sweep(limit, Number(seconds), cursor) });
  };
}

function listen(address, handler) {
  const [host, port] = address.split(":");
  const server = http.createServer((request, response) => {
    handler(request, response).catch(() => {
      if (response.headersSent) response.destroy();
      else refuse(response, 500, "InternalServer", "it did not work; try again");
    });
  });
  return new Promise((resolve) => {
    server.listen(Number(port), host, () => resolve(`${host}:${server.address().port}`));
  });
}

const { values: given } = parseArgs({
  options: {
    data: { type: "string" },
    files: { type: "string" },
    "token-file": { type: "string" },
    public: { type: "string", default: "127.0.0.1:8080" },
    private: { type: "string", default: "127.0.0.1:8081" },
  },
});
const service = new Service(new Database(given.data), new Files(given.files));
const token = fs.readFileSync(given["token-file"], "utf8").trim();
const open = await listen(given.public, publicHandler(service));
const closed = await listen(given.private, privateHandler(service, token));
console.log(`public ${open} private ${closed}`);
