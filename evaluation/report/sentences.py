"""The sentences of a report's page on what it is about, and what is not in it."""

import xarray as xr

from tendency.evaluation.report_description import ReportDescription


def lead_sentence(results: xr.Dataset, description: ReportDescription) -> str:
    """What was rolled out: trajectories, problem, horizon and dataset."""
    resolved = description.resolution == "resolved"
    return (
        f"{results.sizes['trajectory']} test trajectories of {description.pde}, rolled out over "
        f"{float(results.time.max()):.4g} units of time. Dataset {description.dataset}"
        + ("." if resolved else ", under-resolved as published in its source.")
    )


def omission_sentences(description: ReportDescription) -> list[str]:
    """Sentences on the runs, baselines and metrics that are not in the report, with the reasons."""
    lines = []
    for what, reasons in (
        ("Runs", description.skipped_runs),
        ("Baselines", description.missing_baselines),
        ("Metrics", description.not_applicable),
    ):
        names_of: dict[str, list[str]] = {}
        for name, why in reasons.items():
            names_of.setdefault(why, []).append(name)
        if names_of:
            lines.append(
                f"{what} left out: " + "; ".join(f"{', '.join(n)} ({why})" for why, n in names_of.items()) + "."
            )
    return lines
