"""The manifest of deploy/, as far as it can be known without a cluster."""

from __future__ import annotations

import json
import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.secure_server import DEPLOY

DOCUMENTS: list[Any] = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
SETS = [one for one in DOCUMENTS if one["kind"] == "StatefulSet"]


def _container(one: Any) -> Any:
    (container,) = one["spec"]["template"]["spec"]["containers"]
    return container


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda one: f"{one['kind']} {one['metadata']['name']}"
)
@pytest.mark.parametrize("version", ["1.28", "1.34"])
def test_it_is_what_the_versions_of_kubernetes_know(document: Any, version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_its_parts_fit_one_another() -> None:
    for one in SETS:
        template, labels = one["spec"]["template"], one["spec"]["selector"]["matchLabels"]
        assert labels.items() <= template["metadata"]["labels"].items()
        (service,) = (
            other
            for other in DOCUMENTS
            if other["kind"] == "Service"
            and other["metadata"]["name"] == one["spec"]["serviceName"]
        )
        assert service["spec"]["selector"] == labels
        container = _container(one)
        ports = {port["name"] for port in container.get("ports", ())}
        assert {port["targetPort"] for port in service["spec"].get("ports", ())} <= ports
        volumes = [volume["name"] for volume in template["spec"].get("volumes", ())]
        volumes += [claim["metadata"]["name"] for claim in one["spec"]["volumeClaimTemplates"]]
        assert sorted(mount["name"] for mount in container["volumeMounts"]) == sorted(volumes)


def test_no_pod_has_more_rights_than_it_needs() -> None:
    for one in SETS:
        pod, container = one["spec"]["template"]["spec"], _container(one)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_it_looks_at_the_health_and_starts_the_redis_as_the_other_files_do() -> None:
    agent = _container(next(one for one in SETS if one["metadata"]["name"] == "elsewhere-agent"))
    redis = _container(next(one for one in SETS if one["metadata"]["name"] == "elsewhere-redis"))
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert redis["command"] == compose["redis"]["command"]
    assert compose["redis"]["image"] == f"${{REDIS_IMAGE:-{redis['image']}}}"
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    found = re.search(r"HEALTHCHECK.*CMD (\[.*?\])", dockerfile.replace("\\\n", ""))
    assert found is not None
    words = json.loads(found[1])
    assert agent["livenessProbe"]["exec"]["command"] == words
