"""The tables of `tenview jaws`."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from scans.morphometry import CROWN_SIZES, NORMAL_BINS

DISTANCES = {"frechet": "Fréchet distance", "kernel": "kernel distance"}
SIZES = {
    "width": "width, mm",
    "depth": "depth, mm",
    "height": "height, mm",
    "vault_depth": "vault under the occlusal plane, mm",
    "arch_width": "between the first molars' centres, mm",
    "canine_width": "between the canines' centres, mm",
    "arch_depth": "incisors to first molars, mm",
    "gingiva_fraction": "gingiva, fraction of the surface",
}


def print_tables(found: Mapping[str, Any]) -> None:
    """Print what `stages.commands.jaws.run` returned."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    made, scanned = (len(found["jaws"][kind]) for kind in ("synthetic", "real"))
    console.print(f"{made} synthetic jaws, {scanned} real scans; mean ± standard deviation\n")
    console.print(_sizes(found["sizes_mm"]), "")
    console.print(_crowns(found["sizes_mm"], found["norms_mm"]), "")
    if found["distances"] is None:
        console.print(f"No Fréchet and no kernel distance, for want of ImageNet weights: {found['why_no_distances']}")
        return
    console.print(_distances(found["distances"], scanned), "")
    console.print(
        "Distances of MobileNetV2's ImageNet features of the views, over 20 random choices of jaws. Read each beside "
        "the one within the synthetic jaws, between as many jaws of one kind: that is what it would be if scans and "
        "synthetic jaws could not be told apart. The Fréchet distance rises as jaws get fewer; the kernel distance is "
        f"unbiased, but with {scanned} scans it is rough too: expect other scans to give other figures."
    )


def _distances(distances: Mapping[str, Any], scanned: int) -> Table:
    first = distances["frechet"]
    part, rest, half = first["part"], first["rest"], scanned // 2
    table = Table(
        "",
        Column(f"real – synthetic\n({part} and {rest} jaws)", justify="right"),
        Column(f"within the synthetic\n({part} and {rest} jaws)", justify="right"),
        Column(f"within the real\n({half} and {scanned - half} jaws)", justify="right"),
        box=None,
    )
    for name, title in DISTANCES.items():
        spreads = (distances[name][key] for key in ("between", "within_a", "within_b"))
        table.add_row(title, *("–" if each is None else f"{each[0]:.4g} ± {each[1]:.2g}" for each in spreads))
    return table


def _sizes(sizes: Mapping[str, Any]) -> Table:
    table = Table("", *(Column(kind, justify="right") for kind in sizes), box=None)
    for name, title in SIZES.items():
        digits = 2 if name == "gingiva_fraction" else 1
        table.add_row(title, *(_show(own[name], digits) for own in sizes.values()))
    for step in range(NORMAL_BINS):
        low, high = (-1 + 2 * n / NORMAL_BINS for n in (step, step + 1))
        of = [own["normals"][step] if own["normals"] else None for own in sizes.values()]
        table.add_row(f"normals with z from {low:+.2f} to {high:+.2f}, fraction", *(_show(one, 2) for one in of))
    return table


def _crowns(sizes: Mapping[str, Any], norms: Mapping[str, Any]) -> Table:
    """Sizes of the visible crowns by FDI number, beside the population's norms."""
    kinds = (*sizes, "norm")
    heads = [f"{name + ', mm' if kind == kinds[0] else ''}\n{kind}" for name in CROWN_SIZES for kind in kinds]
    table = Table("FDI", *(Column(head, justify="right") for head in heads), box=None)
    crowns = {kind: own["crowns"] for kind, own in sizes.items()}
    for fdi in sorted({fdi for own in crowns.values() for fdi in own}):
        of = [*(own.get(fdi, {}) for own in crowns.values()), norms[fdi[-1]]]
        table.add_row(fdi, *(_show(own.get(name), 1) for name in CROWN_SIZES for own in of))
    return table


def _show(spread: Mapping[str, float] | None, digits: int) -> str:
    return "–" if spread is None else f"{spread['mean']:.{digits}f} ± {spread['deviation']:.{digits}f}"
