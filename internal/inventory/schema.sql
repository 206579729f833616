-- Names, locations and what was found rest sealed in body columns; the rest is ids, keyed
-- hashes, counts and times (milliseconds since 1970).
CREATE TABLE state (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
);
CREATE TABLE source (
    id   TEXT NOT NULL PRIMARY KEY,
    tag  TEXT NOT NULL UNIQUE, -- keyed hash of the name
    body BLOB NOT NULL
);
CREATE TABLE scan (
    id       TEXT    NOT NULL PRIMARY KEY,
    source   TEXT    NOT NULL REFERENCES source (id) ON DELETE CASCADE,
    runner   TEXT    NOT NULL,
    finished INTEGER NOT NULL,
    updated  INTEGER NOT NULL,
    body     BLOB    NOT NULL
);
CREATE INDEX scan_source ON scan (source, finished, updated);
CREATE TABLE drawn (
    scan    TEXT    NOT NULL REFERENCES scan (id) ON DELETE CASCADE,
    rank    INTEGER NOT NULL,
    decided INTEGER NOT NULL,
    type    TEXT    NOT NULL,
    body    BLOB    NOT NULL,
    PRIMARY KEY (scan, rank)
) WITHOUT ROWID;
CREATE INDEX drawn_undecided ON drawn (scan, rank) WHERE decided = 0;
CREATE TABLE snapshot (
    scope TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    body  BLOB    NOT NULL,
    PRIMARY KEY (scope, at)
) WITHOUT ROWID;
CREATE TABLE flows (
    id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    body BLOB    NOT NULL
);
CREATE TABLE stream (
    tag  TEXT NOT NULL PRIMARY KEY, -- keyed hash of direction, bucket and principal
    body BLOB NOT NULL
);
