"""Does docker-compose.yml pass only settings that are known, and mount only files that are there?

There is no engine to try it on, so each setting is held against whoever reads it.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from deploy.prometheus_programs import locate
from streams import cli
from streams.settings import Settings, load
from tests import containers
from tests.conftest import Broker

ROOT = Path(__file__).parents[2]
GIVEN = {
    "POSTGRES_PASSWORD": "p",
    "GRAFANA_PASSWORD": "g",
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_FALLBACK_CHANNEL": "C1",
}
"""What whoever starts it has to set."""

IMAGES_OWN = {"CLUSTER_ID", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"}
"""Variables that the entry points of the images of Kafka and Postgres read."""

VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


def filled(text: str) -> str:
    """The file as compose reads it, with what must be given."""

    def value(found: re.Match[str]) -> str:
        name, kind, default = found.groups()
        return default if kind == "-" else GIVEN[name]

    return VARIABLE.sub(value, text)


SERVICES: dict[str, Any] = yaml.safe_load(filled((ROOT / "docker-compose.yml").read_text()))[
    "services"
]
OURS = {name: one for name, one in SERVICES.items() if one["image"] == "laurel"}
WORKERS = ("intake", "engine", "slack")
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def environment(service: str) -> dict[str, str]:
    found: dict[str, str] = SERVICES[service]["environment"]
    assert all(isinstance(value, str) for value in found.values()), "a number, not a string"
    return found


@pytest.mark.parametrize("name", OURS)
def test_what_we_are_passed_are_settings_that_we_know(name: str) -> None:
    passed = environment(name)
    assert {variable.lower() for variable in passed} <= set(Settings.model_fields)
    settings = load(passed)
    assert settings.kafka_bootstrap.rpartition(":")[0] in SERVICES
    database = urlsplit(settings.database_url.get_secret_value())
    owner = environment("postgres")
    assert database.hostname in SERVICES
    assert database.username == owner["POSTGRES_USER"]
    assert database.password == owner["POSTGRES_PASSWORD"]
    assert database.path == f"/{owner['POSTGRES_DB']}"
    if name == "slack":
        settings.check_slack()


@pytest.mark.parametrize("name", OURS)
def test_what_we_are_told_to_do_is_a_command(name: str) -> None:
    cli.parser().parse_args(OURS[name]["command"])


def test_every_kind_of_worker_is_started_after_the_topics_and_asked_by_prometheus() -> None:
    assert [name for name in OURS if "worker" in OURS[name]["command"]] == list(WORKERS)
    configuration = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    (asked,) = configuration["scrape_configs"][0]["dns_sd_configs"]
    assert asked["names"] == [*WORKERS, "door"]
    assert load(environment("door")).laurel_metrics_port == asked["port"]
    for name in WORKERS:
        assert OURS[name]["depends_on"] == {
            "topics": {"condition": "service_completed_successfully"}
        }
        assert load(environment(name)).laurel_metrics_port == asked["port"]
        assert f"127.0.0.1:{asked['port']}/readyz" in " ".join(OURS[name]["healthcheck"]["test"])


def test_the_door_listens_where_it_is_mapped_and_asked() -> None:
    settings = load(environment("door"))
    port = settings.laurel_door_port
    assert settings.laurel_door_address == "0.0.0.0", "a container's own address is no use outside"
    assert OURS["door"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"127.0.0.1:{port}/readyz" in " ".join(OURS["door"]["healthcheck"]["test"])


def test_kafka_is_passed_settings_that_kafka_knows(kafka: Broker) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=kafka.bootstrap)) as client:
        broker = str(client.describe_cluster()["brokers"][0]["broker_id"])
        asked = ConfigResource(ConfigResourceType.BROKER, broker)
        found = client.describe_configs([asked], config_filter="all")
    known = set(found["broker"][broker])
    assert len(known) > 100
    passed = environment("kafka").keys() - IMAGES_OWN
    names = {variable.removeprefix("KAFKA_").lower().replace("_", ".") for variable in passed}
    assert names <= known


def test_the_images_are_those_the_tests_use() -> None:
    assert SERVICES["kafka"]["image"] == containers.Kafka.image
    assert SERVICES["postgres"]["image"] == containers.Postgres.image


def test_prometheus_is_given_flags_that_it_knows() -> None:
    command = [str(locate() / "prometheus"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for word in SERVICES["prometheus"]["command"]:
        assert re.search(rf"{word.partition('=')[0]}\b", done.stdout + done.stderr), word


def test_every_variable_is_read_by_someone() -> None:
    """By the image itself, by us, or by a file that the service is given."""
    for name in ("postgres", "grafana"):
        given = "".join(
            path.read_text() for path in (ROOT / "deploy" / name).rglob("*") if path.is_file()
        )
        for variable in environment(name).keys() - IMAGES_OWN:
            assert variable.startswith("GF_SECURITY_") or f"${variable}" in given, variable


def test_what_is_mounted_is_there_and_every_volume_is_kept() -> None:
    kept = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"]
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in kept


def test_what_a_service_waits_for_is_a_service_that_can_tell() -> None:
    for service in SERVICES.values():
        for name, wanted in service.get("depends_on", {}).items():
            healthy = wanted["condition"] == "service_healthy"
            assert ("healthcheck" in SERVICES[name]) == healthy
            assert healthy or "restart" not in SERVICES[name], "it would never be completed"


def test_grafana_finds_the_dashboard_and_what_it_asks() -> None:
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "laurel.yml").read_text())
    places = {source["uid"]: source for source in sources["datasources"]}
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "laurel.json").read_text())
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            assert places[panel["datasource"]["uid"]]["type"] == panel["datasource"]["type"]
            assert {target["refId"] for target in panel["targets"]}
    assert urlsplit(places["prometheus"]["url"]).hostname in SERVICES
    assert places["laurel"]["url"].partition(":")[0] in SERVICES
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "laurel.yml").read_text())[
        "providers"
    ]
    assert any(
        volume.split(":")[1].startswith(f"{provider['options']['path']}/")
        for volume in SERVICES["grafana"]["volumes"]
    )


def test_the_image_has_all_that_a_worker_imports(tmp_path: Path) -> None:
    copied = [line.split()[1:] for line in DOCKERFILE.splitlines() if line.startswith("COPY ")]
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    for source, target in copied:
        assert f"!{source}" in kept
        if (ROOT / source).is_dir():
            (tmp_path / target).symlink_to(ROOT / source)
    script = """
import pkgutil, sys
from importlib import import_module
import streams
for module in pkgutil.iter_modules(streams.__path__):
    import_module(f"streams.{module.name}")
for name in sys.argv[2:]:
    if name in sys.modules:
        assert str(sys.modules[name].__file__).startswith(sys.argv[1]), name
"""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    ours = {package.partition(".")[0] for package in project["tool"]["setuptools"]["packages"]}
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path, *ours],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_without_its_secrets_compose_would_refuse() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    required = {name for name, kind, _ in VARIABLE.findall(text) if kind == "?"}
    assert required == set(GIVEN)
    assert all(kind for _, kind, _ in VARIABLE.findall(text)), "neither required nor defaulted"
