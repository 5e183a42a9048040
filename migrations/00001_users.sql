-- +goose Up
CREATE TABLE users (
    id            TEXT      NOT NULL PRIMARY KEY, -- random text, like every id here
    username      TEXT      NOT NULL,             -- as registered
    username_key  TEXT      NOT NULL UNIQUE,      -- in lower case: "Alice" and "alice" are one person
    password_hash TEXT      NOT NULL,             -- argon2id with its salt and costs
    disabled_at   TIMESTAMP,                      -- set: this person is shut out, at once
    created_at    TIMESTAMP NOT NULL
);
