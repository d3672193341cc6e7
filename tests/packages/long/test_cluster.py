"""docs/install.md, Kubernetes: kubectl takes the commands, and the cluster gets what is meant."""
import base64
import shutil

import pytest
import roots
import yaml
from cluster import Cluster
from machines import *  # noqa: F401,F403
from machines import CLUSTER

from support import programs

MANIFESTS = programs.ROOT / "packaging" / "kubernetes"
FILES = ("token", "api-token", "aws", "database-password")


@pytest.fixture
def client(packed, cache, tmp_path):
    """A system with kubectl, and the tree's manifests."""
    root = roots.Root(tmp_path / "client", packed, cache)
    root.run("apt-get update\napt-get install --yes --no-install-recommends kubernetes-client\n")
    (root.folder / "srv/tree/packaging").mkdir(parents=True)
    root.take(MANIFESTS, "srv/tree/packaging/kubernetes")
    for name in FILES:
        (root.folder / "srv/tree" / name).write_text(f"the {name}")
    yield root
    shutil.rmtree(root.folder)


@pytest.fixture
def cluster():
    started = Cluster()
    yield started
    started.close()


def secret_keys(value):
    """Of the secret, all that the manifests name."""
    if isinstance(value, list):
        return set().union(*map(secret_keys, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(secret_keys, value.values()))
    if value.get("secretName") == "users-service":
        found |= {item["key"] for item in value["items"]}
    if value.get("name") == "users-service" and "key" in value:
        found.add(value["key"])
    return found


def test_kubectl_makes_what_is_written(client, cluster):
    (client.folder / "srv/config").write_text(cluster.config())
    # There is no schema here to hold anything against.
    typed = CLUSTER.replace("kubectl apply", "kubectl apply --validate=false")
    assert typed.count("--validate=false") == 2
    client.run("export KUBECONFIG=/srv/config\ncd /srv/tree\n" + typed)

    secret, *others = cluster.made()
    assert {name: base64.b64decode(text) for name, text in secret["data"].items()} == \
        {name: f"the {name}".encode() for name in FILES}
    written = [document for name in ("users-service.yaml", "fallback-job.yaml")
               for document in yaml.safe_load_all((MANIFESTS / name).read_text())]
    assert [(made["kind"], made["spec"]) for made in others] == \
        [(document["kind"], document["spec"]) for document in written]
    assert secret_keys(written) == set(FILES)
