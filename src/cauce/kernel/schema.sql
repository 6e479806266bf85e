-- Schema 1 of the catalogue. Written in the part that SQLite 3.40 and PostgreSQL 15 share; the
-- PostgreSQL adapter reads INTEGER as BIGINT, REAL as DOUBLE PRECISION and TEXT as TEXT COLLATE "C".
-- Columns named params, metrics, tags, code, labels, data, payload and result hold JSON.

CREATE TABLE versions (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    created REAL NOT NULL,
    size INTEGER NOT NULL,
    count INTEGER NOT NULL,
    labels TEXT NOT NULL
);
CREATE INDEX versions_by_name ON versions (kind, name, created, id);
CREATE INDEX versions_by_kind ON versions (kind, created, id);
CREATE INDEX versions_by_time ON versions (created, id);

CREATE TABLE refs (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    tag TEXT NOT NULL,
    target TEXT NOT NULL REFERENCES versions (id),
    moved REAL NOT NULL,
    PRIMARY KEY (kind, name, tag)
);
CREATE INDEX refs_by_target ON refs (target);

CREATE TABLE ref_log (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    tag TEXT NOT NULL,
    old TEXT,
    new TEXT,
    at REAL NOT NULL,
    agent TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX ref_log_by_ref ON ref_log (kind, name, tag, seq);

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    agent TEXT NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    "group" TEXT NOT NULL,
    parent TEXT,
    outcome TEXT NOT NULL,
    params TEXT NOT NULL,
    metrics TEXT NOT NULL,
    tags TEXT NOT NULL,
    code TEXT,
    error TEXT NOT NULL
);
CREATE INDEX runs_by_time ON runs (started, id);
CREATE INDEX runs_by_kind ON runs (kind, started, id);
CREATE INDEX runs_by_status ON runs (kind, status, started, id) WHERE status <> 'finished';
CREATE INDEX runs_by_group ON runs ("group", started, id) WHERE "group" <> '';
CREATE INDEX runs_by_name ON runs (name, started, id) WHERE name <> '';
CREATE INDEX runs_by_parent ON runs (parent, started, id) WHERE parent IS NOT NULL;

-- `later` stands on `earlier`: a run on the versions it used, a version on the runs that made it.
CREATE TABLE edges (
    seq INTEGER PRIMARY KEY,
    later TEXT NOT NULL,
    earlier TEXT NOT NULL,
    direction TEXT NOT NULL,
    role TEXT NOT NULL
);
CREATE UNIQUE INDEX edges_up ON edges (later, earlier, direction, role);
CREATE INDEX edges_down ON edges (earlier, later, direction, role);

CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    agent TEXT NOT NULL,
    data TEXT NOT NULL
);

CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    created REAL NOT NULL,
    run_after REAL NOT NULL,
    lease_until REAL,
    worker TEXT NOT NULL,
    result TEXT NOT NULL,
    error TEXT NOT NULL
);
CREATE UNIQUE INDEX jobs_by_key ON jobs (kind, key)
    WHERE key <> '' AND state IN ('queued', 'running');
CREATE INDEX jobs_by_state ON jobs (kind, state, created, id);
CREATE INDEX jobs_by_time ON jobs (created, id);

CREATE TABLE tokens (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    secret_sha256 TEXT NOT NULL UNIQUE,
    created REAL NOT NULL,
    used REAL
);
