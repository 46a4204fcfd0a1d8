"""What the UI costs: a pipeline in which nothing is out of date, by plain `dvc repro` and triggered on `tenview serve`.

Run it in a project that is up to date: `dvc repro && python benchmarks/bench_flows.py`. Seconds from command or trigger
to end, with the server running; minima of five.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 5
PROGRAMS = Path(sys.executable).parent


def main() -> None:
    """Print both times and their difference."""
    if not _dvc("status", "--quiet"):
        print("not measured: the pipeline is not up to date; run dvc repro first")
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    serve = subprocess.Popen(
        [PROGRAMS / "tenview", "serve", "--port", str(port)], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert serve.stderr
        assert any("in the Prefect UI" in line for line in serve.stderr), "tenview serve did not start"
        plain, triggered = zip(*[(_plain(), _triggered(port)) for _ in range(ROUNDS)], strict=True)
    finally:
        serve.send_signal(signal.SIGTERM)
        serve.communicate()
    more = min(triggered) - min(plain)
    print(f"plain dvc repro {min(plain):.1f} s, from the UI {min(triggered):.1f} s: {more:.1f} s more")


def _dvc(*arguments: str) -> bool:
    return subprocess.run([PROGRAMS / "dvc", *arguments], stdout=subprocess.DEVNULL, check=False).returncode == 0


def _plain() -> float:
    started = time.perf_counter()
    assert _dvc("repro")
    return time.perf_counter() - started


def _triggered(port: int) -> float:
    import httpx

    user, password = Path(".tenview/prefect/auth").read_text().split(":")
    api = httpx.Client(base_url=f"http://127.0.0.1:{port}/api", auth=(user, password), timeout=60)
    deployments = api.post("/deployments/filter", json={}).json()
    deployment = next(each["id"] for each in deployments if each["entrypoint"].endswith(".pipeline"))
    started = time.perf_counter()
    run = api.post(f"/deployments/{deployment}/create_flow_run", json={}).json()
    while (state := api.get(f"/flow_runs/{run['id']}").json()["state"]["type"]) != "COMPLETED":
        assert state in ("SCHEDULED", "PENDING", "RUNNING"), state
        time.sleep(0.05)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
