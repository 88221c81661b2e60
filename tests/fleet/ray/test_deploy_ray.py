"""What deploy/ray holds: Serve's config, and KubeRay's manifest."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import yaml
from ray.serve.schema import ServeDeploySchema

from fleet.ray.kuberay_schema import KINDS
from livehead.fleet.ray.application import build
from livehead.fleet.ray.plan import FleetPlan, adopt
from livehead.settings import stages

ROOT = Path(__file__).parents[3]
PLACE = ROOT / "deploy/ray"
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((PLACE / "rayservice.yaml").read_text()))
SERVICE = next(each for each in MANIFESTS if each["kind"] == "RayService")
CONFIGS = {
    "serve.yaml": yaml.safe_load((PLACE / "serve.yaml").read_text()),
    "rayservice.yaml": yaml.safe_load(SERVICE["spec"]["serveConfigV2"]),
}


def workers() -> dict[str, Any]:
    found: dict[str, Any] = SERVICE["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]
    return found


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_is_one_for_serve(name: str) -> None:
    config = ServeDeploySchema.model_validate(CONFIGS[name])
    (application,) = config.applications
    assert application.import_path == f"{build.__module__}:{build.__name__}"
    plan = FleetPlan.model_validate(application.args)
    assert build(application.args)
    known = {name for stage in stages() for name in stage.model_fields}
    assert plan.settings.keys() <= known


@pytest.mark.parametrize("name", CONFIGS)
def test_its_settings_are_some_that_a_server_takes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {})
    settings = adopt(FleetPlan.model_validate(CONFIGS[name]["applications"][0]["args"]))
    assert settings.media.ports is not None
    assert len(settings.media.ports) == 400


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_a_manifest_fits_its_schema(manifest: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(KINDS[manifest["kind"]])
    jsonschema.validate(manifest, KINDS[manifest["kind"]])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("spec/rayClusterSpec", {}),
        ("spec/rayClusterConfig/workerGroupSpecs/0/replica", 2),
        ("spec/rayClusterConfig/headGroupSpec/rayStartParams/num-cpus", 0),
        ("spec/upgradeStrategy/type", "Rolling"),
        ("spec/rayClusterDeletionDelaySeconds", -1),
    ],
)
def test_a_mistake_is_found(place: str, value: object) -> None:
    manifest = copy.deepcopy(SERVICE)
    *way, last = place.split("/")
    at: Any = manifest
    for each in way:
        at = at[int(each) if each.isdigit() else each]
    at[last] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(manifest, KINDS["RayService"])


def test_the_manifest_agrees_with_itself() -> None:
    (application,) = CONFIGS["rayservice.yaml"]["applications"]
    plan = FleetPlan.model_validate(application["args"])
    config = SERVICE["spec"]["rayClusterConfig"]
    assert config["rayVersion"] == ray.__version__
    assert workers()["maxReplicas"] == plan.most + 1
    (container,) = workers()["template"]["spec"]["containers"]
    assert float(container["resources"]["limits"]["nvidia.com/gpu"]) == plan.gpus_per_replica
    assert float(container["resources"]["requests"]["cpu"]) >= plan.cpus_per_replica
    claims = {each["metadata"]["name"] for each in MANIFESTS if each["kind"] == "PersistentVolumeClaim"}
    for group in (config["headGroupSpec"], workers()):
        pod = group["template"]["spec"]
        volumes = {each["name"]: each for each in pod["volumes"]}
        mounted = [each["name"] for each in pod["containers"][0]["volumeMounts"]]
        assert sorted(volumes) == sorted(mounted)
        assert {
            each["persistentVolumeClaim"]["claimName"] for each in volumes.values() if "emptyDir" not in each
        } <= claims
    paths = {each["mountPath"] for each in container["volumeMounts"]}
    assert {plan.settings["data_dir"], plan.settings["models"]} <= paths


def test_both_configs_say_the_same() -> None:
    first, second = (copy.deepcopy(each) for each in CONFIGS.values())
    first["http_options"]["port"] = second["http_options"]["port"] = 0
    assert first == second
