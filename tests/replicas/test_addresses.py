"""What a PostgreSQL's address may say: several hosts, who of them is meant, and TLS."""
import shutil

import pytest

from support import postgres
from support.certificates import make_authority, make_certificate

# As many as a service has when it works, and none of them in the clear.
IN_THE_CLEAR = ("SELECT count(*) FILTER (WHERE NOT ssl), count(*) > 0 FROM pg_stat_ssl "
                "JOIN pg_stat_activity USING (pid) WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND backend_type = 'client backend'")


def hosts(*servers):
    return ",".join(f"{server.node.host}:{server.port}" for server in servers)


def lives(one):
    """A user comes and goes, which takes writes, reads that see them, and wakes."""
    ada = one.create_with_avatar()["id"]
    one.delete(ada)
    one.wait_until_erased(ada)
    return True


@pytest.mark.parametrize("attributes", ["", "?target_session_attrs=read-write",
                                        "?target_session_attrs=primary"])
@pytest.mark.parametrize("primary_is", ["first", "last"])
def test_of_several_hosts_the_one_that_takes_changes_is_used(service, pair, database, primary_is,
                                                             attributes):
    servers = [pair.primary, pair.standby][::1 if primary_is == "first" else -1]
    assert lives(service(on=database, queue="postgres",
                         database=f"postgresql://postgres@{hosts(*servers)}/{database.name}"
                                  f"{attributes}"))


def test_a_host_that_is_not_there_is_passed_over(service, pair, database):
    address = f"postgresql://postgres@127.0.0.1:1,{hosts(pair.primary)}/{database.name}"
    assert lives(service(on=database, database=address))


def test_without_a_host_that_takes_changes_the_service_does_not_start(service, pair, database):
    address = f"postgresql://postgres@{hosts(pair.standby)}/{database.name}"
    ended = service(start=False, on=database).run(database=address, startup_timeout="1s")
    assert ended.returncode == 69 and "read-only" in ended.stderr


@pytest.mark.parametrize("attributes", ["standby", "read-only"])
def test_an_address_that_asks_for_a_standby_is_refused(service, pair, database, attributes):
    ended = service(start=False, on=database).run(
        database=f"{database.address.partition('?')[0]}?target_session_attrs={attributes}")
    assert ended.returncode == 78 and "target_session_attrs" in ended.stderr


def test_of_hosts_that_go_away_the_next_one_is_used(service, pair, database, agrees):
    one = service(on=database)
    ada = one.create_with_avatar()["id"]
    pair.promote()
    one.wait_for(lambda: one.public.get("/api/ready").status == 200, 30, "the other host")
    assert one.user(ada).status == 200
    pair.rejoin()
    assert lives(one)
    agrees(one)


@pytest.fixture(scope="module")
def papers(open_folder):
    """Authorities, certificates of theirs, and a server that shows one of them."""
    folder = open_folder / "papers"
    folder.mkdir(mode=0o755)
    make_authority(folder)
    make_authority(folder, "another")
    make_certificate(folder, "server")
    make_certificate(folder, "elsewhere", names="DNS:db.example.org")
    return folder


@pytest.fixture(scope="module")
def tls_server(open_folder, papers):
    folder = open_folder / "tls"
    made = postgres.Server(folder)
    for name in ("server", "elsewhere"):
        for kind in ("pem", "key"):
            shutil.copy(papers / f"{name}.{kind}", made.data)
            shutil.chown(made.data / f"{name}.{kind}", *(postgres.account() or (None, None)))
    show(made, "server")
    yield made
    made.remove()


def show(server, certificate):
    """From here on the server has this certificate, and takes no connection in the clear."""
    server.stop()
    server.settings.update(ssl="on", ssl_cert_file=f"{certificate}.pem",
                           ssl_key_file=f"{certificate}.key")
    server.start()


def over_tls(address, authority, mode="verify-full"):
    return f"{address}?sslmode={mode}&sslrootcert={authority}.pem"


def test_a_server_is_known_by_its_certificate(service, tls_server, papers):
    database = postgres.Database(tls_server.address())
    one = service(on=database, queue="postgres",
                  database=over_tls(database.address, papers / "authority"))
    assert lives(one)
    assert database.rows(IN_THE_CLEAR) == [("0", "t")]


def refusal(service, tls_server, address):
    one = service(start=False, on=postgres.Database(tls_server.address()))
    ended = one.run(database=address(one.database.address), startup_timeout="20s", timeout=15)
    return ended.returncode, ended.stderr


def test_a_server_with_a_certificate_of_a_stranger_is_refused(service, tls_server, papers):
    code, words = refusal(service, tls_server, lambda at: over_tls(at, papers / "another"))
    assert code == 78 and "certificate verify failed" in words


def test_a_server_with_another_ones_certificate_is_refused(service, tls_server, papers):
    show(tls_server, "elsewhere")
    try:
        code, words = refusal(service, tls_server, lambda at: over_tls(at, papers / "authority"))
        assert code == 78 and "does not match host name" in words
    finally:
        show(tls_server, "server")


def test_an_authority_that_cannot_be_read_is_refused(service, tls_server, papers):
    code, words = refusal(service, tls_server, lambda at: over_tls(at, papers / "nobody"))
    assert code == 78 and "nobody.pem" in words


def test_a_server_without_tls_is_refused_where_it_is_asked_for(service, pair, database, papers):
    address = over_tls(f"postgresql://postgres@{hosts(pair.primary)}/{database.name}",
                       papers / "authority")
    ended = service(start=False, on=database).run(database=address, startup_timeout="20s",
                                                  timeout=15)
    assert ended.returncode == 78 and "does not support SSL" in ended.stderr
