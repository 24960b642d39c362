"""Whether the service in this container is ready: `python -m services.runtime.probe`, exit code 0 or 1.

A container's health check runs every few seconds, and the image has no curl. This asks with the standard library alone
(30 ms, where the whole program takes a second and a half to import), and says what is not ready: `docker inspect` shows
it.
"""

import http.client
import json
import os
import sys

PORT_VARIABLE = "KOIKARPER_METRICS_PORT"
HOST_VARIABLE = "KOIKARPER_HOST"
PORT = 9464
TIMEOUT_SECONDS = 8
"""More than the checks themselves may take, which `health.py` limits to 5."""
_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - not listened on: where it listens everywhere, it is asked here


def ask(host: str, port: int) -> tuple[bool, str]:
    """Whether everything on this health server is ready, and each thing that is not."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        services = json.loads(answer.read())["services"]
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        return False, f"no answer from {host}:{port}: {error}"
    finally:
        connection.close()
    wrong = [
        f"{name}: {check['name']}: {check['detail']}"
        for name, service in services.items()
        for check in service["checks"]
        if not check["ok"]
    ]
    return answer.status == http.client.OK, "; ".join(wrong) or "ready"


def main() -> int:
    """Ask this container's own health server."""
    host = os.environ.get(HOST_VARIABLE, "")
    ready, said = ask("127.0.0.1" if host in _EVERYWHERE else host, int(os.environ.get(PORT_VARIABLE) or PORT))
    sys.stdout.write(said + "\n")
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main())
