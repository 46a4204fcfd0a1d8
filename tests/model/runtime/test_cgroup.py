from pathlib import Path

from model.runtime.cgroup import cpu_quota, memory_limit


def test_the_quota_of_a_container_of_either_version(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cpu_quota(tmp_path) is None
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert cpu_quota(tmp_path) == 1.5
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("50000\n")
    for quota, cores in (("-1\n", None), ("100000\n", 2.0)):
        (tmp_path / "cpu/cpu.cfs_quota_us").write_text(quota)
        assert cpu_quota(tmp_path) == cores


def test_the_memory_of_a_container_of_either_version(tmp_path: Path) -> None:
    assert memory_limit(tmp_path) is None
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/memory.limit_in_bytes").write_text("2147483648\n")
    assert memory_limit(tmp_path) == 2 << 30
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_limit(tmp_path) == 2 << 30
    (tmp_path / "memory.max").write_text("1073741824\n")
    assert memory_limit(tmp_path) == 1 << 30
