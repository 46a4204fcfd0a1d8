"""report: one self-contained page with the figures, the curves and the cases in 3D."""

import base64
from pathlib import Path
from statistics import fmean
from typing import Any

from scans.errors import UserError
from stages.params.tree import Params
from stages.runtime.progress import say, track
from stages.runtime.workspace import CASES, PAGE, PREDICTIONS, VIEWS

TEMPLATE = Path(__file__).with_name("pages") / "report.html"
PAGE_BYTES = 14e6  # pictures and 3D views share so much; the more cases are shown, the fewer points each has
SMALLEST_SCENE = 30e3
TRUTH, PREDICTION = "#aab4c3", "#e0a458"


def run(params: Params) -> None:
    """Write reports/index.html from what the other stages left."""
    from stages.pages import charts, figures, provenance
    from stages.pages.results import Results
    from stages.pages.write import write_page

    results = Results(Path())
    metrics, rows, curves = results.metrics(), results.cases(), results.curves()
    chosen = figures.choose(rows, params.report.cases)
    split, training = results.split(), results.training()
    cases = _cases(results, chosen)
    write_page(
        TEMPLATE,
        PAGE,
        split=split,
        metrics=metrics,
        intervals=results.intervals(),
        names=(names := figures.names(metrics.values())),
        headlines=sum(name in figures.TITLES for name in names),
        papers=figures.PAPERS,
        curves=charts.accuracy_curves(curves),
        training=charts.learning_curve(training) if training else None,
        arches=_arches(results, list(metrics)),
        evenness=_evenness(results, chosen),
        cases=cases,
        rows=rows,
        row_names=[name for name in figures.names(rows) if name in figures.TITLES],
        baseline={row["id"]: row for row in results.cases("mean_shape")},
        legends=legends(),
        params=provenance.params_text(params),
        outputs=provenance.outputs(before="report"),
    )
    say(f"report: {PAGE}, {PAGE.stat().st_size / 1e6:.1f} MB")


def legends() -> dict[str, dict[str, str]]:
    """What the colours of the 3D views mean, by the name of the value."""
    from stages.pages.scene import WIDEST_SHOWN, WORST_SHOWN_MM

    return {
        "distance": {"name": "error: distance to the other", "low": "0", "high": f"≥ {WORST_SHOWN_MM:g} mm"},
        "spacing": {"name": "distance to the next point", "low": "0", "high": f"≥ {WIDEST_SHOWN:g} × the truth’s"},
    }


def _cases(results: Any, chosen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the page shows of each chosen case."""
    from stages.pages.scene import BASE64, pack

    ids = {row["id"] for row in chosen}
    predictions, truths, views = results.predictions(ids), results.truths(ids), results.views(ids)
    if not all(ids <= found.keys() for found in (predictions, truths, views)):
        raise UserError(f"{CASES}: about other cases than {PREDICTIONS} or {VIEWS}. Run `tenview evaluate` again.")
    pictures = BASE64 * sum(len(view) for case in views.values() for view in case if view)
    size = max((PAGE_BYTES - pictures) / len(chosen), SMALLEST_SCENE)
    cases = []
    for row in track(chosen, len(chosen), "drawing cases"):
        case_id = row["id"]
        shown = [(number, _embed(view)) for number, view in enumerate(views[case_id]) if view]
        scene = pack(layers(truths[case_id], predictions[case_id]), size, case_id)
        cases.append({**row, "views": shown, "scene": scene})
    return cases


def layers(truth: Any, prediction: Any) -> list[Any]:
    """A true and a predicted jaw (`Jaw`) for the 3D view, each coloured by its distance to the other."""
    import numpy as np
    from scipy.spatial import cKDTree

    from stages.pages.scene import WIDEST_SHOWN, WORST_SHOWN_MM, Layer, estimated_normals, spacing

    true_spacing = spacing(truth.points)
    usual = float(np.median(true_spacing)) or 1.0
    trees = {"truth": cKDTree(truth.points), "prediction": cKDTree(prediction.points)}

    def distance(points: np.ndarray, to: str) -> np.ndarray:
        return trees[to].query(points)[0] * truth.radius / WORST_SHOWN_MM

    def cloud(name: str, colour: str, jaw: Any, other: str, apart: np.ndarray, shown: bool) -> Layer:
        normals = estimated_normals(jaw.points) if jaw.normals is None else jaw.normals
        values = {"distance": distance(jaw.points, other), "spacing": apart / usual / WIDEST_SHOWN}
        return Layer(name, colour, jaw.points, normals, None, values, shown)

    meshed = prediction.faces is not None
    found = [
        cloud("prediction", PREDICTION, prediction, "truth", spacing(prediction.points), not meshed),
        cloud("truth", TRUTH, truth, "prediction", true_spacing, False),
    ]
    if meshed:
        values = {"distance": distance(prediction.vertices, "truth")}
        found.append(Layer("predicted surface", PREDICTION, prediction.vertices, None, prediction.faces, values))
    return found


def _evenness(results: Any, chosen: list[dict[str, Any]]) -> Any:
    """The picture of how the points lie, for the median of the cases."""
    import numpy as np

    from stages.pages import charts
    from stages.pages.scene import spacing

    case_id = chosen[len(chosen) // 2]["id"]
    truth, prediction = results.truths({case_id})[case_id].points, results.predictions({case_id})[case_id].points
    usual = float(np.median(spacing(truth))) or 1.0
    clouds = {"truth": truth, "prediction": prediction}
    return charts.evenness({name: (points, spacing(points) / usual) for name, points in clouds.items()}, case_id)


def _arches(results: Any, rows: list[str]) -> dict[str, Any]:
    """Charts of how far true points are from the prediction, tooth by tooth, for the network and the first baseline."""
    from stages.pages.arch import arch_chart
    from stages.pages.figures import title

    key = "completeness_mm"
    means: dict[str, dict[int, float]] = {}
    for row in rows[:2]:
        teeth = [tooth for tooth in results.teeth(row) if tooth.get(key) is not None]
        numbers = sorted({tooth["fdi"] for tooth in teeth})
        means[row] = {fdi: fmean(tooth[key] for tooth in teeth if tooth["fdi"] == fdi) for fdi in numbers}
    worst = max((value for values in means.values() for fdi, value in values.items() if fdi), default=1.0)
    return {
        row: {"chart": arch_chart(values, worst, f"mm from the truth to the {title(row)}"), "gingiva": values.get(0)}
        for row, values in means.items()
        if values
    }


def _embed(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
