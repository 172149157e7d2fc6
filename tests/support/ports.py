"""Free TCP ports on 127.0.0.1 for servers that are killed and started again on the same port."""

import random
import socket
from pathlib import Path

_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_240
_USUAL_EPHEMERAL = 32_768


def free_ports(count: int) -> list[int]:
    """`count` different free ports below the range from which the kernel gives ports to clients.

    A port of that range may be handed to any outgoing connection while its server is down, even to the one
    that is calling the dead server, and the server could then not come back.
    """
    held: list[socket.socket] = []
    try:
        for port in random.SystemRandom().sample(range(_LOWEST, _first_ephemeral()), k=500):
            candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                candidate.close()
                continue
            held.append(candidate)
            if len(held) == count:
                return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()
    raise OSError(f"no {count} free ports found on 127.0.0.1")


def accepts(host: str, port: int, *, seconds: float = 1.0) -> bool:
    """True when something accepts a TCP connection there within `seconds`."""
    try:
        with socket.create_connection((host, port), timeout=seconds):
            return True
    except OSError:
        return False


def _first_ephemeral() -> int:
    """The first port that the kernel hands to clients; at least 1,000 above the lowest that we use."""
    try:
        first = int(_RANGE_FILE.read_text().split()[0])
    except (OSError, ValueError):
        return _USUAL_EPHEMERAL
    return first if first >= _LOWEST + 1_000 else _USUAL_EPHEMERAL
