import pytest

from stages.runtime import progress
from stages.runtime.progress import transfer


def test_a_log_tells_rate_and_time_left(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with transfer("downloading") as show:
        show(1_000_000_000, 8_000_000_000)  # an earlier run's
        now = 5.0
        show(1_500_000_000, 8_000_000_000)
        now = 20.0
        show(2_000_000_000, 8_000_000_000)
        now = 140.0
        show(8_000_000_000, 8_000_000_000)
    assert capsys.readouterr().err.splitlines() == [
        "downloading: 2000.0 of 8000.0 MB, 50.0 MB/s, 120 s left",
        "downloading: 8000.0 of 8000.0 MB, 50.0 MB/s, 0 s left",
    ]


def test_a_log_of_a_stalled_download(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with transfer("downloading") as show:
        show(0, 1_000_000)
        now = 20.0
        show(0, 1_000_000)
    assert capsys.readouterr().err == "downloading: 0.0 of 1.0 MB, 0.0 MB/s, stalled\n"
