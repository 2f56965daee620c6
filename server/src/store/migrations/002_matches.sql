-- Finished matches. `number` is the order in which they were stored; ratings follow from the rated ones in this order.
CREATE TABLE matches (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    id         INTEGER NOT NULL UNIQUE,
    room       TEXT    NOT NULL,
    mode       TEXT    NOT NULL,
    map        TEXT    NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms   INTEGER NOT NULL,
    rated      INTEGER NOT NULL CHECK (rated IN (0, 1)),
    -- Only those who played it are told of it.
    private    INTEGER NOT NULL CHECK (private IN (0, 1))
) STRICT;

-- Who was there at the end. No seat and no person twice in one match; bots have no player.
CREATE TABLE standings (
    match         INTEGER NOT NULL REFERENCES matches (number),
    seat          INTEGER NOT NULL,
    player        INTEGER REFERENCES players (id),
    name          TEXT    NOT NULL,
    place         INTEGER NOT NULL,
    kills         INTEGER NOT NULL,
    deaths        INTEGER NOT NULL,
    points_before INTEGER,
    points_after  INTEGER,
    PRIMARY KEY (match, seat),
    UNIQUE (match, player)
) STRICT, WITHOUT ROWID;

CREATE INDEX standings_by_player ON standings (player, match) WHERE player IS NOT NULL;
