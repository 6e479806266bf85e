"""What every detector must do; a member's tests subclass this and offer a fixture `detector`."""

import contextlib
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from cauce.errors import Damaged, Invalid
from cauce.kernel.detector import Detector, Difference, Rule

Floats = NDArray[np.float64]

_any_floats = arrays.arrays(
    np.float64,
    st.integers(0, 60),
    elements=st.floats(allow_nan=True, allow_infinity=True, width=64),
)
_texts = st.lists(st.sampled_from(["0", "1", "2", "cat", "", "ñ\n"]), max_size=60)
_shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
_FINITE = ("distance", "p", "psi", "js", "wasserstein")


def _check(found: Difference) -> None:
    """Assert what holds of any comparison."""
    for name in _FINITE:
        assert math.isfinite(getattr(found, name)), name
    assert 0 <= found.distance <= 1
    assert 0 <= found.p <= 1
    assert 0 <= found.js <= 1
    assert found.psi >= 0
    assert found.wasserstein >= 0
    for side in ("reference", "current"):
        total = sum(getattr(item, side) for item in found.bins)
        assert not found.bins or abs(total - 1) < 1e-6


class DetectorSuite:
    """Tests of the contract `cauce.kernel.detector.Detector`."""

    @_shared
    @given(_any_floats, st.integers(0, 60))
    def test_a_column_counted_in_two_parts_is_the_column_counted_at_once(
        self, detector: Detector, values: Floats, cut: int
    ) -> None:
        whole = detector.profile(values)
        parts = [detector.profile(part, like=whole) for part in (values[:cut], values[cut:])]
        assert detector.dump(detector.merge(*parts)) == detector.dump(whole)
        assert detector.dump(detector.merge(*parts[::-1])) == detector.dump(whole)

    @_shared
    @given(_any_floats, st.randoms())
    def test_the_order_of_rows_makes_no_difference(
        self, detector: Detector, values: Floats, random: Any
    ) -> None:
        reference = detector.profile(values)
        shuffled = list(values)
        random.shuffle(shuffled)
        other = detector.profile(np.array(shuffled, np.float64), like=reference)
        assert detector.dump(other) == detector.dump(reference)

    @_shared
    @given(_texts, _texts)
    def test_texts_counted_in_two_parts_are_the_texts_counted_at_once(
        self, detector: Detector, first: list[str], second: list[str]
    ) -> None:
        merged = detector.merge(detector.profile(first), detector.profile(second))
        assert detector.dump(merged) == detector.dump(detector.profile(first + second))

    @_shared
    @given(_any_floats, _any_floats)
    def test_any_two_columns_of_numbers_compare_to_finite_measures(
        self, detector: Detector, reference: Floats, current: Floats
    ) -> None:
        counted = detector.profile(reference)
        _check(detector.compare(counted, detector.profile(current, like=counted), Rule()))

    @_shared
    @given(_texts, _texts)
    def test_any_two_columns_of_texts_compare_to_finite_measures(
        self, detector: Detector, reference: list[str], current: list[str]
    ) -> None:
        profiles = detector.profile(reference), detector.profile(current)
        _check(detector.compare(*profiles, Rule()))

    @_shared
    @given(_any_floats)
    def test_bytes_come_back_as_the_same_profile(self, detector: Detector, values: Floats) -> None:
        data = detector.dump(detector.profile(values))
        assert detector.dump(detector.load(data)) == data

    @_shared
    @given(_texts)
    def test_bytes_of_texts_come_back_as_the_same_profile(
        self, detector: Detector, values: list[str]
    ) -> None:
        data = detector.dump(detector.profile(values))
        assert detector.dump(detector.load(data)) == data

    @_shared
    @given(st.binary(max_size=200))
    def test_other_bytes_are_damaged(self, detector: Detector, data: bytes) -> None:
        with pytest.raises(Damaged):
            detector.load(data)

    @_shared
    @given(st.data())
    def test_cut_or_changed_bytes_are_damaged_or_still_a_profile(
        self, detector: Detector, data: st.DataObject
    ) -> None:
        whole = detector.dump(detector.profile(np.arange(100.0)))
        cut = data.draw(st.integers(0, len(whole) - 1))
        with pytest.raises(Damaged):
            detector.load(whole[:cut])
        changed = bytearray(whole)
        changed[cut] ^= data.draw(st.integers(1, 255))
        with contextlib.suppress(Damaged):
            found = detector.load(bytes(changed))
            _check(detector.compare(found, detector.profile(np.zeros(9), like=found), Rule()))

    def test_a_column_against_itself_is_steady(self, detector: Detector) -> None:
        values = np.random.default_rng(0).normal(size=1000)
        counted = detector.profile(values)
        found = detector.compare(counted, counted, Rule())
        assert (found.verdict, found.distance, found.psi, found.js) == ("steady", 0, 0, 0)

    def test_a_column_that_has_moved_is_drifted(self, detector: Detector) -> None:
        values = np.random.default_rng(0).normal(size=1000)
        counted = detector.profile(values)
        found = detector.compare(counted, detector.profile(values + 1, like=counted), Rule())
        assert found.verdict == "drifted"

    def test_missing_values_are_a_drift_of_their_own(self, detector: Detector) -> None:
        values = np.random.default_rng(0).normal(size=1000)
        counted = detector.profile(values)
        broken = np.where(np.arange(1000) % 5 == 0, np.nan, values)
        found = detector.compare(counted, detector.profile(broken, like=counted), Rule())
        assert found.verdict == "drifted"

    @pytest.mark.parametrize("rows", [0, 1, 49])
    def test_few_rows_get_no_verdict(self, detector: Detector, rows: int) -> None:
        counted = detector.profile(np.arange(1000.0))
        few = detector.profile(np.full(rows, 1e6), like=counted)
        assert detector.compare(counted, few, Rule()).verdict == "too-few"
        assert detector.compare(few, counted, Rule()).verdict == "too-few"

    def test_a_new_category_is_a_drift(self, detector: Detector) -> None:
        counted = detector.profile(["a"] * 500 + ["b"] * 500)
        current = detector.profile(["a"] * 450 + ["b"] * 450 + ["c"] * 100)
        assert detector.compare(counted, current, Rule()).verdict == "drifted"

    def test_numbers_and_texts_cannot_be_mixed(self, detector: Detector) -> None:
        numbers, texts = detector.profile(np.arange(9.0)), detector.profile(["a"])
        for call in (
            lambda: detector.merge(numbers, texts),
            lambda: detector.compare(numbers, texts, Rule()),
            lambda: detector.profile(["a"], like=numbers),
            lambda: detector.profile(np.arange(9.0), like=texts),
        ):
            with pytest.raises(Invalid):
                call()

    @pytest.mark.parametrize(
        "values", [np.zeros((3, 3)), np.array([1j]), np.array(["2024"], "datetime64[D]"), [1, "a"]]
    )
    def test_what_is_no_column_is_refused(self, detector: Detector, values: Any) -> None:
        with pytest.raises(Invalid):
            detector.profile(values)
