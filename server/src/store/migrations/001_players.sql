-- Players: who they are, how strong they are believed to be, and what they have done in all matches together.
CREATE TABLE players (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL,
    secret_sha256 BLOB    NOT NULL UNIQUE CHECK (length(secret_sha256) = 32),
    since_ms      INTEGER NOT NULL,
    mean          REAL    NOT NULL,
    deviation     REAL    NOT NULL,
    points        INTEGER NOT NULL,
    rated         INTEGER NOT NULL DEFAULT 0,
    rated_wins    INTEGER NOT NULL DEFAULT 0,
    matches       INTEGER NOT NULL DEFAULT 0,
    wins          INTEGER NOT NULL DEFAULT 0,
    kills         INTEGER NOT NULL DEFAULT 0,
    deaths        INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX players_by_points ON players (points DESC, id) WHERE rated > 0;
