"""What the nursery's tests let it run: `python -m libs.cli.tests.stand_in_module <what> …`."""

import json
import os
import signal
import sys
import threading
import time


def main(what: str, *arguments: str) -> None:
    match what:
        case "tell":
            told = {
                "arguments": arguments,
                "variable": os.environ.get("VARIABLE"),
                "wave": "wave" in sys.modules,
                "name": __name__,
                "group": os.getpgid(0) == os.getpid(),
                "threads": threading.active_count(),
                "child signal": signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL,
            }
            sys.stdout.write(json.dumps(told))
        case "exit":
            sys.exit(int(arguments[0]))
        case "complain":
            sys.exit("no such luck")
        case "fail":
            raise RuntimeError("on purpose")
        case "wait":
            time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
