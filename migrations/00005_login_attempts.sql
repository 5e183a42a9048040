-- +goose Up
-- What the throttles have counted. It is here so that a restart forgets nothing.
CREATE TABLE login_attempts (
    key           TEXT      NOT NULL PRIMARY KEY, -- SHA-256 of what is counted: an account, an address, or both
    count         INTEGER   NOT NULL,
    blocked_until TIMESTAMP NOT NULL,             -- before it, nobody is let try
    expires_at    TIMESTAMP NOT NULL              -- then the count starts anew
);
CREATE INDEX login_attempts_expires_at ON login_attempts (expires_at);
