CREATE TABLE label_projects (
    name TEXT PRIMARY KEY,
    dataset TEXT NOT NULL,
    version TEXT NOT NULL,
    prefix TEXT NOT NULL,
    question TEXT NOT NULL,
    classes TEXT NOT NULL,
    created REAL NOT NULL,
    agent TEXT NOT NULL
);

-- source: version whose use the labelling run records, of the data set or of the deployment.
-- priority: tasks of a lower one are handed out first; the confidence of a guess, else 2.
CREATE TABLE label_tasks (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    item TEXT NOT NULL,
    size INTEGER NOT NULL,
    path TEXT NOT NULL,
    origin TEXT NOT NULL,
    source TEXT NOT NULL,
    guess TEXT,
    confidence REAL,
    priority REAL NOT NULL,
    state TEXT NOT NULL,
    label TEXT,
    annotator TEXT NOT NULL,
    seconds REAL NOT NULL,
    lease_until REAL,
    changed REAL NOT NULL,
    UNIQUE (project, item)
);

CREATE INDEX label_tasks_next ON label_tasks (project, state, priority, path, id);

CREATE INDEX label_tasks_origin ON label_tasks (project, origin);

-- Every answer ever given, also those that were corrected; label is NULL for a skip.
CREATE TABLE label_answers (
    id TEXT PRIMARY KEY,
    task TEXT NOT NULL,
    label TEXT,
    annotator TEXT NOT NULL,
    seconds REAL NOT NULL,
    reason TEXT NOT NULL,
    given REAL NOT NULL
);

CREATE INDEX label_answers_task ON label_answers (task, given);
