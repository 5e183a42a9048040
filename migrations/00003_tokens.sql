-- +goose Up
-- Every JWT ever issued and not yet expired, stored against its user. The JWT itself is not here.
CREATE TABLE tokens (
    id         TEXT      NOT NULL PRIMARY KEY, -- the JWT's jti
    session_id TEXT      NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id    TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issued_at  TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX tokens_session_id ON tokens (session_id);
CREATE INDEX tokens_user_id ON tokens (user_id);
CREATE INDEX tokens_expires_at ON tokens (expires_at);
