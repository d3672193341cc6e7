"""The Fallback Job, run to its end."""
import os
import subprocess

from . import programs
from .network import HERE


def run(service, *arguments, timeout=60, once=True, node=HERE, at=None, **changes):
    """
    Runs fallback-job against a service; exit code and output. Options as for the service. It may
    run on another node of a network, from which `at`, a host and a port, leads to the service.
    """
    url = "http://%s:%d/api" % (at or (service.node.host, service.private_port))
    options = {"health": f"{url}/health", "fallback": f"{url}/users/fallback",
               "schedule": "* * * * *", "token_file": service.token_file, **changes}
    flags = [part for name, value in options.items() if value is not None
             for part in (f"--{name.replace('_', '-')}", str(value))]
    with node.inside():
        return subprocess.run(
            [programs.program("fallback-job"), "run", *flags, *(["--once"] if once else []),
             *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout, check=False)


def environment():
    """The environment without what would change how the job behaves."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("FALLBACK_JOB_") and "proxy" not in name.lower()}
    return {**kept, "TERM": "xterm"}
