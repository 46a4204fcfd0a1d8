import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.networks.checkpoint import load_checkpoint, save_checkpoint
from scans.errors import UserError
from tests.model.conftest import new_network


@pytest.fixture
def path(kwargs: dict[str, Any], tmp_path: Path) -> Path:
    """A sound checkpoint."""
    path = tmp_path / "network.safetensors"
    save_checkpoint(new_network(0, **kwargs), path, params_digest="abc", history=[{"epoch": 0, "f_035": 0.5}])
    return path


def describe(path: Path, **changes: object) -> None:
    """Change the JSON, and make its digest fit the weights as they are now."""
    beside = path.with_suffix(".json")
    content = json.loads(beside.read_text()) | {"weights_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    beside.write_text(json.dumps(content | changes))


def test_round_trip(path: Path, kwargs: dict[str, Any]) -> None:
    network, description = load_checkpoint(path)
    expected = new_network(0, **kwargs).eval()
    assert not network.training
    views = torch.rand(1, 3, 32, 32)
    assert torch.equal(network(views), expected(views))
    assert description["params_digest"] == "abc"
    assert description["history"] == [{"epoch": 0, "f_035": 0.5}]
    assert sorted(p.name for p in path.parent.iterdir()) == ["network.json", "network.safetensors"]


def test_half_precision_takes_half_the_space(path: Path, kwargs: dict[str, Any], tmp_path: Path) -> None:
    half, large = tmp_path / "half.safetensors", kwargs | {"hidden": 512}
    whole = new_network(0, **large).eval()
    save_checkpoint(whole, path, params_digest="", history=[])
    save_checkpoint(whole, half, params_digest="", history=[], half=True)
    assert half.stat().st_size < 0.6 * path.stat().st_size
    network, _ = load_checkpoint(half)
    stored = load_file(half)
    for name, value in network.named_parameters():
        assert value.dtype == torch.float32, name
        assert stored[name].dtype == (torch.float16 if value.ndim > 1 else torch.float32), name
    for (name, got), expected in zip(network.state_dict().items(), whole.state_dict().values(), strict=True):
        if got.ndim < 2:
            assert torch.equal(got, expected), name
        else:
            torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-3)
    views = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(network(views), whole(views), atol=1e-2, rtol=1e-2)


def test_the_same_network_gives_the_same_bytes(path: Path, kwargs: dict[str, Any], tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    save_checkpoint(new_network(0, **kwargs), again, params_digest="abc", history=[{"epoch": 0, "f_035": 0.5}])
    assert again.read_bytes() == path.read_bytes()
    assert again.with_suffix(".json").read_bytes() == path.with_suffix(".json").read_bytes()


def test_a_network_that_looks_alike_is_refused_by_its_digest(path: Path, kwargs: dict[str, Any]) -> None:
    beside = path.with_suffix(".json").read_bytes()
    save_checkpoint(new_network(1, **kwargs), path, params_digest="abc", history=[])
    path.with_suffix(".json").write_bytes(beside)
    with pytest.raises(UserError, match=r"network.safetensors: not the weights that network.json describes"):
        load_checkpoint(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_missing_file_is_named(path: Path, suffix: str) -> None:
    path.with_suffix(suffix).unlink()
    with pytest.raises(UserError, match=rf"network\{suffix}: no such file"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b"\xff\xfe", b'{"format": 1}', b"[" * 100_000])
def test_a_json_of_another_kind_is_named(path: Path, content: bytes) -> None:
    path.with_suffix(".json").write_bytes(content)
    with pytest.raises(UserError, match=r"network\.json: "):
        load_checkpoint(path)


@pytest.mark.parametrize(
    "network",
    [None, 3, {}, {"encoder": "no_such_net"}, {"views": 0}, {"points": -3}, {"hidden": 10**13}, {"surprise": 1}],
)
def test_a_json_that_describes_no_network_is_named(path: Path, kwargs: dict[str, Any], network: object) -> None:
    whole = kwargs | network if isinstance(network, dict) and network else network
    describe(path, network=whole)
    with pytest.raises(UserError, match=r"network\.(json|safetensors): "):
        load_checkpoint(path)


def test_truncated_weights_are_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged"):
        load_checkpoint(path)
    describe(path)
    with pytest.raises(UserError, match="not a readable safetensors file"):
        load_checkpoint(path)


def test_a_pickle_is_never_run(path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return (pytest.fail, ("a pickle was run",))

    torch.save({"a": Bomb()}, path)
    describe(path)
    with pytest.raises(UserError, match="not a readable safetensors file"):
        load_checkpoint(path)


def test_missing_extra_and_misshapen_tensors_are_named(path: Path) -> None:
    good = load_file(path)
    name = "decoder.basis.bias"
    for state, message in (
        ({key: value for key, value in good.items() if key != name}, f"lacks 1 tensors, such as {name}"),
        (good | {"more": torch.zeros(1)}, "also holds 1 tensors, such as more"),
        (good | {name: torch.zeros(3)}, rf"{name} has the shape \(3,\), expected \(192,\)"),
    ):
        save_file(state, path)
        describe(path)
        with pytest.raises(UserError, match=message):
            load_checkpoint(path)


def test_another_architecture_is_refused(path: Path, kwargs: dict[str, Any]) -> None:
    describe(path, network=kwargs | {"encoder": "test_resnet"})
    with pytest.raises(UserError, match="weights of another network"):
        load_checkpoint(path)


def test_a_failed_write_leaves_the_old_checkpoint(
    path: Path, kwargs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full(*_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(new_network(0, **kwargs), path, params_digest="", history=[])
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["network.json", "network.safetensors"]
