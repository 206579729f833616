-- +goose Up
CREATE TABLE job (
    id       TEXT    NOT NULL PRIMARY KEY,
    kind     TEXT    NOT NULL,
    body     BYTEA   NOT NULL,
    due      BIGINT  NOT NULL, -- milliseconds since 1970
    attempts INTEGER NOT NULL,
    problem  TEXT    NOT NULL
);
CREATE INDEX job_due ON job (due);

-- +goose Down
DROP TABLE job;
