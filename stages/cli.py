"""The `tenview` command: one subcommand per stage, and a few that help."""

import errno
import os
import sys
from collections.abc import Callable
from importlib import import_module

import typer

from scans.errors import UserError
from stages import params as parameters
from stages.progress import say
from stages.workspace import alone

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Ten pictures of an upper jaw in, a 3D model of it out.\n\n"
    "Most people run `dvc repro`, which runs the stages that are out of date, in order. "
    "A stage's subcommand runs that stage alone, on what lies in data/ and params.yaml.",
    epilog="Example: `tenview params` lists every parameter; `tenview render --help` explains a stage.",
)

STAGES = {
    "download": ("Fetch or make the raw scans.", "data/scans", "download.source=directory"),
    "prepare": (
        "Clean, normalise and sample scans into Parquet shards.",
        "data/prepared",
        "prepare.sampling=uniform",
    ),
    "render": ("Render the ten views of every jaw into Parquet shards.", "data/views", "render.image_size=128"),
    "train": ("Train the network that goes from views to points.", "artifacts/model", "train.epochs=50"),
    "evaluate": (
        "Measure network and baselines on unseen jaws.",
        "reports",
        "evaluate.split=validation",
    ),
    "report": ("Write the page with figures and pictures.", "reports/index.html", "report.cases=8"),
}


def _stage_command(stage: str) -> Callable[[], None]:
    def command() -> None:
        checked = parameters.load()
        try:
            with alone(stage):
                import_module(f"stages.{stage}").run(checked)
        except KeyboardInterrupt:
            say("tenview: stopped; run it again")
            raise typer.Exit(130) from None

    return command


for _name, (_summary, _output, _change) in STAGES.items():
    app.command(
        _name,
        help=f"{_summary}\n\nReads the section `{_name}` of params.yaml and writes {_output}.",
        epilog=f"Example: `tenview {_name}` runs this stage alone; `dvc exp run -S {_change}` changes a parameter and "
        "reruns what depends on it.",
        rich_help_panel="Stages",
    )(_stage_command(_name))


@app.command("params", rich_help_panel="Help", epilog="Example: `tenview params render`")
def show_params(
    section: str = typer.Argument("", help="Show this section alone, such as `render` or `train.network`."),
) -> None:
    """List every parameter with its value in params.yaml, its default, bounds and meaning."""
    from stages.params_table import print_table

    print_table(parameters.load(), section)


@app.command(rich_help_panel="Help", epilog="Example: `tenview preset paper` writes P1's values.")
def preset(
    name: str = typer.Argument("", help="Write this one's values into params.yaml; without it, all are listed."),
) -> None:
    """List the presets, or write one into params.yaml, which keeps its comments and all other values."""
    from stages import presets

    if not name:
        for each in presets.names():
            typer.echo(f"{each}: {presets.meaning(each)}")
        return
    say(f"params.yaml: {', '.join(presets.write(name)) or 'nothing'} changed")


@app.command(rich_help_panel="Help", epilog="Example: `tenview doctor`")
def doctor() -> None:
    """Check this machine: versions, renderers, GPU, disk, DVC, and what to do where something is missing."""
    from stages.doctor import examine

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
        app(standalone_mode=True)
    except UserError as error:
        say(f"tenview: {error}")
        sys.exit(1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        say(
            f"tenview: {error.filename or 'a file'}: {error.strerror}. "
            "Mend that and run again; nothing half-written is kept."
        )
        sys.exit(1)
