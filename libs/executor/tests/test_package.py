"""The executor as a package of its own: built, and put where there is nothing else but graphql-core."""

import re
import subprocess
import sys
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import graphql
import pytest

PACKAGE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=PACKAGE, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_the_modules_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == {f"archipel_executor/{path.name}" for path in [*PACKAGE.glob("*.py"), PACKAGE / "py.typed"]}
    about = message_from_bytes(wheel.read("archipel_executor-0.1.0.dist-info/METADATA"))
    needed = [one for one in about.get_all("Requires-Dist", []) if "extra ==" not in one]
    assert [re.split(r"[<>=]", one)[0] for one in needed] == ["graphql-core"]
    assert about["License-Expression"] == "Apache-2.0"
    assert "Apache License" in wheel.read("archipel_executor-0.1.0.dist-info/licenses/LICENSE").decode()


def test_the_example_of_the_readme_runs_where_nothing_else_is(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False)
    [site] = tmp_path.glob("lib/python*/site-packages")
    wheel.extractall(site)
    (site / "graphql").symlink_to(Path(graphql.__file__).parent)
    found = re.search(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    assert found is not None
    python = [str(tmp_path / "bin/python"), "-I", "-W", "error"]
    ran = subprocess.run(
        [*python, "-c", found[1] + "\nprint(result.data)"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "the author of Lamp" in ran.stdout
    other = subprocess.run(
        [*python, "-c", "import strawberry"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "ModuleNotFoundError" in other.stderr, "it is not as alone as this test says"
