"""
Two PostgreSQL servers: a primary, and a standby that has every commit before it is answered.

A standby that only follows loses, when it is promoted, what the primary answered last. So users who
count on a promotion wait for the standby (synchronous_standby_names), and so does this pair.
"""
from .network import HERE
from .postgres import Database, Server
from .programs import wait_for

# A dead client's connection ends in seconds; a standby asks again at once for what it missed.
SETTINGS = {"tcp_keepalives_idle": "3", "tcp_keepalives_interval": "1",
            "tcp_keepalives_count": "2", "wal_retrieve_retry_interval": "100ms",
            "wal_keep_size": "128MB"}


class Pair:
    """A primary and its standby, both up once this was made."""

    def __init__(self, folder, nodes=(HERE, HERE), **settings):
        settings = {**SETTINGS, **settings}
        self.primary = Server(folder / "first", nodes[0], **settings)
        try:
            self.standby = Server(folder / "second", nodes[1], self.primary, **settings)
            self.servers = [self.primary, self.standby]
            self.wait_for_standby()
        except BaseException:
            self.primary.remove()
            raise

    def wait_for_standby(self):
        """From here on no commit is answered that the standby has not got."""
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.sql("SELECT pg_reload_conf()")
        wait_for(lambda: self.primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync",
                 30, "the standby to follow")

    def promote(self):
        """The primary dies, and the standby takes its place."""
        self.primary.kill()
        self.take_over()

    def take_over(self):
        """The standby takes the place of a primary that is dead."""
        self.primary, self.standby = self.standby, self.primary
        self.primary.promote()

    def rejoin(self):
        """The server that died becomes the standby of the one that took its place."""
        self.standby.follow(self.primary)
        self.wait_for_standby()

    def address(self, database="postgres", reach=lambda server: (server.node.host, server.port)):
        """Of both, for whoever `reach` is from; whichever takes changes is meant."""
        hosts = ",".join(f"{host}:{port}" for host, port in map(reach, self.servers))
        return f"postgresql://postgres@{hosts}/{database}?target_session_attrs=read-write"

    def remove(self):
        for server in self.servers:
            server.remove()


class PairDatabase(Database):
    """A new database on a pair, and known to both."""

    def __init__(self, pair, name="users"):
        self.name = name
        pair.primary.sql(f"CREATE DATABASE {name}")
        there = f"SELECT count(*) FROM pg_database WHERE datname = '{name}'"
        wait_for(lambda: pair.standby.sql(there) == "1", 30, "the standby to have it")
        self.address = pair.address(name)
