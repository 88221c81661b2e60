"""deploy/grafana: the dashboard names metrics that there are, its panels have their places, and it is what Grafana says
a dashboard is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_file import DEPLOY

from npm import installed, run
from series import catalogue

FOLDER = DEPLOY / "grafana"
DASHBOARD = FOLDER / "dashboards/livehead.json"

COLUMNS, LINES = 24, 28
"""Of the grid; so many lines of 38 pixels are one screen."""

SCHEMA = {"@grafana/schema": "13.2.3", "ts-json-schema-generator": "2.4.0"}

OF_PROMETHEUS = ("expr", "step", "textFormat", "titleFormat")
"""What an annotation has more than the schema says, where it is asked of Prometheus."""


def dashboard() -> dict[str, Any]:
    return dict(json.loads(DASHBOARD.read_text()))


def panels() -> list[dict[str, Any]]:
    return list(dashboard()["panels"])


def test_it_looks_at_metrics_that_there_are() -> None:
    asked = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    named = set(re.findall(r"\b(?:livehead|process)_\w+", asked))
    assert named - catalogue.names() == set()
    assert len(named) > 40


def test_it_shows_each_stage_that_is_timed() -> None:
    asked = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    timed = {each.name for each in catalogue.all_series() if each.kind == "histogram"}
    assert {name for name in timed if name not in asked} == {
        "livehead_generate_seconds",
        "livehead_say_first_audio_seconds",
    }


def test_it_is_one_screen_without_gaps_or_overlaps() -> None:
    cells = []
    for panel in panels():
        place = panel["gridPos"]
        cells.append(
            {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
        )
    assert all(not one & other for one, other in combinations(cells, 2))
    assert set().union(*cells) == {(x, y) for x in range(COLUMNS) for y in range(LINES)}


def test_every_panel_says_what_it_shows() -> None:
    for panel in panels():
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_legends_use_labels_that_there_are() -> None:
    labels = {label for each in catalogue.all_series() for label in each.labels} | {"instance", "replica"}
    for panel in panels():
        for target in panel["targets"]:
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert label in labels
                assert label in target["expr"] or "by (" not in target["expr"], (panel["title"], label)


def test_provisioning_leads_to_it() -> None:
    providers = yaml.safe_load((FOLDER / "provisioning/dashboards/livehead.yaml").read_text())["providers"]
    assert [each["options"]["path"] for each in providers] == ["/etc/grafana/dashboards"]
    (source,) = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://127.0.0.1:9090")


@pytest.mark.soak
def test_it_is_what_grafana_says_a_dashboard_is(tmp_path: Path) -> None:
    """By the types that Grafana publishes of what it generates from its own schema."""
    folder = installed(SCHEMA)
    types = "node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen.d.ts"
    generator = "node_modules/.bin/ts-json-schema-generator"
    schema = run(folder, generator, "--path", types, "--type", "Dashboard", "--no-type-check")
    (tmp_path / "schema.json").write_text(schema)
    known = dashboard()
    for annotation in known["annotations"]["list"]:
        for name in OF_PROMETHEUS:
            del annotation[name]
    (tmp_path / "dashboard.json").write_text(json.dumps(known))
    check = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [check, "--schemafile", "schema.json", "dashboard.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
