"""report: one self-contained page with metrics, curves and cases in 3D."""

from pathlib import Path
from statistics import fmean
from typing import Any

from scans.errors import UserError
from stages.params.tree import Params
from stages.runtime.progress import say, track
from stages.runtime.workspace import CASES, PAGE, PREDICTIONS, VIEWS

TEMPLATE = Path(__file__).with_name("pages") / "report.html"
PAGE_BYTES = 14e6  # of all pictures and 3D views; the more cases are shown, the fewer points each has
SMALLEST_SCENE = 30e3
GROUND_TRUTH, PREDICTION = "#aab4c3", "#e0a458"


def run(params: Params) -> None:
    """Write reports/index.html from the outputs of the other stages."""
    from stages.pages import charts, provenance
    from stages.pages import metrics as shown
    from stages.pages.results import Results
    from stages.pages.write import write_page

    results = Results(Path())
    metrics, rows, curves = results.metrics(), results.cases(), results.curves()
    chosen = shown.choose(rows, params.report.cases)
    split, training = results.split(), results.training()
    cases = _cases(results, chosen)
    write_page(
        TEMPLATE,
        PAGE,
        split=split,
        metrics=metrics,
        intervals=results.intervals(),
        names=(names := shown.names(metrics.values())),
        headlines=sum(name in shown.TITLES for name in names),
        papers=shown.PAPERS,
        curves=charts.accuracy_curves(curves),
        training=charts.learning_curve(training) if training else None,
        arches=_arches(results, list(metrics)),
        evenness=_evenness(results, chosen),
        cases=cases,
        rows=rows,
        row_names=[name for name in shown.names(rows) if name in shown.TITLES],
        baseline={row["id"]: row for row in results.cases("mean_shape")},
        legends=legends(cases),
        params=provenance.params_text(params),
        outputs=provenance.outputs(before="report"),
    )
    say(f"report: {PAGE}, {PAGE.stat().st_size / 1e6:.1f} MB")


def legends(cases: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Legends of the colours that the cases' 3D views have, by name of the value."""
    from stages.pages.scene import EXPECTED_ERROR, WIDEST_SHOWN, legend_in_mm

    wide = f"≥ {WIDEST_SHOWN:g} × ground truth’s"
    every = {
        "distance": legend_in_mm("distance to the other"),
        "expected": EXPECTED_ERROR,
        "spacing": {"name": "nearest-neighbour distance", "low": "0", "high": wide},
    }
    coloured_by = {value for case in cases for layer in case["scene"]["layers"] for value in layer["values"]}
    return {value: legend for value, legend in every.items() if value in coloured_by}


def _cases(results: Any, chosen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Metrics, pictures and 3D scene of each chosen case."""
    from stages.pages.data_uri import data_uri
    from stages.pages.scene import BASE64, pack

    ids = {row["id"] for row in chosen}
    predictions, truths, views = results.predictions(ids), results.ground_truths(ids), results.views(ids)
    if not all(ids <= found.keys() for found in (predictions, truths, views)):
        raise UserError(f"{CASES}: about other cases than {PREDICTIONS} or {VIEWS}. Run `tenview evaluate` again.")
    size_of_pictures = BASE64 * sum(len(view) for case in views.values() for view in case if view)
    size = max((PAGE_BYTES - size_of_pictures) / len(chosen), SMALLEST_SCENE)
    cases = []
    for row in track(chosen, len(chosen), "drawing cases"):
        case_id = row["id"]
        pictures = [(number, data_uri(view)) for number, view in enumerate(views[case_id]) if view]
        scene = pack(layers(truths[case_id], predictions[case_id]), size, case_id)
        cases.append({**row, "views": pictures, "scene": scene})
    return cases


def layers(truth: Any, prediction: Any) -> list[Any]:
    """Ground truth and prediction (`Jaw`) as layers of the 3D view, each coloured by its distance to the other.

    The prediction's expected errors, if it has some, are colours too; a vertex has those of the nearest point.
    """
    import numpy as np
    from scipy.spatial import cKDTree

    from model.metrics.distances import compare
    from stages.pages.scene import WIDEST_SHOWN, WORST_SHOWN_MM, Layer, estimated_normals, spacing

    unit = truth.radius / WORST_SHOWN_MM
    true_spacing = spacing(truth.points)
    usual = float(np.median(true_spacing)) or 1.0
    found = compare(prediction.points, truth.points)

    def cloud(name: str, colour: str, jaw: Any, distance: np.ndarray, apart: np.ndarray, shown: bool) -> Layer:
        normals = estimated_normals(jaw.points) if jaw.normals is None else jaw.normals
        values = {"distance": distance * unit, "spacing": apart / usual / WIDEST_SHOWN}
        if jaw.expected_error is not None:
            values["expected"] = jaw.expected_error * unit
        return Layer(name, colour, jaw.points, normals, None, values, shown)

    meshed = prediction.faces is not None
    clouds = [
        cloud("prediction", PREDICTION, prediction, found.pred_to_gt, found.spacing, not meshed),
        cloud("ground truth", GROUND_TRUTH, truth, found.gt_to_pred, true_spacing, False),
    ]
    if meshed:
        values = {"distance": compare(prediction.vertices, truth.points).pred_to_gt * unit}
        if prediction.expected_error is not None:
            nearest = cKDTree(prediction.points).query(prediction.vertices)[1]
            values["expected"] = prediction.expected_error[nearest] * unit
        clouds.append(Layer("predicted surface", PREDICTION, prediction.vertices, None, prediction.faces, values))
    return clouds


def _evenness(results: Any, chosen: list[dict[str, Any]]) -> Any:
    """The chart of the point distribution, for the median case."""
    import numpy as np

    from stages.pages import charts
    from stages.pages.scene import spacing

    case_id = chosen[len(chosen) // 2]["id"]
    truth, prediction = results.ground_truths({case_id})[case_id].points, results.predictions({case_id})[case_id].points
    usual = float(np.median(spacing(truth))) or 1.0
    clouds = {"ground truth": truth, "prediction": prediction}
    return charts.evenness({name: (points, spacing(points) / usual) for name, points in clouds.items()}, case_id)


def _arches(results: Any, rows: list[str]) -> dict[str, Any]:
    """Charts of the distance from ground truth to prediction per tooth, for the network and the first baseline."""
    from stages.pages.arch import arch_chart
    from stages.pages.metrics import title

    key = "completeness_mm"
    means: dict[str, dict[int, float]] = {}
    for row in rows[:2]:
        teeth = [tooth for tooth in results.teeth(row) if tooth.get(key) is not None]
        numbers = sorted({tooth["fdi"] for tooth in teeth})
        means[row] = {fdi: fmean(tooth[key] for tooth in teeth if tooth["fdi"] == fdi) for fdi in numbers}
    worst = max((value for values in means.values() for fdi, value in values.items() if fdi), default=1.0)
    return {
        row: {"chart": arch_chart(values, worst, f"mm from ground truth to {title(row)}"), "gingiva": values.get(0)}
        for row, values in means.items()
        if values
    }
