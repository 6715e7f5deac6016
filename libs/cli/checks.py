"""`make check`: every check that needs no running server, one after the other, with a summary at the end."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from libs.cli import catalogue, schema_history
from libs.cli.problems import CannotRun

_ROOT = Path(__file__).resolve().parents[2]
_BIN = Path(sys.executable).parent
_KUSTOMIZATIONS = ("deploy/k8s/base",)


class CheckFailed(Exception):
    """A check found something; the message is what it found."""


class Check(NamedTuple):
    """A named check; `run` raises `CheckFailed`."""

    name: str
    run: Callable[[], object]


def checks() -> list[Check]:
    """All checks, the quick ones first."""
    return [
        Check("ruff check", partial(_run, "ruff", "check", ".")),
        Check("ruff format", partial(_run, "ruff", "format", "--check", ".")),
        Check("boundaries", partial(_run, "lint-imports", "--no-logo")),
        Check("Dockerfile", partial(_run, "hadolint", "deploy/Dockerfile")),
        *(Check(f"manifests in {path}", partial(validate_manifests, _ROOT / path)) for path in _KUSTOMIZATIONS),
        Check("GraphQL schema", check_schema),
        Check("catalogue", check_catalogue),
        Check("mypy", partial(_run, "mypy")),
    ]


def validate_manifests(kustomization: Path) -> None:
    """Builds a kustomization and validates every object strictly; a warning, as for an unknown kind, is a failure."""
    manifests = _run("kubectl", "kustomize", str(kustomization))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(manifests)
        file.flush()
        said = _run("kubernetes-validate", "--strict", "--quiet", file.name)
    if said.strip():
        raise CheckFailed(said)


def check_schema() -> None:
    """The schema is the published one, so that a change is seen in a review, and a later one cannot break it unseen."""
    from services.gateway.schema import text  # noqa: PLC0415 – takes seconds, which the quick checks need not wait for

    if found := schema_history.check(_ROOT, text()):
        raise CheckFailed("\n".join(found))


def check_catalogue() -> None:
    """docs/catalogue and docs/settings.md are what the code makes of itself."""
    if differing := catalogue.check(_ROOT):
        shown = [*differing[:10], f"and {len(differing) - 10} more"] if len(differing) > 10 else differing
        raise CheckFailed("\n".join([*shown, "differ from the code: run archipel catalogue"]))


def main() -> int:
    """Runs every check, also after a failure; returns the exit code."""
    console = Console(highlight=False, soft_wrap=True)
    failed = 0
    for check in checks():
        began = time.monotonic()
        try:
            check.run()
        except (CheckFailed, CannotRun) as problem:
            failed += 1
            console.print(f"✗ {check.name}", style="bold red", markup=False)
            console.print(str(problem).rstrip(), markup=False)
        else:
            console.print(f"✓ {check.name} ({time.monotonic() - began:.1f} s)", style="green", markup=False)
    console.print("every check passed" if not failed else f"{failed} of {len(checks())} checks failed", style="bold")
    return 1 if failed else 0


def _run(program: str, *arguments: str) -> str:
    """Runs a program of this environment in the repository and returns what it wrote to standard output."""
    command: Sequence[str] = [str(_BIN / program), *arguments]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)  # noqa: S603 – no outside input
    if done.returncode != 0:
        raise CheckFailed(done.stdout + done.stderr)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
