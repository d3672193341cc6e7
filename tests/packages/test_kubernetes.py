"""The manifests for Kubernetes: each field is one of its API's, and the programs take theirs."""
import copy
import re
import subprocess

import pytest
import yaml
from kubernetes.client import models

from support import programs

FOLDER = programs.ROOT / "packaging" / "kubernetes"
KINDS = {("apps/v1", "Deployment"): models.V1Deployment, ("v1", "Service"): models.V1Service,
         ("batch/v1", "CronJob"): models.V1CronJob,
         ("networking.k8s.io/v1", "NetworkPolicy"): models.V1NetworkPolicy,
         ("policy/v1", "PodDisruptionBudget"): models.V1PodDisruptionBudget}
PLAIN = {"str": str, "int": int, "bool": bool, "float": float, "object": object,
         # Its own words for a number or a text, and for a time.
         "datetime": str}
QUANTITY = re.compile(r"\d+(m|Ki|Mi|Gi)?")


def documents():
    return [(f"{path.name}/{number}", document) for path in sorted(FOLDER.glob("*.yaml"))
            for number, document in enumerate(yaml.safe_load_all(path.read_text()))]


def faults(value, kind, place=""):
    """What does not fit a type of the API's description, as Kubernetes' own client has it."""
    if kind.startswith("list["):
        if not isinstance(value, list):
            return [f"{place} is no list"]
        return [fault for number, item in enumerate(value)
                for fault in faults(item, kind[5:-1], f"{place}[{number}]")]
    if kind.startswith("dict("):
        if not isinstance(value, dict):
            return [f"{place} is no map"]
        of = kind[5:-1].split(", ")[1]
        return [fault for name, item in value.items()
                for fault in faults(item, of, f"{place}.{name}")]
    if kind in PLAIN:
        right = isinstance(value, PLAIN[kind]) and not (kind == "int" and isinstance(value, bool))
        return [] if right else [f"{place} is no {kind}"]
    return model_faults(value, getattr(models, kind), place)


def model_faults(value, model, place=""):
    if not isinstance(value, dict):
        return [f"{place} is no {model.__name__}"]
    names = {name: attribute for attribute, name in model.attribute_map.items()}
    found = [f"{place}.{name} is unknown" for name in value if name not in names]
    for name, item in value.items():
        if name in names:
            found += faults(item, model.openapi_types[names[name]], f"{place}.{name}")
    try:
        # Says what is missing, and which of a few words is not one of them.
        model(**{names[name]: item for name, item in value.items() if name in names})
    except ValueError as error:
        found.append(f"{place}: {error}")
    return found


def manifest_faults(document):
    kind = KINDS.get((document.get("apiVersion"), document.get("kind")))
    if not kind:
        return [f"{document.get('apiVersion')} {document.get('kind')} is not known"]
    return model_faults(document, kind)


def pod(document):
    spec = document["spec"]
    return (spec["jobTemplate"]["spec"] if document["kind"] == "CronJob" else spec)["template"]["spec"]


PODS = [pytest.param(document, id=place) for place, document in documents()
        if document["kind"] in ("Deployment", "CronJob")]


@pytest.mark.parametrize("document", [pytest.param(document, id=place)
                                      for place, document in documents()])
def test_every_field_is_the_apis(document):
    assert manifest_faults(document) == []


@pytest.mark.parametrize("change, fault", [
    (lambda spec: spec["containers"][0].update(imagePulPolicy="Always"), "imagePulPolicy is unknown"),
    (lambda spec: spec["containers"][0].pop("name"), "`name`"),
    (lambda spec: spec.update(terminationGracePeriodSeconds="30"), "is no int"),
    (lambda spec: spec.update(containers={}), "is no list"),
    (lambda spec: spec["containers"][0]["ports"][0].update(containerPort="http"), "is no int"),
    (lambda spec: spec["securityContext"].update(runAsNonRoot="yes"), "is no bool"),
    (lambda spec: spec["containers"][0]["livenessProbe"]["httpGet"].pop("port"), "`port`"),
])
def test_what_the_api_would_not_take_is_found(change, fault):
    """The check itself."""
    document = copy.deepcopy(dict(documents())["users-service.yaml/0"])
    change(pod(document))
    assert any(fault in found for found in manifest_faults(document))


def test_there_is_all_that_is_needed():
    kinds = sorted((place.split("/")[0], document["kind"]) for place, document in documents())
    assert kinds == [("fallback-job-cron.yaml", "CronJob"), ("fallback-job.yaml", "Deployment"),
                     ("users-service.yaml", "Deployment"), ("users-service.yaml", "NetworkPolicy"),
                     ("users-service.yaml", "PodDisruptionBudget"),
                     ("users-service.yaml", "Service"), ("users-service.yaml", "Service")]


@pytest.mark.parametrize("document", PODS)
def test_a_pod_may_do_little(document):
    spec = pod(document)
    context = spec["securityContext"]
    assert context["runAsNonRoot"] and context["runAsUser"] >= 1000
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in spec["containers"]:
        assert container["securityContext"] == {"allowPrivilegeEscalation": False,
                                                "readOnlyRootFilesystem": True,
                                                "capabilities": {"drop": ["ALL"]}}
        for quantities in container["resources"].values():
            assert all(QUANTITY.fullmatch(str(quantity)) for quantity in quantities.values())
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("document", PODS)
def test_what_a_pod_names_is_there(document):
    """Volumes, ports of probes, labels of selectors."""
    spec = pod(document)
    volumes = {volume["name"] for volume in spec["volumes"]}
    for container in spec["containers"]:
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        ports = {port["name"] for port in container.get("ports", [])}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe in container:
                assert container[probe]["httpGet"]["port"] in ports
        for argument in container["args"]:
            for path in re.findall(r"=(/run/secrets/\S+)/[\w-]+$", argument):
                assert path in {mount["mountPath"] for mount in container["volumeMounts"]}
    if document["kind"] == "Deployment":
        labels = document["spec"]["template"]["metadata"]["labels"]
        assert document["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_services_and_policies_find_the_pods():
    found = dict(documents())
    service = found["users-service.yaml/0"]
    labels = service["spec"]["template"]["metadata"]["labels"]
    ports = {port["name"] for port in pod(service)["containers"][0]["ports"]}
    urls = [argument for name in ("fallback-job.yaml/0", "fallback-job-cron.yaml/0")
            for argument in pod(found[name])["containers"][0]["args"] if "://" in argument]
    reached = set()
    for document in found.values():
        if document["kind"] == "Service":
            assert document["spec"]["selector"].items() <= labels.items()
            for port in document["spec"]["ports"]:
                assert port["targetPort"] in ports
                reached.add(f"http://{document['metadata']['name']}:{port['port']}")
        if document["kind"] in ("NetworkPolicy", "PodDisruptionBudget"):
            selector = document["spec"].get("podSelector") or document["spec"]["selector"]
            assert selector["matchLabels"].items() <= labels.items()
    assert len(urls) == 4
    for url in urls:
        assert any(f"={start}/" in url for start in reached)


def checked(unpacked, document, tmp_path):
    """The arguments of a pod's container, with secrets of the test's own, tried by the program."""
    container = pod(document)["containers"][0]
    secret = tmp_path / "secret"
    secret.write_text("a-token-of-twenty-four-bytes\n")
    secret.chmod(0o600)
    arguments = [re.sub(r"=/run/secrets/\S+", f"={secret}", argument)
                 for argument in container["args"]]
    name = container["image"].split(":")[0]
    return unpacked / "usr/bin" / name, arguments


@pytest.mark.parametrize("place", ["fallback-job.yaml/0", "fallback-job-cron.yaml/0"])
def test_the_job_takes_its_arguments(unpacked, place, tmp_path):
    program, arguments = checked(unpacked, dict(documents())[place], tmp_path)
    done = subprocess.run([program, "check", *arguments[1:]], capture_output=True, text=True,
                          timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "1 job, nothing wrong\n"), done.stderr


def test_the_service_takes_its_arguments(unpacked, tmp_path):
    """All but the database and the store, which are not here."""
    program, arguments = checked(unpacked, dict(documents())["users-service.yaml/0"], tmp_path)
    changes = ["--database", "sqlite:" + str(tmp_path / "users.db"), "--queue", "local",
               "--files", f"file://{tmp_path}"]
    done = subprocess.run([program, *arguments, *changes, "--check"], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
