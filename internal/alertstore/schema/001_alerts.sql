-- +goose Up
CREATE TABLE watched (
    only     INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    position BIGINT  NOT NULL, -- of the first record that was not watched yet
    began    BIGINT  NOT NULL  -- of the first record that came while somebody watched
);
CREATE TABLE tally (
    condition TEXT   NOT NULL,
    subject   TEXT   NOT NULL, -- pseudonym
    at        BIGINT NOT NULL, -- milliseconds since 1970
    body      BYTEA  NOT NULL, -- sealed
    PRIMARY KEY (condition, subject)
);
CREATE INDEX tally_at ON tally (at);
CREATE TABLE alert (
    id        TEXT   NOT NULL PRIMARY KEY,
    condition TEXT   NOT NULL,
    subject   TEXT   NOT NULL, -- pseudonym
    state     TEXT   NOT NULL,
    first     BIGINT NOT NULL,
    due       BIGINT NOT NULL, -- when it escalates, 0 for never
    body      BYTEA  NOT NULL  -- sealed
);
CREATE INDEX alert_newest ON alert (condition, subject, first);
CREATE INDEX alert_first ON alert (first);
CREATE INDEX alert_due ON alert (due) WHERE due > 0;
CREATE TABLE delivery (
    id      TEXT   NOT NULL PRIMARY KEY,
    alert   TEXT   NOT NULL,
    state   TEXT   NOT NULL,
    made    BIGINT NOT NULL,
    due     BIGINT NOT NULL,
    claimed BIGINT NOT NULL, -- until when somebody is trying it
    body    BYTEA  NOT NULL  -- sealed
);
CREATE INDEX delivery_alert ON delivery (alert, made);
CREATE INDEX delivery_due ON delivery (due) WHERE state = 'to-send';

-- +goose Down
DROP TABLE delivery;
DROP TABLE alert;
DROP TABLE tally;
DROP TABLE watched;
