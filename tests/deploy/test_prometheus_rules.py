"""deploy/prometheus: what promtool says of it, that it names what there is, and that every alert has its entry."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from compose_file import DEPLOY

from series import catalogue

FOLDER = DEPLOY / "prometheus"
RUNBOOK = DEPLOY.parent / "docs/operations/alerts.md"

OTHERS = {"up", "livehead_replica_up"}
"""What Prometheus itself knows of every target, and the ingress of a fleet of every replica."""


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize(
    "asked",
    [("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")],
)
def test_promtool_agrees(asked: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "apt-get install prometheus"
    done = subprocess.run([promtool, *asked], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_both_ways() -> None:
    tests = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    cases = [case for each in tests for case in each["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case["exp_alerts"]}
    assert fires == {rule["alert"] for rule in alerts()}
    for each in tests:
        instances = set(re.findall(r'instance="(\w)"', str(each["input_series"])))
        for case in each["alert_rule_test"]:
            said = {alert["exp_labels"]["instance"] for alert in case["exp_alerts"]}
            assert said < instances, f"{case['alertname']}: one that does not fire is missing"


def test_alerts_look_at_metrics_that_there_are() -> None:
    named = {name for rule in alerts() for name in re.findall(r"\b(?:livehead|process)_\w+|\bup\b", rule["expr"])}
    assert named - catalogue.names() - OTHERS == set()


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_has_its_entry(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    assert rule["annotations"]["runbook"] == f"docs/operations/alerts.md#{name.lower()}"
    assert rule["labels"]["severity"] in ("page", "ticket")
    entry = re.search(rf"^## {name}\n\n(.*?)(?=^## |\Z)", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL)
    assert entry is not None, f"no entry for {name} in {RUNBOOK.name}"
    for part in ("**Means**", "**Seen**", "**Look**", "**Do**"):
        assert part in entry[1], f"{name}: no {part}"


def test_no_entry_is_of_an_alert_that_there_is_not() -> None:
    entries = set(re.findall(r"^## (Livehead\w+)$", RUNBOOK.read_text(), re.MULTILINE))
    assert entries == {rule["alert"] for rule in alerts()}
