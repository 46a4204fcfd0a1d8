"""The files of the statistical model of crowns: the user's own where they lie there, else downloaded and checked."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from scans.errors import UserError
from scans.synthetic.crown_files import COMMIT, PAGE, SHA256, folder, size
from stages.params.tree import Params
from stages.runtime.progress import say, transfer
from stages.runtime.store import file_digest
from stages.runtime.workspace import HIDDEN

FOLDER = HIDDEN / "crown_model"


def crown_model(params: Params) -> Path:
    """The folder with all of the model's files, checked; those that were downloaded stay for later runs.

    Raises:
        UserError: a file can't be had, or is another than the published one.
    """
    source = params.download.synthetic
    if source.crown_model:
        own = Path(source.crown_model)
        if absent := [name for name in SHA256 if not (own / name).is_file()]:
            raise UserError(
                f"{own}: lacks {len(absent)} of the model's {len(SHA256)} files, {absent[0]} first. Put them there, or "
                'set download.synthetic.crown_model in params.yaml to "" to have them downloaded.'
            )
        for name in SHA256:
            _check(name, own / name)
        return own
    FOLDER.mkdir(parents=True, exist_ok=True)
    missing = [name for name in SHA256 if not _right(FOLDER / name)]
    if missing:
        _download(missing, source.crown_model_url, params.compute.connections)
    return FOLDER


def _download(names: list[str], url: str, connections: int) -> None:
    from scans.fetching.fetch import Remote, fetch

    say(f"synthetic: the model of measured crowns, MIT licence, is fetched from {PAGE}")
    addresses = {name: url.format(commit=COMMIT, path=f"{folder(name)}/{name}") for name in names}
    checks: dict[str, Callable[[Path], None]] = {name: partial(_check, name) for name in names}
    with transfer("downloading") as show:
        fetch(
            [Remote(addresses[name], FOLDER / name, size(name), size(name), checks[name]) for name in names],
            connections=connections,
            show=show,
            tell=say,
            otherwise=(
                f"By hand: get ssm/eigValVec and ssm/cpdGpParams of {PAGE} at commit {COMMIT}, put their files into "
                "one folder and name it in download.synthetic.crown_model of params.yaml. Or set "
                "download.synthetic.crowns to parametric, which needs none."
            ),
        )


def _right(path: Path) -> bool:
    return path.is_file() and file_digest(path) == SHA256[path.name]


def _check(name: str, path: Path) -> None:
    found = file_digest(path)
    if found != SHA256[name]:
        raise UserError(
            f"{path}: wrong checksum: its SHA-256 is {found}, that of {name} is {SHA256[name]}. Get the file again."
        )
