"""ESCM2: Entire Space Counterfactual Multi-task Model (Wang et al., SIGIR 2022)."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from rec.nn.entire_space import EntireSpace


def _refused(section: Any) -> Any:
    if section is not None:
        raise ValueError("ESCM2 says it by `counterfactual`: leave it out, or use ../entire_space for other methods")
    return section


class ESCM2(EntireSpace):
    """ESMM whose CVR tower also has a loss of its own, on clicked impressions, weighted to stand for all.

    Args:
        counterfactual: how it is weighted: inverse propensity scores, or doubly robust; `ips` or `dr` of
            `rec.nn.unclicked`.
        counterfactual_weight: of that loss, lambda_c in the paper.
        propensity_min: what pCTR is raised to at least, so that no click weighs more than its inverse.
        tower_fc_sizes: hidden layers of each tower; of the imputation tower, too.
        unclicked: follows from these, and must not be given.
    """

    asks = "ESCM2"

    def __init__(
        self,
        counterfactual: Literal["ips", "dr"] = "ips",
        counterfactual_weight: Annotated[float | int, Field(ge=0)] = 0.1,
        propensity_min: Annotated[float, Field(gt=0, lt=1)] = 0.01,
        unclicked: Annotated[dict[str, Any] | None, AfterValidator(_refused)] = None,
        **settings: Any,
    ) -> None:
        method = {"kind": counterfactual, "weight": counterfactual_weight, "propensity_min": propensity_min}
        super().__init__(unclicked=method, **settings)
