import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from libs.cli.data_folder import DataFolder, Running
from libs.cli.problems import CannotRun

RUNNING = Running(
    pid=1,
    gateway_url="http://g",
    nats_url="nats://n",
    mongo_url="mongodb://m",
    issuer="http://i",
    issuer_url="http://i",
)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "deep" / "data")
    made.prepare()
    return made


def test_a_secret_stays_the_same_and_only_its_owner_reads_it(folder: DataFolder) -> None:
    secret = folder.secret("identity.key")
    assert len(secret) == 43
    assert DataFolder(folder.root).secret("identity.key") == secret
    assert folder.secret("another") != secret
    assert stat.S_IMODE((folder.root / "identity.key").stat().st_mode) == 0o600


def test_a_file_in_the_place_of_the_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CannotRun, match=r"^cannot use the data folder .*file.*: (File exists|Not a directory)$"):
            DataFolder(path).prepare()


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    if os.geteuid() == 0:  # root may write anywhere but where the kernel itself forbids it
        path = Path("/proc/self/archipel") if sys.platform == "linux" else Path("/dev/null/archipel")
    else:
        path = tmp_path / "closed"
        path.mkdir(mode=0o500)
    with pytest.raises(CannotRun, match=r"^cannot use the data folder /"):
        DataFolder(path).prepare()


def test_a_file_that_cannot_be_read_is_one_clear_line(folder: DataFolder) -> None:
    (folder.root / "identity.key").mkdir()
    with pytest.raises(CannotRun, match=r"^cannot read .*identity\.key: Is a directory$"):
        folder.secret("identity.key")


def test_the_lock_is_held_by_one_process_at_a_time(folder: DataFolder) -> None:
    other = DataFolder(folder.root)
    assert folder.holder() is None
    with folder.lock():
        assert other.holder() == os.getpid()
        with pytest.raises(CannotRun, match=rf"already runs on .* \(process {os.getpid()}\).*make down"), other.lock():
            pytest.fail("two hold the lock")
    assert folder.holder() is None
    with other.lock():
        pass


def test_the_lock_of_a_killed_process_is_free(folder: DataFolder) -> None:
    program = (
        "import sys, time; from pathlib import Path; from libs.cli.data_folder import DataFolder\n"
        "with DataFolder(Path(sys.argv[1])).lock():\n    print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, str(folder.root)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert folder.holder() == holder.pid
    holder.kill()
    holder.wait()
    with folder.lock():
        assert folder.holder() == os.getpid()


def test_only_a_platform_that_holds_the_folder_is_running(folder: DataFolder) -> None:
    with pytest.raises(CannotRun, match="no platform runs on"):
        folder.running()
    folder.announce(RUNNING)
    with pytest.raises(CannotRun, match="no platform runs on"):
        folder.running()
    with folder.lock():
        assert folder.running() == RUNNING
        folder.write("running.json", b"{")
        with pytest.raises(CannotRun, match=r"running\.json is damaged"):
            folder.running()
        folder.forget()
        with pytest.raises(CannotRun, match="no platform runs on"):
            folder.running()
