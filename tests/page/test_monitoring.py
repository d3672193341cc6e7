"""The alert rules and the dashboard, with a real Prometheus that scrapes a live run."""
import json
import re
import subprocess
import urllib.parse
import urllib.request

import pytest

from support import job, programs
from support.ports import free_port

PACKAGING = programs.ROOT / "packaging"
RULES = PACKAGING / "prometheus" / "rules.yml"
DASHBOARD = PACKAGING / "grafana" / "dashboard.json"
NAME = re.compile(r"\b(?:users_service|fallback_job)_[a-z_]+")


def queries():
    """Every query of the dashboard, as Grafana would send it."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    for panel in panels:
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "8s").replace("$instance", ".+")
            yield f"{panel['title']}: {target['legendFormat']}", query


class Prometheus:
    """The packaged configuration, with the ports of this run and a scrape every half second."""

    def __init__(self, folder, users, job_port):
        self.port = free_port()
        config = (PACKAGING / "prometheus" / "prometheus.yml").read_text()
        for packaged, here in (("15s", "500ms"),
                               ("/etc/prometheus/users-service-token", str(users.token_file)),
                               ("127.0.0.1:8081", f"127.0.0.1:{users.private_port}"),
                               ("127.0.0.1:9090", f"127.0.0.1:{job_port}"),
                               ("- rules.yml", f"- {RULES}")):
            assert packaged in config
            config = config.replace(packaged, here)
        (folder / "prometheus.yml").write_text(config)
        self.process = programs.Process(
            ["prometheus", f"--config.file={folder}/prometheus.yml",
             f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{self.port}"], folder / "prometheus.log")

    def get(self, path, **query):
        address = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return json.load(answer)["data"]
        except OSError:
            assert self.process.is_running(), self.process.complaint()
            return None

    def query(self, text):
        """The samples of an instant query; a query that is wrong raises."""
        answer = self.get("query", query=text)
        assert answer, f"not answered: {text}"
        return answer["result"]

    def scrapes(self):
        found = self.get("query", query="up == 1")
        return {sample["metric"]["instance"] for sample in found["result"]} if found else set()


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """Everything runs: users come and go, some deletions fail, the job calls every second."""
    from support.s3 import StandIn
    from support.service import Service
    folder = tmp_path_factory.mktemp("live")
    s3d = StandIn(folder)
    users = Service(folder / "service", files=s3d.url(), environment=s3d.environment,
                    inline="off", timer="off").start().wait_until_ready()
    listen = free_port()
    token = f"--token-file={users.token_file}"
    private = f"http://127.0.0.1:{users.private_port}/api"
    fallback_job = programs.Process(
        [programs.program("fallback-job"), "run", f"--health={private}/health",
         f"--fallback={private}/users/fallback", "--schedule=* * * * * *", token,
         "--on-failure=continue", f"--listen=127.0.0.1:{listen}"],
        folder / "job.log", job.environment())
    prometheus = Prometheus(folder, users, listen)
    programs.wait_for(lambda: len(prometheus.scrapes()) == 2, 40, "both to be scraped")
    yield users, s3d, prometheus
    assert prometheus.process.stop() == 0
    assert fallback_job.stop() == 0
    users.end()
    s3d.stop()


def live_on(users, s3d):
    """A little of everything that is counted."""
    made = [users.create_with_avatar()["id"] for _ in range(4)]
    for user_id in made[:2]:
        users.delete(user_id)
    users.sweep()
    s3d.fault("key-error,code=AccessDenied,status=403")
    for user_id in made[2:]:
        users.delete(user_id)
    users.sweep()
    s3d.clear()
    users.private.post("/api/deletions/retry", {"state": "blocked"})


def test_every_query_of_the_dashboard_has_an_answer(live):
    users, s3d, prometheus = live
    unanswered = dict(queries())
    assert len(unanswered) > 25

    def all_answered():
        live_on(users, s3d)
        for name, query in list(unanswered.items()):
            samples = prometheus.query(query)
            # A time to clean may be unknown; a quantile of nothing may not stand for a curve.
            if any(sample["value"][1] != "NaN" for sample in samples):
                del unanswered[name]
        return not unanswered
    programs.wait_for(all_answered, 30, unanswered, every=0.3)


def test_the_rules_are_read_and_evaluated(live):
    _, _, prometheus = live

    def evaluated():
        groups = prometheus.get("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return rules if all(rule["health"] == "ok" for rule in rules) else None
    rules = programs.wait_for(evaluated, 20, "every rule to be evaluated")
    assert {rule["name"] for rule in rules} == set(re.findall(r"alert: (\w+)", RULES.read_text()))


@pytest.mark.parametrize("path", [RULES, DASHBOARD], ids=lambda path: path.name)
def test_nothing_is_asked_for_that_is_not_there(live, path):
    _, _, prometheus = live
    there = set(prometheus.get("label/__name__/values"))
    assert set(NAME.findall(path.read_text())) <= there


def test_each_alert_fires_when_it_should():
    done = subprocess.run(["promtool", "test", "rules", "rules_test.yml"], cwd=RULES.parent,
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tested_and_says_what_to_do():
    text = RULES.read_text()
    tested = RULES.with_name("rules_test.yml").read_text()
    for alert in re.findall(r"alert: (\w+)", text):
        assert alert in tested or f"{alert[:9]}.*" in tested
    assert text.count("- alert:") == text.count("action:") == text.count("summary:") \
        == text.count("severity:")


def test_the_dashboard_has_a_place_for_each_panel():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    taken = set()
    for panel in panels:
        assert panel["title"] and panel["description"]
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24
        taken |= cells
