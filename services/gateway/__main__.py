"""`python -m services.gateway`: the gateway as a process."""

import sys

import uvloop

from libs.shared import logs, settings, telemetry
from libs.shared.connection import NotReachable
from libs.shared.health import PortBusy
from services.gateway.service import serve


def main() -> int:
    """Run until a signal; 0 after an orderly end, 1 when a setting or a server is missing."""
    try:
        chosen = settings.load()
        logs.configure(chosen.log_level, chosen.log_format, "gateway")
        end_telemetry = telemetry.configure("gateway", chosen.otlp_endpoint)
        try:
            uvloop.run(serve(chosen))
        finally:
            end_telemetry()
    except (settings.SettingsError, PortBusy, NotReachable) as error:
        sys.stderr.write(f"gateway: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
