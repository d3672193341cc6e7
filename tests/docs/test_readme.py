"""README.md: what it shows can be typed, and does what it says."""
from blocks import ROOT, block
from support import postgres, programs

DOCUMENT = "README.md"


def on_the_stand_in(terminals, s3d):
    """The reader's bucket is on a machine of their own."""
    terminals.instead.update({
        "my-bucket/prefix?region=eu-central-1": f"{s3d.bucket}/prefix?{s3d.url().split('?')[1]}",
        "s3://my-bucket/prefix?endpoint=https://s3.example.org": s3d.url("prefix"),
        "AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…":
            f"AWS_ACCESS_KEY_ID={s3d.access_key} AWS_SECRET_ACCESS_KEY={s3d.secret}"})
    terminals.environment.update(s3d.environment)


def created(terminals, port):
    """A user with an avatar, by what ./run tells to try."""
    printed = terminals.run(
        f"id=$(curl -sS http://{terminals.address(port)}/api/users -F avatar=@var/avatar.png -F "
        "'user={\"firstName\":\"A\",\"lastName\":\"B\",\"userName\":\"c\",\"email\":\"a@b.cd\"}'"
        " | grep -oE '[0-9a-f-]{36}' | head -n 1)\necho $id\n")
    return printed.strip()


def test_run_starts_the_service_and_the_job(terminals):
    both = terminals.text(block(DOCUMENT, "./run  "))
    start, demo = both.splitlines()
    # The suite before this one plays the demo.
    assert demo.startswith("./run demo")
    first = terminals.start(start + "\n", health=terminals.health(8081))
    assert created(terminals, 8080)
    code, shown = terminals.interrupt(first)
    assert code == 0 and terminals.address(8080) in shown


def test_run_takes_other_ports(terminals):
    del terminals.environment["USERS_LISTEN"], terminals.environment["USERS_PRIVATE_LISTEN"]
    first = terminals.start(block(DOCUMENT, "USERS_LISTEN="), health=terminals.health(9081))
    assert terminals.interrupt(first)[0] == 0


def test_run_takes_a_bucket(terminals, s3d):
    on_the_stand_in(terminals, s3d)
    first = terminals.start(block(DOCUMENT, "export AWS"), health=terminals.health(8081))
    terminals.run("mkdir -p var; cp var/s3/avatar.png var/\n")
    assert created(terminals, 8080)
    assert s3d.count("prefix/avatars/") == 1
    assert terminals.interrupt(first)[0] == 0


def test_a_store_is_tried(terminals, s3d):
    on_the_stand_in(terminals, s3d)
    printed = terminals.run(block(DOCUMENT, "build/users-service check"))
    assert printed.splitlines()[-1] == "The service works with this store."
    shown = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    heads = [line.split("  ")[0] for line in printed.splitlines()[:9]]
    assert all(f"\n{head}" in shown for head in heads)


def test_run_takes_a_postgresql(terminals, s3d):
    terminals.environment.update(s3d.environment)
    with postgres.server_address() as address:
        postgres.psql(address, "CREATE DATABASE documents")
        terminals.instead.update({
            "postgresql://users@db.example.org/users":
                address.rsplit("/", 1)[0] + "/documents",
            "s3://my-bucket/prefix": s3d.url("prefix")})
        first = terminals.start(block(DOCUMENT, "USERS_DATABASE="),
                                health=terminals.health(8081))
        assert terminals.interrupt(first)[0] == 0
        postgres.psql(address, "DROP DATABASE documents WITH (FORCE)")


def test_it_is_started_by_hand(terminals, tmp_path):
    terminals.instead["/tmp/example"] = tmp_path / "example"
    first = terminals.start(block(DOCUMENT, "umask"), health=terminals.health(8081))
    code, _ = terminals.interrupt(first)
    assert code == 0 and (tmp_path / "example/users.db").exists()


def test_the_job_calls_a_service_of_ones_own(terminals, tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token-that-is-long-enough-for-it")
    token.chmod(0o600)
    for name in ("data", "files"):
        (terminals.folder / name).mkdir()
    terminals.start("python3 examples/python/service.py --data data --files files --token-file "
                    f"{token} --public 127.0.0.1:3001 --private 127.0.0.1:3000\n",
                    health=f"http://{terminals.address(3000)}/health")
    terminals.instead.update({"/private/fallback": "/fallback", "/etc/my-service/token": token})
    job = terminals.start(block(DOCUMENT, "build/fallback-job"))
    programs.wait_for(lambda: job.log.stat().st_size, timeout=60, what="the job to say something")
    assert terminals.interrupt(job)[0] == 0

