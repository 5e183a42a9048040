-- +goose Up
-- A session is one login on one device. Ending it ends every token, ticket and socket it gave out.
CREATE TABLE sessions (
    id           TEXT      NOT NULL PRIMARY KEY,
    user_id      TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    user_agent   TEXT      NOT NULL,
    ip           TEXT      NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP NOT NULL, -- the latest moment it can live to, however much it is used
    ended_at     TIMESTAMP
);
CREATE INDEX sessions_user_id ON sessions (user_id);
