"""users-service backup, of a service whose database is a server's."""
import subprocess

from support import programs


def test_the_words_point_to_the_means_that_the_database_has(service, tmp_path):
    one = service()
    to = tmp_path / "backup"
    done = subprocess.run(
        [programs.program("users-service"), "backup", "--to", str(to), "--private",
         f"http://127.0.0.1:{one.private_port}", "--token-file", str(one.token_file)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78 and "pg_dump" in done.stderr, done
    assert list(tmp_path.glob("backup*")) == []
