-- +goose Up
-- One schema for SQLite and PostgreSQL: BYTEA is a valid, typeless column type to SQLite.
CREATE TABLE book_row (
    kind   TEXT   NOT NULL,
    id     TEXT   NOT NULL,
    parent TEXT   NOT NULL,
    tag    TEXT   NOT NULL,
    ref    TEXT   NOT NULL,
    salt   BYTEA  NOT NULL,
    body   BYTEA  NOT NULL, -- sealed under the room key, bound to every other column
    PRIMARY KEY (kind, id)
);
CREATE INDEX book_row_parent ON book_row (kind, parent, tag);
CREATE INDEX book_row_ref ON book_row (ref) WHERE ref <> '';

CREATE TABLE record (
    idx           BIGINT NOT NULL PRIMARY KEY,
    leaf          BYTEA  NOT NULL,
    evidence_salt BYTEA,
    evidence      BYTEA,
    personal      BYTEA -- salt and payload, sealed under the room key; NULL when absent or erased
);

-- Complete tiles of 256 hashes; the hashes of the last, incomplete ones follow from the records.
CREATE TABLE tile (
    level  INTEGER NOT NULL,
    n      BIGINT  NOT NULL,
    hashes BYTEA   NOT NULL,
    PRIMARY KEY (level, n)
);

CREATE TABLE head (
    one        INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    epoch      BIGINT  NOT NULL,
    size       BIGINT  NOT NULL,
    checkpoint BYTEA   NOT NULL -- signed note
);

-- The newest checkpoint with the cosignatures of its witnesses.
CREATE TABLE witnessed (
    one        INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    size       BIGINT  NOT NULL,
    checkpoint BYTEA   NOT NULL
);

-- +goose Down
DROP TABLE witnessed;
DROP TABLE head;
DROP TABLE tile;
DROP TABLE record;
DROP TABLE book_row;
