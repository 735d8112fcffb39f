"""The machine that figures were measured on, and what ran on it."""

import os
import platform
from importlib import metadata
from pathlib import Path

import psutil
import sqlalchemy as sa

from runtime import broker
from runtime.database import create_engine
from runtime.servers import Servers

Machine = dict[str, str | int]

SAME = ("processor", "cores", "memory_gb")
"""What makes it another machine if it differs."""


def machine(servers: Servers) -> Machine:
    """This one, with these servers."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **_server_versions(servers),
        "faiss": metadata.version("faiss-cpu"),
        "celery": metadata.version("celery"),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _server_versions(servers: Servers) -> dict[str, str]:
    engine = create_engine(servers.database_url)
    with engine.connect() as connection:
        postgresql = str(connection.scalar(sa.text("SHOW server_version")))
    engine.dispose()
    with broker.connect(servers.redis_url) as client:
        info = client.info("server")
    valkey = str(info.get("valkey_version") or info.get("redis_version"))
    return {"postgresql": postgresql, "valkey": valkey}
