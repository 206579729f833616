-- +goose Up
CREATE TABLE key_use (
    id TEXT   NOT NULL PRIMARY KEY, -- keyed hash of an access key's or a token's id
    at BIGINT NOT NULL              -- seconds since 1970
);

-- +goose Down
DROP TABLE key_use;
