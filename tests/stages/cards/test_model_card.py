import pytest
from ruamel.yaml import YAML

from model.metrics.plausibility import Limits
from scans.cases.manifest import Manifest
from stages.cards.model_card import model_card
from stages.params.tree import Params
from stages.prediction.calibration import Calibration

METRICS = {"cases": 2, "f_035": 0.9}


@pytest.mark.parametrize(
    ("network", "metrics", "size", "error_head"),
    [
        ({"image_size": 32, "views": 10}, METRICS, "A jaw gets the training jaws' mean radius, 41.0 mm", None),
        (
            {"image_size": 32},
            METRICS | {"radius_error_mm": 2.77},
            "The jaw's radius is predicted with a mean error of 2.8 mm",
            {"cases": 24, "error_rank_correlation": 0.567, "sparsification": 0.75, "deciles": []},
        ),
    ],
    ids=["cloud", "field"],
)
def test_the_card_of_either_network(
    network: dict[str, int], metrics: dict[str, float], size: str, error_head: dict | None
) -> None:
    card = model_card(
        "mine",
        Params(),
        Manifest([], 'Made here: "so".', "cc0-1.0"),
        ["a", "b", "c"],
        {"test": 2},
        network,
        2_800_000,
        {"model": metrics, "mean_shape": METRICS},
        Calibration("0", 41.0, 3, Limits(0.9, 0.1)),
        error_head,
        {"network.safetensors": "the weights"},
    )
    assert "2.8 M parameters, 10 views of 32 × 32 pixels" in card
    assert "view_00 … view_09" in card
    assert size in card
    assert "went on from" not in card
    assert ("On 24 jaws" in card and "rank correlation of 0.57" in card and "by 75% of" in card) == bool(error_head)
    header = YAML(typ="safe").load(card.split("---")[1])
    told = {"jaws": 3, "origin": 'Made here: "so".', "ids": "a … c", "list": "cases.json"}
    assert header["trained_on"] == told


def test_the_card_names_the_model_that_training_went_on_from() -> None:
    params = Params.model_validate({"train": {"start_from": "pretrained"}})
    card = model_card(
        "mine",
        params,
        Manifest([], "Made here.", "cc0-1.0"),
        ["a", "b"],
        {"test": 2},
        {"image_size": 32},
        2_800_000,
        {"model": METRICS},
        Calibration("0", 41.0, 3, Limits(0.9, 0.1)),
        None,
        {"network.safetensors": "the weights"},
    )
    assert "Its training went on from the model `pretrained`, whose jaws are among them." in card
