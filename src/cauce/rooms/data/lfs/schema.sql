-- repository: path of the address that git-lfs was given, without `.git/info/lfs`; empty for `/lfs`.
CREATE TABLE data_lfs_locks (
    id TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    path TEXT NOT NULL,
    ref TEXT NOT NULL,
    owner TEXT NOT NULL,
    locked REAL NOT NULL,
    UNIQUE (repository, path)
);

-- What was pushed, and to which ref: the row keeps the object from collection.
CREATE TABLE data_lfs_pushed (
    repository TEXT NOT NULL,
    ref TEXT NOT NULL,
    object TEXT NOT NULL,
    size INTEGER NOT NULL,
    pushed REAL NOT NULL,
    PRIMARY KEY (repository, ref, object)
);
