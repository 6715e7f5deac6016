"""The process behind `nursery`: imports modules once, then forks a child for each request.

`python -m libs.cli.nursery_process <socket> <module>…`.  A request is one JSON line with the descriptor for the child's
output: `{"argv", "env"}`; it is answered by `{"pid"}`.  An ended child is told by `{"pid", "code"}`.  When the other
side is gone, all children are killed.
"""

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

from libs.cli.child import leash

_LONGEST_REQUEST_BYTES = 65_536


def serve(channel: socket.socket) -> None:
    """Forks until the other side of the channel is gone."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    children: set[int] = set()
    watched: list[socket.socket | int] = [channel, woken]
    while True:
        readable, _, _ = select.select(watched, [], [])
        if woken in readable:
            os.read(woken, 1024)
            for pid, code in _ended():
                children.discard(pid)
                with contextlib.suppress(OSError):
                    channel.sendall(json.dumps({"pid": pid, "code": code}).encode() + b"\n")
        if channel in readable:
            request, descriptors, _, _ = socket.recv_fds(channel, _LONGEST_REQUEST_BYTES, 1)
            if not request:
                break
            wanted = json.loads(request)
            pid = _fork(wanted["argv"], wanted["env"], descriptors[0], (channel.fileno(), woken, wake))
            os.close(descriptors[0])
            children.add(pid)
            channel.sendall(json.dumps({"pid": pid}).encode() + b"\n")
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _ended() -> list[tuple[int, int]]:
    found = []
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            found.append((ended[0], os.waitstatus_to_exitcode(ended[1])))
    return found


def _fork(argv: list[str], env: Mapping[str, str], output: int, mine: tuple[int, ...]) -> int:
    tie = leash()
    pid = os.fork()
    if pid:
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)  # here and in the child: whoever comes first
        return pid
    code = 1
    try:
        os.setpgid(0, 0)
        if tie is not None:
            tie()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        for descriptor in (output, *mine):
            os.close(descriptor)
        os.environ.update(env)
        with contextlib.suppress(OSError):  # what `top` shows; Linux only
            Path("/proc/self/comm").write_text(argv[0].rpartition(".")[2])
        code = _run(argv)
    finally:
        os._exit(code)  # never back into the loop above


def _run(argv: list[str]) -> int:
    """Runs `python -m <argv>` in this process and returns its exit code."""
    sys.argv = argv
    try:
        runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as ending:
        if isinstance(ending.code, str):
            sys.stderr.write(f"{ending.code}\n")
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def main() -> None:
    """Imports the modules named on the command line and serves the socket."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    for module in sys.argv[2:]:
        importlib.import_module(module)
    serve(channel)


if __name__ == "__main__":
    main()
