"""The parameter tree: types, bounds, defaults and descriptions; it checks params.yaml. `train.py` has `train`.

P1 is arXiv 2606.05998, P2 arXiv 2606.07907, here and in `tenview params`.

One section per stage, with the stage's name. `compute` sets how the work is done. No stage depends on it, so a change
there makes nothing stale.
"""

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from scans.errors import UserError
from stages.params.section import Section, Seed, Share
from stages.params.train import TrainParams

PARAMS_FILE = Path("params.yaml")

Axis = Literal["auto", "+x", "-x", "+y", "-y", "+z", "-z"]
Split = Literal["train", "validation", "test"]


class SyntheticParams(Section):
    """Parametric synthetic upper jaws."""

    jaws: int = Field(120, ge=3, le=100_000, description="Number of jaws to generate.")
    test_jaws: int = Field(40, ge=1, description="Number of these in the test split; fewer than `jaws`.")
    voxel_size: float = Field(
        0.35, ge=0.2, le=2.0, description="Voxel size of the grid from which the surface is extracted, in mm."
    )
    seed: Seed = Field(0, description="Seed; the random numbers of a jaw are seeded by (seed, case id).")
    crowns: Literal["parametric", "measured"] = Field(
        "parametric",
        description="Crowns made by rule, or drawn from a statistical model of real ones (downloaded, MIT).",
    )
    crown_model: str = Field(
        "", description='Folder with the files of that model, in place of the download; "" to download them.'
    )
    crown_model_url: str = Field(
        "https://raw.githubusercontent.com/SJTUzhou/3D-Teeth-Reconstruction-from-Five-Intra-oral-Images/{commit}/{path}",
        pattern=r"^https?://.*\{path\}",
        description="Address of a file of that model, with {commit} and {path} for its place.",
    )

    @model_validator(mode="after")
    def _some_jaws_to_train_on(self) -> "SyntheticParams":
        if self.test_jaws > self.jaws - 2:
            raise ValueError(f"test_jaws={self.test_jaws} leaves fewer than 2 of {self.jaws} jaws for training")
        return self


class DirectoryParams(Section):
    """A folder of your own scans (OBJ, PLY, STL, OFF, VTP, GLB), with `<name>.json` beside a scan for its labels."""

    path: str = Field(
        "incoming", min_length=1, description="Folder with the scans, relative to the project or absolute."
    )
    crowns: Axis = Field("auto", description="Axis of the files that the crowns point to; `auto` finds it by shape.")
    incisors: Axis = Field(
        "auto", description="Axis that the incisors point to, from the middle of the arch; `auto` as `crowns` is."
    )
    millimetres_per_unit: Annotated[float, Field(gt=0)] | Literal["auto"] = Field(
        "auto", description="Length of one unit of the files, in mm; `auto` finds it by size."
    )

    @model_validator(mode="after")
    def _axes_differ(self) -> "DirectoryParams":
        if "auto" in (self.crowns, self.incisors):
            if self.crowns != self.incisors:
                raise ValueError(
                    f"crowns={self.crowns} and incisors={self.incisors}: name both axes, or leave both to auto"
                )
        elif self.crowns[1] == self.incisors[1]:
            raise ValueError(f"crowns={self.crowns} and incisors={self.incisors} must lie on different axes")
        return self


class Teeth3DSParams(Section):
    """The Teeth3DS(+) scans: 8.3 GB of archives, CC BY-NC-ND 4.0; docs/data.md says how to get them."""

    jaws: Literal["upper", "lower", "both"] = Field("upper", description="Which jaws to take.")
    landmarks: bool = Field(False, description="Whether to take the landmarks of 3DTeethLand too.")
    archives: str = Field(
        "", description='Folder with archives or unpacked scans of yours; what it lacks is downloaded. "" for none.'
    )
    labels: str = Field(
        "", description='Folder with label files (<ID>_<jaw>.json) that replace the archives\' own. "" for none.'
    )
    url: str = Field(
        "https://osf.io/download/{id}/",
        pattern=r"^https?://.*\{id\}",
        description="Address of a file, with {id} for its OSF id.",
    )


class DownloadParams(Section):
    """Where the scans come from."""

    source: Literal["synthetic", "directory", "teeth3ds", "teeth3ds-sample"] = Field(
        "synthetic", description="Which source to take scans from."
    )
    synthetic: SyntheticParams = SyntheticParams()
    directory: DirectoryParams = DirectoryParams()
    teeth3ds: Teeth3DSParams = Teeth3DSParams()


class PoissonParams(Section):
    """The Poisson reconstruction of `surface: poisson`; needs the extra `poisson`."""

    points: int = Field(
        50_000, ge=1000, le=1_000_000, description="Farthest-sampled points from which the surface is reconstructed."
    )
    depth: int = Field(9, ge=5, le=12, description="Depth of the octree: cells of 1.1 / 2^depth of the jaw's extent.")


class FrameJitterParams(Section):
    """Random offset and scale of each case's frame, so that framing does not leak the jaw's centre and radius."""

    offset: float = Field(0.1, ge=0, le=0.5, description="Largest offset of the centre along each axis, in jaw radii.")
    scale: float = Field(0.1, ge=0, le=0.5, description="Largest relative change of the radius.")
    splits: tuple[Split, ...] = Field(("train",), description="Splits whose frames are jittered.")


class PrepareParams(Section):
    """From raw scans to normalised meshes and point clouds."""

    surface: Literal["scan", "poisson"] = Field(
        "scan",
        description="What is sampled and rendered: the cleaned scan, or its Poisson reconstruction (P2).",
    )
    reconstruction: PoissonParams = PoissonParams()
    points: int = Field(50_000, ge=16, le=1_000_000, description="Surface points per case.")
    sampling: Literal["poisson_disk", "stratified", "uniform", "fps"] = Field(
        "poisson_disk",
        description="Point sampling: blue noise, stratified, uniform random, or the papers' farthest point sampling.",
    )
    frame_jitter: FrameJitterParams = FrameJitterParams()
    min_component_fraction: Share = Field(
        0.01, description="Connected components smaller than this fraction of the largest are removed."
    )
    max_removed_fraction: Share = Field(
        0.02, description="Of a scan's surface, cleaning may remove this much; a scan that would lose more is refused."
    )
    on_bad_scan: Literal["fail", "skip"] = Field(
        "fail", description="Whether a broken scan stops the stage, or is left out and listed in cleaning.json."
    )
    validation_share: Share = Field(0.1, description="Fraction of the training cases held out for validation.")
    test_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.2, description="Fraction of the cases for the test split, if the source has no split of its own."
    )
    cases_per_shard: int = Field(16, ge=1, le=256, description="Cases per Parquet file, on average.")
    seed: Seed = Field(0, description="Seed of the point sampling and of the split.")


class JitterParams(Section):
    """Largest random displacement of each case's cameras from the rig, uniform to either side; 0 for none."""

    azimuth: float = Field(1.0, ge=0, le=180, description="Sideways around the jaw, in degrees.")
    elevation: float = Field(1.0, ge=0, le=90, description="Up and down around the jaw, in degrees.")
    distance: Share = Field(0.01, description="Towards or from the jaw, as a fraction of the camera's distance.")
    roll: float = Field(1.0, ge=0, le=180, description="Rotation about the optical axis, in degrees.")
    aim: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Offset of the target from the jaw's centre, in jaw radii.",
    )
    splits: tuple[Split, ...] = Field(("train",), description="Splits whose cameras are jittered.")


class RenderParams(Section):
    """The views: a rig of cameras, by default a ring of nine around the jaw and one above it."""

    backend: Literal["numba", "pyrender"] = Field(
        "numba", description="Renderer: `numba` runs anywhere, `pyrender` needs EGL (GPU or Mesa)."
    )
    image_size: int = Field(
        112,
        ge=16,
        le=2048,
        description="Height and width of a view in pixels; camera files may set another width.",
    )
    crop: Literal["none", "silhouette"] = Field(
        "silhouette",
        description="What a view shows: all that its camera sees, or that cropped to the jaw's silhouette.",
    )
    samples: Literal[1, 4] = Field(4, description="Samples per pixel; 4 antialiases the edges.")
    style: Literal["grey", "colour"] = Field(
        "grey",
        description="`grey`, or `colour`: teeth and gingiva apart, with random tone, gloss and light; needs labels.",
    )
    passes: tuple[Literal["depth", "normals", "labels"], ...] = Field(
        (), description="Further maps per view: depth, normals, labels (FDI), as PNGs in columns of their own."
    )
    rig: str = Field(
        "ring",
        description="Cameras: `ring`, ten set by the next three parameters, or a .json or .csv file in rigs/.",
    )
    elevation: float = Field(
        20.0, ge=-89, le=89, description="Elevation of the ring's cameras above the horizon, in degrees."
    )
    distance: float = Field(
        3.0, ge=1.2, le=100, description="Distance of the ring's cameras from the centre, in jaw radii."
    )
    field_of_view: float = Field(
        40.0, ge=1, le=120, description="Vertical field of view of the ring's cameras, in degrees."
    )
    background: int = Field(255, ge=0, le=255, description="Grey value of the background.")
    light: float = Field(5.0, gt=0, le=100, description="Intensity of the light at the camera, as in pyrender.")
    order: tuple[int, ...] = Field(
        tuple(range(10)), description="Order of `ring`'s views: 0-8 the ring from the incisors on, 9 the top view."
    )
    views: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (), description="Numbers of the rig's views to render, from 0; empty for all. The others are absent."
    )
    views_per_case: int = Field(0, ge=0, description="How many of these to render per case, at random; 0 for all.")
    jitter: JitterParams = JitterParams()
    seed: Seed = Field(
        0,
        description="Seed of jitter, chosen views and `colour`; each case is seeded by (seed, case id).",
    )

    @model_validator(mode="after")
    def _order_names_each_view_once(self) -> "RenderParams":
        if sorted(self.order) != list(range(10)):
            raise ValueError(f"order={list(self.order)} must name each of the views 0 to 9 once")
        return self

    @model_validator(mode="after")
    def _cameras_can_be_found(self) -> "RenderParams":
        if self.rig != "ring" and not re.fullmatch(r"[^/\\.][^/\\]*\.(json|csv)", self.rig):
            raise ValueError(f"rig={self.rig!r} must be ring, or the name of a .json or .csv file in rigs/")
        if len(set(self.views)) != len(self.views):
            raise ValueError(f"views={list(self.views)} names a view twice")
        return self

    @model_validator(mode="after")
    def _style_and_passes_can_be_made(self) -> "RenderParams":
        if self.style == "colour" and self.backend != "numba":
            raise ValueError(f"style=colour needs backend=numba, got backend={self.backend}")
        if len(set(self.passes)) != len(self.passes):
            raise ValueError(f"passes={list(self.passes)} names a pass twice")
        return self


class EvaluateParams(Section):
    """The split and the random numbers of the evaluation."""

    split: Split = Field("test", description="Split to evaluate on.")
    hungarian_draws: int = Field(
        0, ge=0, le=100, description="Draws of 5,000 points for the one-to-one accuracy, P2 takes 5; 0 leaves it out."
    )
    seed: Seed = Field(0, description="Seed of these draws, the resampling bound, the random case and the intervals.")


class ReportParams(Section):
    """The page with metrics, curves and cases in 3D."""

    cases: int = Field(5, ge=1, le=100, description="Number of cases shown, evenly spaced by rank from worst to best.")


class ComputeParams(Section):
    """How the work is done; changes no result."""

    workers: int = Field(0, ge=0, le=1024, description="Worker processes on this machine; 0 for one per core.")
    executor: Literal["processes", "dask"] = Field(
        "processes", description="Backend of the workers: local processes, or Dask."
    )
    scheduler: str = Field("", description="Address of a Dask scheduler; empty starts a cluster on this machine.")
    connections: int = Field(3, ge=1, le=16, description="Concurrent downloads.")
    accelerator: Literal["auto", "cpu", "cuda"] = Field("auto", description="What trains the network.")
    devices: int = Field(
        1,
        ge=1,
        le=64,
        description="GPUs, or processes on the CPU, for training; must divide `train.accumulate`.",
    )
    tensorboard: bool = Field(
        False, description="Whether training writes to .tenview/tensorboard; needs the extra `tensorboard`."
    )
    egl_device: int = Field(0, ge=0, description="EGL device of the `pyrender` backend, from 0: a GPU, or Mesa.")
    store_gigabytes: float = Field(50.0, ge=0, description="Upper limit of the store of finished shards, in GB.")

    @model_validator(mode="after")
    def _a_scheduler_needs_dask(self) -> "ComputeParams":
        if self.scheduler and self.executor != "dask":
            raise ValueError(f"scheduler={self.scheduler} is used by executor=dask alone")
        return self


class Params(Section):
    """All parameters."""

    download: DownloadParams = DownloadParams()
    prepare: PrepareParams = PrepareParams()
    render: RenderParams = RenderParams()
    train: TrainParams = TrainParams()
    evaluate: EvaluateParams = EvaluateParams()
    report: ReportParams = ReportParams()
    compute: ComputeParams = ComputeParams()


def load(path: Path = PARAMS_FILE) -> Params:
    """Read and check a parameter file.

    Raises:
        UserError: it is missing, no YAML, or a key or value is wrong; each wrong key is named with what is allowed.
    """
    try:
        # YAML 1.2, as DVC reads it.
        values = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found. Run tenview in the project's folder, where params.yaml lies.") from None
    except (YAMLError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path}: can't be read as YAML: {error}") from None
    return check(values or {}, str(path))


def check(values: Any, where: str) -> Params:
    """Params from plain values; `where` (a file name) stands before each error."""
    try:
        # Strict: whole numbers for floats are fine, strings for numbers are not; YAML has lists where we have tuples.
        return Params.model_validate(_tuples(values))
    except ValidationError as error:
        # Of a number or `auto`, the number's complaint is enough.
        told = [details for details in error.errors() if details["loc"][-1:] != ("literal['auto']",)]
        lines = [_explain(details) for details in told]
        raise UserError("\n".join(f"{where}: {line}" for line in lines)) from None


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _explain(details: ErrorDetails) -> str:
    parts = [str(part) for part in details["loc"] if part != "constrained-float"]
    key, value, kind = ".".join(parts) or "the whole file", details["input"], details["type"]
    if kind == "extra_forbidden":
        known = list(_section(parts[:-1]).model_fields)
        close = difflib.get_close_matches(parts[-1], known, n=1)
        hint = f"did you mean {'.'.join([*parts[:-1], close[0]])}?" if close else f"known keys: {', '.join(known)}"
        return f"{key}: unknown key; {hint}"
    if kind == "value_error":
        return f"{key}: {details['ctx']['error']}"
    otherwise = " or auto" if "constrained-float" in details["loc"] else ""
    return f"{key}: {details['msg'][0].lower()}{details['msg'][1:]}{otherwise}, not {value!r}"


def _section(parts: list[str]) -> type[BaseModel]:
    section: type[BaseModel] = Params
    for part in parts:
        if part.isdigit():  # a place in a list of sections, which `section` already is
            continue
        annotation = section.model_fields[part].annotation
        section = annotation if isinstance(annotation, type) else get_args(annotation)[0]
    return section
