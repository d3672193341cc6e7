"""Replicas that share the work, and what tells them of it: a wake lost costs time, no more."""
import signal
import time

import pytest

from latency import deletes, report
from support import job, postgres, service as services
from support.pgbouncer import Pooler

QUEUES = ["postgres", "rabbitmq", "rabbitmq over TLS"]
API, WORKER = {"role": "api"}, {"role": "worker"}


def url_of(queue, request):
    if queue == "postgres":
        return "postgres"
    return request.getfixturevalue("broker").url(tls="TLS" in queue)


@pytest.mark.parametrize("queue", QUEUES)
def test_a_worker_hears_of_what_an_api_replica_commits(replicas, request, agrees, queue, capsys):
    api, worker = replicas(API, WORKER, queue=url_of(queue, request), inline="off")
    deletes(api, 3)
    took = report(deletes(api, 40))
    with capsys.disabled():
        print(f"\n{queue}: from commit to done elsewhere {took}")
    worker.stop()
    agrees(api)


def test_in_one_process_the_worker_hears_without_a_queue(replicas, agrees, capsys):
    (one,) = replicas({}, inline="off")
    took = report(deletes(one, 40))
    with capsys.disabled():
        print(f"\nin process: from commit to done {took}")
    agrees(one)


@pytest.mark.parametrize("queue", QUEUES)
def test_a_delete_at_an_api_replica_waits_for_the_worker(replicas, request, queue):
    api, worker = replicas(API, WORKER, queue=url_of(queue, request), delete_wait="15s")
    for _ in range(5):
        ada = api.create_with_avatar()["id"]
        assert api.delete(ada).status == 200
        assert worker.receipt(ada).status == 404, "a worker does not serve users"
    ada = api.create_with_avatar()["id"]
    assert api.public.delete(f"/api/users/{ada}/avatar").status == 200


def test_an_api_replica_finishes_nothing_and_says_so(replicas, agrees):
    (api,) = replicas(API, queue="postgres", delete_wait="1s")
    ada = api.create_with_avatar()["id"]
    assert api.delete(ada).status == 202
    refused = api.private.delete("/api/users/fallback")
    assert refused.status == 503 and "role api" in refused.json["message"]
    assert len(api.objects()) == 1
    assert job.run(api).returncode != 0
    api.restart(role="all")
    api.wait_until_erased(ada)
    agrees(api)


def test_a_worker_serves_no_users(replicas):
    api, worker = replicas(API, WORKER)
    ada = api.create()["id"]
    assert worker.public.get("/api/ready").status == 200
    assert api.user(ada).status == 200 and worker.user(ada).status == 404
    assert worker.sweep()[-1]["remaining"] == 0


@pytest.mark.parametrize("options", [{"role": "api"}, {"role": "worker"}, {"queue": "postgres"}])
def test_sqlite_has_no_replicas(service, options):
    one = service(start=False)
    ended = one.run(database=f"sqlite:{one.folder}/users.db", **options)
    assert ended.returncode == 78 and "postgresql://" in ended.stderr


@pytest.mark.parametrize("queue", ["carrier-pigeon", "amqp://[", "amqp://127.0.0.1/x?y=z"])
def test_an_unknown_queue_is_64_and_not_repeated(service, queue):
    ended = service(start=False).run(queue=queue)
    assert ended.returncode == 64 and "--queue" in ended.stderr and queue not in ended.stderr


def warnings_about_the_queue(one):
    return [line for line in one.log().splitlines() if '"queue"' in line and "WARN" in line.upper()]


def test_the_broker_may_die_hang_and_come_back(replicas, broker):
    """Nothing is refused meanwhile; wakes are heard again afterwards, without a restart."""
    api, _ = replicas(API, WORKER, queue=broker.url(), inline="off")
    deletes(api, 1)
    broker.kill()
    left = api.create_with_avatar()["id"]
    assert api.delete(left).status == 202
    broker.start()
    api.wait_for(lambda: api.erased(left), 60, "the queue to be joined again")
    broker.signal(signal.SIGSTOP)
    hung = api.create_with_avatar()["id"]
    begun = time.monotonic()
    assert api.delete(hung).status == 202 and time.monotonic() - begun < 2
    broker.signal(signal.SIGCONT)
    api.wait_for(lambda: api.erased(hung), 60, "the queue to be joined again")
    assert len(warnings_about_the_queue(api)) <= 4


def test_without_a_broker_the_service_starts_and_works_by_time(replicas):
    (one,) = replicas({}, queue="amqp://guest:open-sesame@127.0.0.1:1", inline="off")
    ada = one.create_with_avatar()["id"]
    assert one.delete(ada).status == 202
    one.wait_until_erased(ada)
    assert "open-sesame" not in one.log()
    assert len(warnings_about_the_queue(one)) == 1


def test_behind_a_pooler_wakes_are_not_heard_and_work_is_looked_for(replicas, open_folder):
    database = postgres.Database(services.SERVER)
    pooler = Pooler(open_folder / "pooler", int(database.address.rsplit(":", 1)[1].split("/")[0]))
    try:
        name = database.address.rsplit("/", 1)[1]
        api, worker = replicas(API, WORKER, queue="postgres", inline="off",
                               database=pooler.address(name) + "?prepared=off")
        worker.wait_for(lambda: "every second instead" in worker.log(), 10, "it to notice")
        deletes(api, 5)
        assert worker.log().count("every second instead") == 1
        worker.stop()
        api.stop()
    finally:
        pooler.stop()
