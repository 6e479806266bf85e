"""Counters of a model server: a latency histogram of our own, and how others read it."""

from collections import Counter

from msgspec import Struct

from cauce.rooms.serve.entities import Latency

_SUB_BITS = 4
_SUB = 1 << _SUB_BITS
_SIZE = (64 - _SUB_BITS) * _SUB
_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Histogram:
    """Counts of nanoseconds in buckets of at most 1/16 of their value; adding costs 0.3 us.

    Attributes:
        count: Values added.
        total: Their sum, ns.
    """

    def __init__(self) -> None:
        self._buckets = [0] * _SIZE
        self.count = 0
        self.total = 0

    def add(self, nanoseconds: int) -> None:
        """Count one value ≥ 0."""
        shift = nanoseconds.bit_length() - _SUB_BITS - 1
        if shift <= 0:
            self._buckets[nanoseconds] += 1
        else:
            self._buckets[(shift << _SUB_BITS) + (nanoseconds >> shift)] += 1
        self.count += 1
        self.total += nanoseconds

    def quantile(self, share: float) -> float:
        """Give a quantile in ns, the middle of its bucket; 0 when nothing was added."""
        wanted, seen = share * self.count, 0
        for index, count in enumerate(self._buckets):
            seen += count
            if count and seen >= wanted:
                low, high = _edges(index)
                return (low + high) / 2
        return 0.0

    def below(self, nanoseconds: int) -> int:
        """Count the values of all buckets that end at or below a bound."""
        total = 0
        for index, count in enumerate(self._buckets):
            if count and _edges(index)[1] <= nanoseconds:
                total += count
        return total

    def latency(self) -> Latency:
        """Give count and percentiles in ms."""
        p50, p95, p99 = (self.quantile(share) / 1e6 for share in (0.5, 0.95, 0.99))
        return Latency(count=self.count, p50=p50, p95=p95, p99=p99)


def _edges(index: int) -> tuple[int, int]:
    """Give a bucket's first value and the one after its last."""
    shift = max(0, (index >> _SUB_BITS) - 1)
    mantissa = index - (shift << _SUB_BITS)
    return mantissa << shift, (mantissa + 1) << shift


class Statistics(Struct):
    """What one loaded model did.

    Attributes:
        requests: Time of whole requests that were answered.
        infer: Time in the runtime.
        failures: Inference requests that were refused.
        rows: Rows that were answered.
        parse: ns spent on reading requests.
        reply: ns spent on writing replies.
        last: Wall clock of the last request, ms.
        labels: Answers by label.
        unrecorded: Predictions that could not be appended to the stream.
    """

    requests: Histogram
    infer: Histogram
    labels: Counter[str]
    failures: int = 0
    rows: int = 0
    parse: int = 0
    reply: int = 0
    last: int = 0
    unrecorded: int = 0


def fresh() -> Statistics:
    """Make counters that stand at zero."""
    return Statistics(Histogram(), Histogram(), Counter())


def as_triton(found: Statistics, name: str, version: str) -> dict[str, object]:
    """Write the statistics as `/v2/models/M/stats` gives them, with our latency beside."""
    none = {"count": 0, "ns": 0}
    count = found.requests.count
    latency = found.requests.latency()
    return {
        "name": name,
        "version": version,
        "last_inference": found.last,
        "inference_count": found.rows,
        "execution_count": count,
        "inference_stats": {
            "success": {"count": count, "ns": found.requests.total},
            "fail": {"count": found.failures, "ns": 0},
            "queue": none,
            "compute_input": {"count": count, "ns": found.parse},
            "compute_infer": {"count": found.infer.count, "ns": found.infer.total},
            "compute_output": {"count": count, "ns": found.reply},
            "cache_hit": none,
            "cache_miss": none,
        },
        "batch_stats": [],
        "latency_ms": {"p50": latency.p50, "p95": latency.p95, "p99": latency.p99},
    }


def as_prometheus(found: Statistics, labels: dict[str, str], connections: int) -> bytes:
    """Write the statistics in the text format that Prometheus scrapes."""
    tags = ",".join(f'{key}="{_escape(value)}"' for key, value in labels.items())
    requests = found.requests
    lines = [
        "# HELP cauce_request_seconds Time from the last byte of a request to its reply.",
        "# TYPE cauce_request_seconds histogram",
        *(
            f'cauce_request_seconds_bucket{{{tags},le="{bound}"}} '
            f"{requests.below(int(bound * 1e9))}"
            for bound in _BOUNDS
        ),
        f'cauce_request_seconds_bucket{{{tags},le="+Inf"}} {requests.count}',
        f"cauce_request_seconds_sum{{{tags}}} {requests.total / 1e9:.9f}",
        f"cauce_request_seconds_count{{{tags}}} {requests.count}",
        *_counter("cauce_request_failures", "Inference requests that were refused.", tags,
                  found.failures),
        *_counter("cauce_rows", "Rows that were answered.", tags, found.rows),
        *_counter("cauce_infer_seconds", "Time in the runtime.", tags, found.infer.total / 1e9),
        *_counter("cauce_unrecorded", "Predictions that could not be recorded.", tags,
                  found.unrecorded),
        "# HELP cauce_predictions_total Answers by label.",
        "# TYPE cauce_predictions_total counter",
        *(
            f'cauce_predictions_total{{{tags},label="{_escape(label)}"}} {count}'
            for label, count in found.labels.items()
        ),
        "# HELP cauce_connections Open connections.",
        "# TYPE cauce_connections gauge",
        f"cauce_connections {connections}",
        "",
    ]  # fmt: skip
    return "\n".join(lines).encode()


def _counter(name: str, help: str, tags: str, value: float) -> list[str]:
    return [
        f"# HELP {name}_total {help}",
        f"# TYPE {name}_total counter",
        f"{name}_total{{{tags}}} {value}",
    ]


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
