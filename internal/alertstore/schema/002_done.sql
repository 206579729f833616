-- +goose Up
CREATE INDEX alert_done ON alert (first) WHERE state <> 'open';
CREATE INDEX delivery_done ON delivery (made) WHERE state <> 'to-send';
DROP INDEX tally_at; -- kept up to date with every event, for a question that is asked once an hour

-- +goose Down
CREATE INDEX tally_at ON tally (at);
DROP INDEX delivery_done;
DROP INDEX alert_done;
