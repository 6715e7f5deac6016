"""The Kubernetes base: valid, complete, and as closed as the restricted pod security standard asks."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from libs.cli.checks import CheckFailed, validate_manifests
from libs.shared.settings import Settings, variable
from services.gateway.execution import Engine
from services.gateway.trusted import Trusted

ROOT = Path(__file__).resolve().parents[1]
SERVICES = {"members", "discussions", "events", "feedback", "gateway"}


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    kubectl = str(Path(sys.executable).parent / "kubectl")
    built = subprocess.run([kubectl, "kustomize", ROOT / "deploy/k8s/base"], capture_output=True, check=True, text=True)
    return list(yaml.safe_load_all(built.stdout))


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {found["metadata"]["name"]: found for found in objects if found["kind"] == kind}


def pods(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [deployment["spec"]["template"] for deployment in of_kind(objects, "Deployment").values()]


def test_every_object_is_valid() -> None:
    validate_manifests(ROOT / "deploy/k8s/base")


def test_an_object_of_unknown_kind_fails_the_validation(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [thing.yaml]\n")
    (tmp_path / "thing.yaml").write_text("apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: a}\n")
    with pytest.raises(CheckFailed, match="Thing"):
        validate_manifests(tmp_path)


def test_an_unknown_field_fails_the_validation(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [thing.yaml]\n")
    (tmp_path / "thing.yaml").write_text("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {prots: []}\n")
    with pytest.raises(CheckFailed, match="prots"):
        validate_manifests(tmp_path)


@pytest.mark.parametrize("kind", ["Deployment", "Service", "ServiceAccount", "PodDisruptionBudget"])
def test_every_service_has_its_own(objects: list[dict[str, Any]], kind: str) -> None:
    assert set(of_kind(objects, kind)) == {f"archipel-{service}" for service in SERVICES}


def test_every_service_that_exists_is_deployed() -> None:
    assert {path.parent.name for path in (ROOT / "services").glob("*/__main__.py")} == SERVICES


def test_each_service_runs_its_own_image_under_its_own_account(objects: list[dict[str, Any]]) -> None:
    for name, deployment in of_kind(objects, "Deployment").items():
        pod = deployment["spec"]["template"]["spec"]
        assert pod["serviceAccountName"] == name
        (container,) = pod["containers"]
        image, _, tag = container["image"].partition(":")
        assert image == name
        assert tag not in {"", "latest"}


def test_selectors_separate_the_services(objects: list[dict[str, Any]]) -> None:
    labels = {pod["metadata"]["labels"]["app.kubernetes.io/name"]: pod["metadata"]["labels"] for pod in pods(objects)}
    assert set(labels) == SERVICES
    selecting = [
        *((name, found["spec"]["selector"]) for name, found in of_kind(objects, "Service").items()),
        *((name, found["spec"]["selector"]["matchLabels"]) for name, found in of_kind(objects, "Deployment").items()),
        *(
            (name, found["spec"]["selector"]["matchLabels"])
            for name, found in of_kind(objects, "PodDisruptionBudget").items()
        ),
    ]
    for name, selector in selecting:
        chosen = {service for service, given in labels.items() if selector.items() <= given.items()}
        assert {f"archipel-{service}" for service in chosen} == {name}


def test_pods_meet_the_restricted_pod_security_standard(objects: list[dict[str, Any]]) -> None:
    for pod in (template["spec"] for template in pods(objects)):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all(set(volume) <= {"name", "emptyDir", "configMap"} for volume in pod["volumes"])
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_containers_are_probed_and_bounded(objects: list[dict[str, Any]]) -> None:
    for pod in (template["spec"] for template in pods(objects)):
        for container in pod["containers"]:
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


def test_every_setting_of_the_platform_exists(objects: list[dict[str, Any]]) -> None:
    known = {variable(field) for field in Settings.model_fields}
    (settings,) = (
        found["data"] for name, found in of_kind(objects, "ConfigMap").items() if name.startswith("archipel-platform")
    )
    assert set(settings) <= known


def test_the_gateway_runs_only_the_documents_of_its_folder(objects: list[dict[str, Any]]) -> None:
    pod = of_kind(objects, "Deployment")["archipel-gateway"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    env = {entry["name"]: entry["value"] for entry in container["env"]}
    assert (env[variable("documents")], env[variable("introspection")]) == ("trusted", "off")
    (mount,) = [one for one in container["volumeMounts"] if one["mountPath"] == env[variable("trusted_documents")]]
    (volume,) = [one for one in pod["volumes"] if one["name"] == mount["name"]]
    assert of_kind(objects, "ConfigMap")[volume["configMap"]["name"]]["data"]


def test_its_documents_are_registered_and_valid() -> None:
    trusted = Trusted.load(str(ROOT / "deploy/k8s/base/gateway/documents"))
    assert len(trusted)
    Engine(trusted)
