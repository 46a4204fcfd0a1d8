"""The `tenview` command: one subcommand per stage, and a few that help."""

import errno
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from model.runtime.cluster import launched
from scans.compiled import prune_caches
from scans.errors import UserError
from stages.params import tree as parameters
from stages.runtime.progress import say
from stages.runtime.workspace import stage_lock

if TYPE_CHECKING:
    from stages.prediction.options import Axes

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Pictures of an upper jaw in, a 3D model of it out.\n\n"
    "Usually you run `dvc repro`, which runs the stages that are out of date, in order. "
    "A stage's subcommand runs that stage alone, with the present data/ and params.yaml.",
    epilog="Example: `tenview params` lists every parameter; `tenview render --help` explains a stage.",
)

# What a disk or a file in the way does, not a mistake of ours.
OF_THE_PLACE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENAMETOOLONG}
OF_THE_PLACE |= {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.EXDEV, errno.EBUSY, errno.ESTALE}

# How the scans of `predict` and `jaws` lie.
CROWNS = typer.Option(help="Axis of the scan files that the crowns point to, such as +z; auto finds it by shape.")
INCISORS = typer.Option(help="Axis of the scan files that the incisors point to, such as -y; auto as for --crowns.")
UNIT = typer.Option(help="Length of one unit of the scan files, in mm; auto finds it by size.")

COMPARISON = typer.Option(Path("reports/compare.html"), help="HTML page to write.")

STAGES = {
    "download": ("Fetch or generate the raw scans.", "data/scans", "download.source=directory"),
    "prepare": (
        "Clean, normalise and sample scans into Parquet shards.",
        "data/prepared",
        "prepare.sampling=uniform",
    ),
    "render": ("Render the views of every jaw into Parquet shards.", "data/views", "render.image_size=128"),
    "train": ("Train the network that reconstructs a jaw from its views.", "artifacts/model", "train.epochs=50"),
    "evaluate": (
        "Measure the network and the baselines on unseen jaws.",
        "reports",
        "evaluate.split=validation",
    ),
    "report": ("Write a page with metrics, curves and the cases in 3D.", "reports/index.html", "report.cases=8"),
}


def _stage_command(stage: str) -> Callable[[], None]:
    def command() -> None:
        try:
            checked = parameters.load()
            with _lock(stage):
                import_module(f"stages.{stage}").run(checked)
        except BaseException as error:
            if gone := _gone(stage):
                say(
                    f"{stage}: {', '.join(gone)} is not there, for DVC deletes outputs before it runs a stage; "
                    f"`dvc checkout {stage}` brings the last ones back, if they are in DVC's cache"
                )
            if isinstance(error, KeyboardInterrupt):
                say("tenview: stopped; run it again")
                raise typer.Exit(130) from None
            raise

    return command


def _lock(stage: str) -> AbstractContextManager[None]:
    """The stage's lock; of the processes that train together, the first one holds it for all."""
    process = launched() if stage == "train" else None
    return nullcontext() if process and process.rank else stage_lock(stage)


def _gone(stage: str) -> list[str]:
    """What a stage's last run has left by dvc.lock, and is no longer there; nothing if that can't be read."""
    try:
        known = YAML(typ="safe", pure=True).load(Path("dvc.lock"))
        return [out["path"] for out in known["stages"][stage]["outs"] if not Path(out["path"]).exists()]
    except (OSError, YAMLError, UnicodeDecodeError, KeyError, TypeError):
        return []


for _name, (_summary, _output, _change) in STAGES.items():
    app.command(
        _name,
        help=f"{_summary}\n\nReads the section `{_name}` of params.yaml and writes {_output}.",
        epilog=f"Example: `tenview {_name}` runs this stage alone; `dvc exp run -S {_change}` changes a parameter and "
        "reruns what depends on it.",
        rich_help_panel="Stages",
    )(_stage_command(_name))


@app.command(
    rich_help_panel="Results", epilog="Example: `tenview compare ../other-clone .`; `tenview compare main bigger`"
)
def compare(
    a: str = typer.Argument(help="A folder with reports/ in it, the name of an experiment, or a Git revision."),
    b: str = typer.Argument(help="Another one; differences are B minus A."),
    out: Path = COMPARISON,
) -> None:
    """Compare two runs: metrics side by side, paired differences with intervals, and both jaws in one 3D view."""
    from stages.commands.compare import compare, print_table

    print_table(compare(a, b, out), a, b)
    say(f"compare: {out}")


@app.command(
    rich_help_panel="Results",
    epilog="Example: `tenview jaws incoming --out reports/jaws.png`; `tenview jaws --jaws 100` makes jaws alone",
)
def jaws(
    folder: Annotated[Path | None, typer.Argument(help="Folder of real upper-arch scans, labelled or not.")] = None,
    out: Annotated[Path, typer.Option(help="Contact sheet to write, a PNG; the figures go beside it as JSON.")] = Path(
        "reports/jaws.png"
    ),
    count: Annotated[
        int,
        typer.Option("--jaws", min=4, max=10_000, help="Number of synthetic jaws: the first of download.synthetic."),
    ] = 40,
    weights: Annotated[
        Path | None,
        typer.Option(help="ImageNet weights of mobilenetv2_100, a safetensors file; default: timm downloads them."),
    ] = None,
    crowns: Annotated[str, CROWNS] = "auto",
    incisors: Annotated[str, INCISORS] = "auto",
    millimetres_per_unit: Annotated[str, UNIT] = "auto",
) -> None:
    """Look at synthetic jaws beside real scans: a sheet of views, sizes, and how far the two sets lie apart.

    Jaws are made with `download.synthetic`, prepared and rendered as params.yaml says; the scans are seen by the same
    cameras, all in grey. Sizes of crowns and arch need labels, as `docs/own-scans.md` describes them. The distances
    need ImageNet weights and are left out without; sheet and sizes need no network.
    """
    from stages.commands.jaws import run
    from stages.commands.jaws_table import print_tables

    axes = _axes(crowns, incisors, millimetres_per_unit)
    print_tables(run(parameters.load(), folder, out, count, weights, axes))
    say(f"jaws: {out}, {out.with_suffix('.json')}")


@app.command(rich_help_panel="Use", epilog="Example: `tenview predict pictures/anna pictures/ben --out results`")
def predict(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Folders with one picture per camera, view_00, view_01, …, of any size; or of such folders."
        ),
    ] = [],  # noqa: B006  # typer reads it, nobody changes it
    out: Annotated[Path, typer.Option(help="Folder for the results, one folder a jaw.")] = Path("predictions"),
    model: Annotated[
        Path | None,
        typer.Option(
            help="Folder that `tenview export` wrote; default: artifacts/model, or pretrained where there is none."
        ),
    ] = None,
    from_scan: Annotated[
        list[Path],
        typer.Option(
            help="A scan, or a folder of scans: render its views, reconstruct, and measure the error. May be repeated."
        ),
    ] = [],  # noqa: B006
    missing: Annotated[
        str, typer.Option(help="Numbers of views that all folders lack, such as 3,5; `any` takes what is there.")
    ] = "",
    radius: Annotated[
        float | None, typer.Option(min=1, max=200, help="Radius of the jaw in mm, if you know it.")
    ] = None,
    points: Annotated[int, typer.Option(min=16, max=1_000_000, help="Number of points to write.")] = 50_000,
    formats: Annotated[
        str, typer.Option(help="Some of ply, stl, glb, 3mf, npz, separated by commas.")
    ] = "ply,stl,glb,npz",
    faces: Annotated[
        int | None, typer.Option(min=100, help="The most faces of the surface; borders and labels stay where they are.")
    ] = None,
    solid: Annotated[
        bool, typer.Option("--solid", help="Also write solid.*, watertight and with a flat base, for 3D printing.")
    ] = False,
    teeth: Annotated[
        bool, typer.Option("--teeth", help="Also write each tooth's crown, as teeth/11.* and so on.")
    ] = False,
    table: Annotated[
        Path | None, typer.Option(help="A .csv file to write, a row for each jaw; the same as .jsonl beside it.")
    ] = None,
    crowns: Annotated[str, CROWNS] = "auto",
    incisors: Annotated[str, INCISORS] = "auto",
    millimetres_per_unit: Annotated[str, UNIT] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the point sampling.")] = 0,
) -> None:
    """Reconstruct jaws from pictures: points and surface in millimetres, a preview, plausibility and provenance.

    Several jaws are worked on at once, one on each core; a jaw that can't be reconstructed stops no other.
    """
    from stages.commands.predict import run
    from stages.prediction.options import Options

    options = Options(
        missing=_view_numbers(missing),
        points=points,
        seed=seed,
        radius=radius,
        formats=[form.strip() for form in formats.split(",")],
        faces=faces,
        solid=solid,
        teeth=teeth,
        axes=_axes(crowns, incisors, millimetres_per_unit),
    )
    if not run(folders, from_scan, out, model, options, table):
        raise typer.Exit(1)


def _axes(crowns: str, incisors: str, millimetres_per_unit: str) -> "Axes":
    """The options that tell how scans lie, checked as download.directory's are."""
    from scans.preparing.frame import AXES
    from stages.prediction.options import Axes

    try:
        unit = millimetres_per_unit if millimetres_per_unit == "auto" else float(millimetres_per_unit)
    except ValueError:
        raise UserError(f"--millimetres-per-unit: {millimetres_per_unit!r} is neither a number nor auto") from None
    for option, axis in (("--crowns", crowns), ("--incisors", incisors)):
        if axis not in ("auto", *AXES):
            raise UserError(f"{option}: {axis!r} is no axis. Write one of {', '.join(AXES)}, or auto")
    if (crowns == "auto") != (incisors == "auto"):
        raise UserError(f"--crowns {crowns} --incisors {incisors}: name both axes, or leave both to auto")
    return Axes(crowns, incisors, unit)


def _view_numbers(text: str) -> tuple[int, ...] | None:
    """The numbers in a list such as 3,5; None for `any`."""
    if text == "any":
        return None
    try:
        return tuple(int(number) for number in text.split(",") if number.strip())
    except ValueError:
        raise UserError(f"--missing: {text!r} is no list of view numbers. Write 3,5 or any") from None


@app.command(
    "app",
    rich_help_panel="Use",
    epilog="Example: `tenview app` opens the page in your browser. Ctrl-C ends it; the next start goes on.",
)
def show_app(
    results: Annotated[Path, typer.Option(help="Folder for what is dropped and what comes out, one folder a jaw.")] = (
        Path("results")
    ),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the page, on 127.0.0.1.")] = 8210,
    browser: Annotated[bool, typer.Option(help="Whether to open the page in a browser.")] = True,
) -> None:
    """Open a page on this machine: drop ten pictures or a scan, see the jaw in 3D, download it.

    Each jaw is what `tenview predict` makes of it. Several wait for each other; all stay in the folder of results until
    they are deleted on the page. Only browsers of this machine are answered.
    """
    from stages.app.serve import serve

    serve(results, port, browser=browser)


@app.command(rich_help_panel="Use", epilog="Example: `tenview export --out my-model`")
def export(
    out: Annotated[Path, typer.Option(help="Folder to write; must not exist, be empty, or be an earlier export.")],
    onnx: Annotated[bool, typer.Option(help="Whether to write network.onnx as well (needs the extra `onnx`).")] = True,
    half: Annotated[
        bool, typer.Option(help="Whether to store the weights in half precision, in half the space.")
    ] = False,
) -> None:
    """Export the trained model as a folder that can be shared: weights, ONNX, calibration, params, cards."""
    from stages.commands.export import run

    run(parameters.load(), out, onnx=onnx, half=half)


@app.command("params", rich_help_panel="Help", epilog="Example: `tenview params render`")
def show_params(
    section: str = typer.Argument("", help="Show only this section, such as `render` or `train.network`."),
) -> None:
    """List every parameter with its value in params.yaml, its default, bounds and meaning."""
    from stages.params.table import print_table

    print_table(parameters.load(), section)


@app.command(rich_help_panel="Help", epilog="Example: `tenview preset paper` writes the values of arXiv 2606.05998.")
def preset(
    name: str = typer.Argument("", help="Preset to write into params.yaml; without it, all are listed."),
) -> None:
    """List the presets, or write one into params.yaml, which keeps its comments.

    One that sets both train.network.decoder and train.epochs also gives the values of `train` that other presets have
    set their defaults. In `download`, `prepare` and `render` a preset changes only what it sets.
    """
    from stages.params import presets

    if not name:
        for each in presets.names():
            typer.echo(f"{each}: {presets.meaning(each)}")
        return
    say(f"params.yaml: {', '.join(presets.write(name)) or 'nothing'} changed")


@app.command(rich_help_panel="Help", epilog="Example: `tenview doctor`")
def doctor() -> None:
    """Check this machine: versions, renderers, GPU, disk, DVC, and what to do where something is missing."""
    from stages.commands.doctor import examine

    if not examine():
        raise typer.Exit(1)


@app.command(
    rich_help_panel="Prefect",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def serve(context: typer.Context) -> None:
    """Put the pipeline and its stages into the Prefect UI."""
    # A program of its own: no other subcommand may load Prefect, and stages/ does not know flows/.
    os.execv(sys.executable, [sys.executable, "-m", "flows.serve", *context.args])


def main() -> None:
    """Run the command line; a user's mistake ends with a message and exit code 1, never a traceback."""
    try:
        prune_caches()
        app(standalone_mode=True)
    except UserError as error:
        say(f"tenview: {error}")
        sys.exit(1)
    except OSError as error:
        if error.errno not in OF_THE_PLACE:
            raise
        say(
            f"tenview: {error.filename or 'a file'}: {error.strerror}. "
            "Mend that and run again; nothing half-written is kept."
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
