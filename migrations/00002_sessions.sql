-- +goose Up
-- A session is one login on one device. Ending it ends every token, ticket and socket it gave out.
CREATE TABLE sessions (
    id           TEXT      NOT NULL PRIMARY KEY,
    user_id      TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    refresh_family TEXT    NOT NULL UNIQUE, -- SHA-256 of what all its refresh tokens begin with
    refresh_hash TEXT      NOT NULL, -- SHA-256 of the refresh token that can be used next
    previous_refresh_hash TEXT,      -- of the one before
    rotated_at   TIMESTAMP,          -- when the one became the other
    user_agent   TEXT      NOT NULL,
    ip           TEXT      NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP NOT NULL, -- the login, or the last refresh
    expires_at   TIMESTAMP NOT NULL, -- moves with each use, up to the longest life of a login
    ended_at     TIMESTAMP
);
CREATE INDEX sessions_user_id ON sessions (user_id);
