"""download: the raw scans of the chosen source, with a list of them, in data/scans."""

from scans.cases.manifest import write_manifest
from stages.params.tree import Params
from stages.runtime.progress import say
from stages.runtime.workspace import SCANS, atomic_folder
from stages.sources import directory, synthetic, teeth3ds
from stages.sources.supply import discard_downloads

SOURCES = {
    "synthetic": synthetic.fill,
    "directory": directory.fill,
    "teeth3ds": teeth3ds.fill,
    "teeth3ds-sample": teeth3ds.fill,
}


def run(params: Params) -> None:
    """Fill data/scans from `download.source`."""
    with atomic_folder(SCANS) as folder:
        manifest = SOURCES[params.download.source](folder, params)
        write_manifest(folder, manifest)
    if params.download.source.startswith("teeth3ds"):
        discard_downloads()
    say(f"download: {len(manifest.cases)} scans in {SCANS}")
