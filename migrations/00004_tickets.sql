-- +goose Up
-- A ticket opens one socket once, in place of the token that asked for it.
CREATE TABLE tickets (
    hash       TEXT      NOT NULL PRIMARY KEY, -- SHA-256 of the ticket
    token_id   TEXT      NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    room       TEXT      NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX tickets_token_id ON tickets (token_id);
CREATE INDEX tickets_expires_at ON tickets (expires_at);
