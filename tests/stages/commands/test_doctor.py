import importlib.metadata

import pytest

from model.runtime import cgroup
from stages.commands.doctor import _machine, _unmet


def test_a_package_in_a_version_that_was_ruled_out_is_named() -> None:
    """As SQLAlchemy 2.1, with which Prefect's scheduler fails in silence."""
    version = importlib.metadata.version("sqlalchemy")
    assert list(_unmet(["sqlalchemy<2.1", "numpy>=2.0", "onnx>99; extra == 'onnx'"])) == []
    assert list(_unmet(["numpy>=2.0", "sqlalchemy<1"])) == [f"sqlalchemy {version}, needed <1"]


def test_a_containers_limits_count_as_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "memory_limit", lambda: 3_000_000_000)
    monkeypatch.setattr(cgroup, "cpu_quota", lambda: 0.5)
    works, state, remedy = _machine()
    assert not works
    assert state.startswith("0.5 cores, 3 GB memory, ")
    assert "container" in remedy
