"""The contract of drift detectors: small profiles in, one verdict a column out.

Members live in `cauce.adapters.detectors` and all pass
`cauce.testing.detector_suite.DetectorSuite`. A detector is a module or any object with these
functions; its profiles are its own, others hand them on as they are.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from cauce.kernel.entities import Entity

if TYPE_CHECKING:
    from numpy.typing import NDArray

Verdict = Literal["drifted", "steady", "too-few"]


class Rule(Entity, frozen=True):
    """When a column counts as drifted: the p value and the distance must both say so.

    Attributes:
        alpha: Chance of a false alarm over all columns of one check, above 0 and below 1.
        distance: Least Kolmogorov-Smirnov distance of a numeric column, 0 to 1.
        variation: Least total variation of a categorical column, 0 to 1.
        min_rows: Fewest rows, on either side, that get a verdict.
    """

    alpha: float = 0.05
    distance: float = 0.06
    variation: float = 0.05
    min_rows: int = 50


class Bin(Entity, frozen=True):
    """Shares of the rows in one bin, for people and charts.

    Attributes:
        label: A range such as `0.12 to 0.31`, or a category.
        reference: Share of the reference's rows, 0 to 1.
        current: Share of the current rows, 0 to 1.
    """

    label: str
    reference: float
    current: float


class Difference(Entity, frozen=True):
    """How far one column has moved from its reference; every number is finite.

    Attributes:
        type: How the column was read.
        verdict: What the rule says.
        reference_rows: Rows of the reference.
        rows: Rows of the current window.
        distance: Kolmogorov-Smirnov distance of a numeric column, total variation of a
            categorical one; 0 to 1. What the rule reads.
        p: Chance of such a difference when nothing has moved. What the rule reads.
        psi: Population stability index in nats, its bias under no drift taken off, 0 or more.
        js: Jensen-Shannon distance in bits^½, 0 to 1.
        wasserstein: Earth mover's distance in interquartile ranges of the reference; 0 for
            categories.
        reference_median: Middle of the reference's finite values; None for categories.
        median: Middle of the current finite values; None for categories or without any.
        bins: At most a dozen bins of both, in order.
    """

    type: Literal["numeric", "categorical"]
    verdict: Verdict
    reference_rows: int
    rows: int
    distance: float = 0.0
    p: float = 1.0
    psi: float = 0.0
    js: float = 0.0
    wasserstein: float = 0.0
    reference_median: float | None = None
    median: float | None = None
    bins: tuple[Bin, ...] = ()


class Detector(Protocol):
    """Profiles of single columns, and what two of them say."""

    def profile(self, values: "NDArray[Any] | Sequence[str]", *, like: Any = None) -> Any:
        """Count a column.

        Args:
            values: `(n,)` numbers, or texts for a categorical column.
            like: Profile that this one will be merged with or compared to.
        """
        ...

    def merge(self, first: Any, second: Any) -> Any:
        """Give the profile of both columns' rows together, exactly; `Invalid` unless alike."""
        ...

    def compare(self, reference: Any, current: Any, rule: Rule, *, columns: int = 1) -> Difference:
        """Compare a profile with its reference; `columns` is how many are tested at once."""
        ...

    def dump(self, profile: Any) -> bytes:
        """Give a profile's bytes; the same profile gives the same bytes."""
        ...

    def load(self, data: bytes) -> Any:
        """Read a profile's bytes; raises `Damaged` when they are not one."""
        ...
