"""docs/operating.md: what the operator types works, and every alert has its page."""
import json
import re

import yaml
from blocks import ROOT, blocks

from support import programs

DOCUMENT = "docs/operating.md"


def test_it_is_tried_started_asked_and_retried(terminals):
    live, job, well, retry, backup, dumped = blocks(DOCUMENT)
    service = terminals.start(live, health=terminals.health(8081))
    beside = terminals.start(job)
    programs.wait_for(lambda: beside.log.stat().st_size, timeout=60, what="the job to say something")
    ready, status, *runs = terminals.run(well).splitlines()
    assert all(check["ok"] for check in json.loads(ready)["data"]["checks"])
    assert json.loads(status)["status"] == "ok"
    assert len(runs) == 3 and runs == sorted(runs)
    assert json.loads(terminals.run(retry))["data"]["matched"] == 0
    assert "bytes" in terminals.run(backup)
    assert (terminals.folder / "backup.db").stat().st_mode & 0o777 == 0o600
    assert json.loads(terminals.run(dumped))["data"]["epoch"] > 1
    assert terminals.interrupt(beside)[0] == 0
    code, shown = terminals.interrupt(service)
    assert code == 0, shown


def test_every_alert_has_its_section():
    rules = yaml.safe_load((ROOT / "packaging/prometheus/rules.yml").read_text())
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    sections = re.findall(r"^### (\w+)$", (ROOT / DOCUMENT).read_text(encoding="utf-8"), re.M)
    assert sections == alerts
