"""docs/s3.md: the move to another bucket, as it is written."""
from blocks import block
from test_readme import created

from support import programs

DOCUMENT = "docs/s3.md"


def test_a_service_moves_to_another_bucket(terminals, s3d_with):
    old, new = s3d_with(), s3d_with()
    terminals.environment.update(old.environment)
    options = ("--database sqlite:users.db --token-file FILE "
               f"--listen {terminals.address(8080)} --private-listen {terminals.address(8081)}")
    terminals.instead.update({"s3://new/p": f"'{new.url('p')}'", "s3://old/p": f"'{old.url('p')}'"})
    terminals.run("umask 077; head -c 32 /dev/urandom | base64 >FILE\nmkdir -p var\n"
                  "/usr/bin/python3 demo/images.py >var/avatar.png\n")
    first = terminals.start(f"build/users-service --files s3://old/p {options}\n",
                            health=terminals.health(8081))
    assert created(terminals, 8080)
    assert terminals.interrupt(first)[0] == 0

    moving = block(DOCUMENT, "build/users-service --files")
    terminals.instead["…"] = options
    second = terminals.start(moving, health=terminals.health(8081))
    terminals.run(block(DOCUMENT, "build/users-service files copy"))
    assert new.count("p/avatars/") == 1
    programs.wait_for(lambda: old.count("p/avatars/") == 0, timeout=60, what="the old one to go")
    assert terminals.interrupt(second)[0] == 0
