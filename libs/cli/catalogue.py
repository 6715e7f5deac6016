"""Writes and checks the documents that are made from the code: the catalogue of messages and the page of settings."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

from libs.shared.app import App
from libs.shared.catalogue import Json, documents
from libs.shared.settings import Settings, variable

CATALOGUE = Path("docs/catalogue")
SETTINGS = Path("docs/settings.md")

_SETTINGS_HEAD = """# Settings

Every process is set by environment variables alone. This page is made from `libs/shared/settings.py` by
`archipel catalogue`.

| Variable | Values | Default | Meaning |
|---|---|---|---|
"""


def write(root: Path) -> list[str]:
    """Bring all generated documents under `root` up to date; returns the paths that were written or removed."""
    differing = check(root)
    wanted = generate(root)
    for path in differing:
        target = root / path
        if path in wanted:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(wanted[path], encoding="utf-8")
        else:
            target.unlink()
    return differing


def check(root: Path) -> list[str]:
    """The paths, relative to `root`, of documents that are missing, differ from the code, or have no business there."""
    wanted = generate(root)
    there = {str(path.relative_to(root)) for path in (root / CATALOGUE).rglob("*.json")}
    missing_or_other = {path for path, text in wanted.items() if _read(root / path) != text}
    return sorted(missing_or_other | (there - wanted.keys()))


def generate(root: Path) -> dict[str, str]:
    """Every generated document: its path relative to `root` → its text."""
    found = {str(SETTINGS): settings_page()}
    for app in services(root):
        for path, document in documents(app).items():
            found[str(CATALOGUE / path)] = to_text(document)
    return found


def services(root: Path) -> Iterator[App]:
    """The services that answer requests on the bus, each composed without a connection."""
    for path in sorted((root / "services").glob("*/service.py")):
        name = path.parent.name
        compose = getattr(importlib.import_module(f"services.{name}.service"), "compose", None)
        if compose is None:
            continue
        app = App.offline(name)
        compose(app)
        if app.endpoints:
            yield app


def settings_page() -> str:
    """docs/settings.md."""
    return _SETTINGS_HEAD + "".join(_settings_row(field) for field in Settings.model_fields)


def to_text(document: Json) -> str:
    """A document as it stands in its file: indented, its keys in order."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _settings_row(field: str) -> str:
    info = Settings.model_fields[field]
    properties = Settings.model_json_schema(by_alias=False)["properties"][field]
    if choices := properties.get("enum"):
        values = ", ".join(f"`{choice}`" for choice in choices)
    else:
        values = {"array": "comma-separated text"}.get(properties["type"], properties["type"])
    default = properties.get("default")
    shown = f"`{default}`" if default not in ("", []) else "–"
    return f"| `{variable(field)}` | {values} | {shown} | {info.description} |\n"


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
