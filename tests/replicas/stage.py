"""
Replicas and everything that they need, each on a machine of its own that can be cut off: two
PostgreSQL servers, RabbitMQ, an object store, and the Fallback Job.
"""
import itertools
import random

from support import job
from support.rabbitmq import Broker
from support.s3 import StandIn
from support.standby import Pair, PairDatabase

NUMBERS = itertools.count(1)


class Stage:
    """All of it, up and ready once it was made. `service` makes services, as the fixture does."""

    def __init__(self, net, folder, service, count, **options):
        self.net, self.folder = net, folder / f"stage{next(NUMBERS)}"
        self.folder.mkdir(mode=0o755)
        self.broker = self.pair = self.store = None
        self.job_node = net.node("job")
        try:
            self.broker = Broker(self.folder / "rabbitmq", net.node("broker"), wait=False)
            self.pair = Pair(self.folder, (net.node("first"), net.node("second")))
            self.store_node = net.node("store")
            self.store = StandIn(self.folder, node=self.store_node)
            self.database = PairDatabase(self.pair)
            self.broker.wait_until_up()
            self.replicas = [self.replica(service, number, options) for number in range(count)]
            for one in self.replicas:
                one.start().wait_until_ready()
        except BaseException:
            self.remove()
            raise

    def replica(self, service, number, options):
        node = self.net.node(f"replica{number}")
        store = self.net.reach(node, self.store_node, self.store.port)
        broker = self.net.reach(node, self.broker.node, self.broker.port)
        one = service(
            start=False, on=self.database, environment=self.store.environment, listen_openly=True,
            files=self.store.url(endpoint="http://%s:%d" % store),
            **{"queue": self.broker.url(at=broker), **options})
        one.options["database"] = self.pair.address(
            self.database.name, lambda server: self.net.reach(node, server.node, server.port))
        one.node = node
        if number:
            one.token, one.token_file = self.replicas_token
            one.options["token_file"] = one.token_file
        self.replicas_token = one.token, one.token_file
        return one

    def run_job(self, one, **options):
        """One run of the Fallback Job, from where the job is."""
        return job.run(one, node=self.job_node, at=self.net.reach(
            self.job_node, one.node, one.private_port), **options)

    def remove(self):
        if self.store and self.store.process.is_running():
            self.store.stop()
        if self.pair:
            self.pair.remove()
        if self.broker:
            self.broker.remove()


def spread(kinds, count, seed):
    """So many of these, in an order of chance, each at least once; by weight beyond that."""
    chance = random.Random(seed)
    chosen = list(kinds)[:count]
    chosen += chance.choices(list(kinds), kinds.values(), k=count - len(chosen))
    chance.shuffle(chosen)
    return chosen
