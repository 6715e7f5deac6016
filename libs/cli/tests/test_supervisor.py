import asyncio
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from libs.cli.embedded import answers
from libs.cli.supervisor import StartFailed, Supervisor, run_once
from libs.cli.tests.stand_ins import DEAF, PARENT, SERVES, Remembered, pid_of, spec, until
from libs.shared.ports import LOOPBACK, free_ports


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


async def test_a_stage_is_ready_when_every_process_answers(tmp_path: Path) -> None:
    ports = free_ports(2)
    output = Remembered()
    supervisor = Supervisor(output)
    await supervisor.start([spec("a", SERVES, ports[0], tmp_path), spec("b", SERVES, ports[1], tmp_path)])
    try:
        assert [await answers(LOOPBACK, port) for port in ports] == [True, True]
        assert {name for name, text in output.notes if text.startswith("ready in")} == {"a", "b"}
        await until(lambda: {("a", "serving"), ("b", "serving")} <= set(output.lines))
    finally:
        await supervisor.stop()


async def test_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    before = children()
    supervisor = Supervisor(Remembered())
    ports = free_ports(3)
    await supervisor.start([spec("server", SERVES, ports[0], tmp_path)])
    await supervisor.start([spec("deaf", DEAF, ports[1], tmp_path), spec("parent", PARENT, ports[2], tmp_path)])
    child = int((tmp_path / "parent.pid.child").read_text())
    assert psutil.pid_exists(child)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await supervisor.stop()
    assert loop.time() - began < 3
    assert children() <= before
    await until(lambda: not psutil.pid_exists(child))


async def test_later_stages_stop_before_the_earlier_ones_that_they_rely_on(tmp_path: Path) -> None:
    ports = free_ports(2)
    order = tmp_path / "order"
    program = SERVES.replace("sys.exit(0)", f"(open({str(order)!r}, 'a').write(sys.argv[1] + ' '), sys.exit(0))")
    supervisor = Supervisor(Remembered())
    await supervisor.start([spec("database", program, ports[0], tmp_path)])
    await supervisor.start([spec("service", program, ports[1], tmp_path)])
    await supervisor.stop()
    assert order.read_text().split() == [str(ports[1]), str(ports[0])]


async def test_a_process_that_dies_is_started_again(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    output = Remembered()
    supervisor = Supervisor(output)
    await supervisor.start([spec("a", SERVES, port, tmp_path)])
    try:
        first = pid_of("a", tmp_path)
        os.kill(first, signal.SIGKILL)
        await until(lambda: pid_of("a", tmp_path) != first)
        await until(lambda: answers(LOOPBACK, port))
        assert ("a", "was ended by SIGKILL; starts again in 0.5 s") in output.notes
    finally:
        await supervisor.stop()


async def test_pauses_between_restarts_grow(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    output = Remembered()
    supervisor = Supervisor(output)
    with pytest.raises(StartFailed, match="a does not start: no such luck"):
        await supervisor.start([spec("a", "import sys; sys.exit('no such luck')", port, tmp_path)])
    await supervisor.stop()
    assert [text for _, text in output.notes] == [
        f"exited with code 1; starts again in {pause} s" for pause in ("0.5", "1", "2")
    ]


async def test_a_program_that_does_not_exist_fails_the_start(tmp_path: Path) -> None:
    supervisor = Supervisor(Remembered())
    missing = replace(spec("a", SERVES, free_ports(1)[0], tmp_path), command=[str(tmp_path / "nothing")])
    with pytest.raises(StartFailed, match="nothing: No such file or directory"):
        await supervisor.start([missing])
    await supervisor.stop()


async def test_a_process_that_never_gets_ready_fails_the_start(tmp_path: Path) -> None:
    before = children()
    supervisor = Supervisor(Remembered())
    with pytest.raises(StartFailed, match=r"a is not ready after 0\.5 s"):
        await supervisor.start([spec("a", "import time; time.sleep(60)", 1, tmp_path)], timeout_seconds=0.5)
    await supervisor.stop()
    assert children() <= before


async def test_stop_during_a_pause_does_not_wait_for_it(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    output = Remembered()
    supervisor = Supervisor(output)
    await supervisor.start([spec("a", SERVES, port, tmp_path)])
    os.kill(pid_of("a", tmp_path), signal.SIGKILL)
    await until(lambda: any("starts again" in text for _, text in output.notes))
    await asyncio.wait_for(supervisor.stop(), 0.4)
    assert not await answers(LOOPBACK, port)


async def test_output_of_any_size_and_encoding_is_shown(tmp_path: Path) -> None:
    output = Remembered()
    program = "import sys; sys.stdout.buffer.write(b'x' * 200_000 + b'\\n\\xff caf\\xc3\\xa9\\nend without a break')"
    assert await run_once("a", [sys.executable, "-c", program], dict(os.environ), output) == 0
    texts = [text for _, text in output.lines]
    assert "".join(texts[:-2]) == "x" * 200_000
    assert texts[-2:] == ["\N{REPLACEMENT CHARACTER} café", "end without a break"]


async def test_hidden_lines_are_not_shown(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    output = Remembered()
    supervisor = Supervisor(output)
    program = SERVES.replace("print(", "print('[INF] chatter'); print(")
    await supervisor.start([replace(spec("a", program, port, tmp_path), hidden=re.compile(r"\[INF\]"))])
    await until(lambda: ("a", "serving") in output.lines)
    await supervisor.stop()
    assert ("a", "[INF] chatter") not in output.lines


async def test_a_command_run_once_dies_with_its_caller(tmp_path: Path) -> None:
    before = children()
    running = asyncio.create_task(
        run_once("a", [sys.executable, "-c", "import time; time.sleep(600)"], dict(os.environ), Remembered())
    )
    await until(lambda: bool(children() - before))
    running.cancel()
    await asyncio.wait({running})
    await until(lambda: children() <= before)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part of it, PR_SET_PDEATHSIG, is Linux's")
async def test_a_supervisor_killed_by_force_leaves_nothing_behind(tmp_path: Path) -> None:
    ports = free_ports(2)
    program = f"""
import asyncio
from pathlib import Path
from libs.cli.supervisor import Supervisor
from libs.cli.tests.stand_ins import DEAF, SERVES, Remembered, spec

async def main():
    supervisor = Supervisor(Remembered())
    folder = Path({str(tmp_path)!r})
    await supervisor.start([spec("a", SERVES, {ports[0]}, folder), spec("b", DEAF, {ports[1]}, folder)])
    print("up", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
    supervisor = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert supervisor.stdout is not None
    assert await supervisor.stdout.readline() == b"up\n"
    pids = [pid_of("a", tmp_path), pid_of("b", tmp_path)]
    assert all(map(psutil.pid_exists, pids))
    supervisor.kill()
    await supervisor.wait()
    await until(lambda: not any(map(psutil.pid_exists, pids)), seconds=2)
