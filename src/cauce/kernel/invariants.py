"""What is always true of a catalogue, as queries that find where it is not."""

INVARIANTS = (
    (
        "SELECT r.kind, r.name, r.tag, r.target FROM refs r"
        " LEFT JOIN versions v ON v.id = r.target WHERE v.id IS NULL",
        "ref {0}/{1}@{2} points at {3}, which is no version",
    ),
    (
        "SELECT r.kind, r.name, r.tag FROM refs r LEFT JOIN ref_log l ON l.seq ="
        " (SELECT MAX(seq) FROM ref_log m"
        " WHERE m.kind = r.kind AND m.name = r.name AND m.tag = r.tag)"
        " WHERE l.new IS NULL OR l.new <> r.target",
        "ref {0}/{1}@{2} is not where its log says",
    ),
    (
        "SELECT later, earlier FROM edges"
        " LEFT JOIN versions v ON v.id = CASE direction WHEN 'used' THEN earlier ELSE later END"
        " LEFT JOIN runs r ON r.id = CASE direction WHEN 'used' THEN later ELSE earlier END"
        " WHERE v.id IS NULL OR r.id IS NULL",
        "the edge from {0} to {1} names an unknown run or version",
    ),
    (
        "SELECT COUNT(*), MIN(seq), MAX(seq) FROM events"
        " HAVING COUNT(*) > 0 AND (MIN(seq) <> 1 OR MAX(seq) <> COUNT(*))",
        "there are {0} events, numbered {1} to {2}: some are missing",
    ),
    (
        "SELECT l.seq FROM ref_log l LEFT JOIN events e"
        " ON e.seq = l.seq AND e.kind = 'ref.moved' WHERE e.seq IS NULL",
        "move {0} of the ref log has no event",
    ),
    (
        "SELECT id, status FROM runs WHERE (status = 'running') <> (ended IS NULL)",
        "run {0} is {1}, its end says otherwise",
    ),
    (
        "SELECT id, state FROM jobs WHERE (state = 'running') <> (lease_until IS NOT NULL)",
        "job {0} is {1}, its lease says otherwise",
    ),
    (
        "SELECT name, seq FROM cursors WHERE seq > (SELECT COALESCE(MAX(seq), 0) FROM events)",
        "cursor {0} stands at {1}, after the last event",
    ),
)
"""Queries that find nothing in a whole catalogue, and what a row of each means."""
