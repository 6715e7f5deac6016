"""The generated documents as files: written once, compared, cleared."""

import json
from pathlib import Path

import pytest
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema

from libs.cli import catalogue
from libs.shared.app import App
from libs.shared.settings import Settings, variable
from libs.shared.tests import counting
from libs.shared.tests.test_catalogue import references, resolve


@pytest.fixture
def one_service(monkeypatch: pytest.MonkeyPatch) -> None:
    app = App.offline("counting")
    counting.compose(app)
    monkeypatch.setattr(catalogue, "services", lambda _root: iter([app]))


@pytest.mark.usefixtures("one_service")
def test_files_are_written_once_checked_and_cleared(tmp_path: Path) -> None:
    missing = catalogue.check(tmp_path)
    assert "docs/settings.md" in missing
    assert "docs/catalogue/counting/asyncapi.json" in missing
    assert catalogue.write(tmp_path) == missing
    assert catalogue.check(tmp_path) == []

    changed = tmp_path / "docs/catalogue/counting/events/joined.schema.json"
    changed.write_text(changed.read_text().replace("member_id", "member"))
    stale = tmp_path / "docs/catalogue/counting/events/gone.schema.json"
    stale.write_text("{}")
    differing = ["docs/catalogue/counting/events/gone.schema.json", "docs/catalogue/counting/events/joined.schema.json"]
    assert catalogue.check(tmp_path) == differing
    assert catalogue.write(tmp_path) == differing
    assert not stale.exists()
    assert catalogue.check(tmp_path) == []


def test_the_page_of_settings_names_every_variable() -> None:
    page = catalogue.settings_page()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [variable(field) for field in Settings.model_fields]
    assert "| `ARCHIPEL_STREAM_REPLICAS` | `1`, `3`, `5` | `1` |" in page


def test_every_service_of_the_repository_can_be_described() -> None:
    root = Path(__file__).parents[3]
    found = catalogue.generate(root)
    for name in ("members", "discussions", "events", "feedback"):
        document = json.loads(found[f"docs/catalogue/{name}/asyncapi.json"])
        assert all(resolve(document, reference) for reference in references(document))
        ApplicationSchema.model_validate(document)
