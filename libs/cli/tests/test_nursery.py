import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress

import psutil
import pytest

from libs.cli.child import follow
from libs.cli.nursery import Nursery
from libs.cli.tests.stand_ins import until

#: A module of the standard library that nothing else here imports.
PRELOAD = ("wave",)
COMMAND = (sys.executable, "-m", "libs.cli.tests.stand_in_module")


@pytest.fixture
async def nursery() -> AsyncGenerator[Nursery, None]:
    started = Nursery(PRELOAD, os.environ)
    yield started
    await started.close()


async def run(nursery: Nursery, *arguments: str, **env: str) -> tuple[int, list[str]]:
    lines: list[str] = []
    child = await nursery.spawn([*COMMAND, *arguments], {**os.environ, **env})
    return await follow(child, lines.append), lines


def descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


async def test_a_child_runs_as_its_command_says_with_everything_imported(nursery: Nursery) -> None:
    code, (line,) = await run(nursery, "tell", "a", "b", VARIABLE="value")
    assert code == 0
    assert json.loads(line) == {
        "arguments": ["a", "b"],
        "variable": "value",
        "wave": True,
        "name": "__main__",
        "group": True,
        "threads": 1,
        "child signal": True,
    }


async def test_children_do_not_see_each_others_environment(nursery: Nursery) -> None:
    await run(nursery, "tell", VARIABLE="value")
    _, (line,) = await run(nursery, "tell")
    assert json.loads(line)["variable"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "last"),
    [
        (["exit", "0"], 0, None),
        (["exit", "7"], 7, None),
        (["complain"], 1, "no such luck"),
        (["fail"], 1, "RuntimeError: on purpose"),
    ],
)
async def test_endings_are_those_of_a_program(
    nursery: Nursery, arguments: list[str], code: int, last: str | None
) -> None:
    ended, lines = await run(nursery, *arguments)
    assert ended == code
    assert (lines[-1] if lines else None) == last


async def test_a_killed_child_ends_alone(nursery: Nursery) -> None:
    first, second = [await nursery.spawn([*COMMAND, "wait"], os.environ) for _ in range(2)]
    os.kill(first.pid, signal.SIGKILL)
    assert await asyncio.wait_for(first.wait(), 5) == -signal.SIGKILL
    assert second.returncode is None
    os.killpg(second.pid, signal.SIGTERM)
    assert await asyncio.wait_for(second.wait(), 5) == -signal.SIGTERM


async def test_many_at_once_are_told_apart(nursery: Nursery) -> None:
    codes = await asyncio.gather(*(run(nursery, "exit", str(code)) for code in range(20)))
    assert [code for code, _ in codes] == list(range(20))


async def test_closing_leaves_nothing_behind(nursery: Nursery) -> None:
    before = set(descendants())
    child = await nursery.spawn([*COMMAND, "wait"], os.environ)
    assert psutil.pid_exists(child.pid)
    await nursery.close()
    assert await asyncio.wait_for(child.wait(), 5) == -signal.SIGKILL
    await until(lambda: not psutil.pid_exists(child.pid))
    assert set(descendants()) <= before


async def test_a_killed_nursery_takes_its_children_along_and_is_replaced(nursery: Nursery) -> None:
    before = set(descendants())
    child = await nursery.spawn([*COMMAND, "wait"], os.environ)
    (process,) = [found for found in psutil.Process().children() if found not in before]
    process.kill()
    assert await asyncio.wait_for(child.wait(), 5) == -signal.SIGKILL
    await until(lambda: not psutil.pid_exists(child.pid))
    assert await run(nursery, "exit", "3") == (3, [])


async def test_a_module_that_cannot_be_imported_fails_the_start() -> None:
    nursery = Nursery(["no_such_module"], os.environ)
    with pytest.raises(OSError, match="the process that forks services has ended"):
        await nursery.spawn([*COMMAND, "exit", "0"], os.environ)
    await nursery.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part of it, PR_SET_PDEATHSIG, is Linux's")
async def test_children_do_not_outlive_whoever_asked_for_them() -> None:
    program = """
import asyncio, os, sys
from libs.cli.nursery import Nursery
from libs.cli.tests.test_nursery import COMMAND

async def main():
    child = await Nursery((), os.environ).spawn([*COMMAND, "wait"], os.environ)
    print(child.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
    asking = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert asking.stdout is not None
    pid = int(await asking.stdout.readline())
    family = [psutil.Process(pid), *psutil.Process(asking.pid).children()]
    assert len(family) == 2, "the nursery process and its child"
    asking.kill()
    await asking.wait()

    def gone() -> bool:
        with suppress(psutil.NoSuchProcess):
            return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family)
        return True

    await until(gone, seconds=2)
