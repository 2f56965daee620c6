-- Who is not there any more when a match ends is among its standings, too. Their seat may be somebody else's by then, so they have none.
CREATE TABLE standings_with_leavers (
    match         INTEGER NOT NULL REFERENCES matches (number),
    seat          INTEGER,
    player        INTEGER REFERENCES players (id),
    name          TEXT    NOT NULL,
    place         INTEGER NOT NULL,
    kills         INTEGER NOT NULL,
    deaths        INTEGER NOT NULL,
    points_before INTEGER,
    points_after  INTEGER,
    -- They left by their own will before the end.
    "left"        INTEGER NOT NULL CHECK ("left" IN (0, 1)),
    UNIQUE (match, seat),
    UNIQUE (match, player)
) STRICT;

INSERT INTO standings_with_leavers
    SELECT match, seat, player, name, place, kills, deaths, points_before, points_after, 0 FROM standings;

DROP TABLE standings;

ALTER TABLE standings_with_leavers RENAME TO standings;

CREATE INDEX standings_by_player ON standings (player, match) WHERE player IS NOT NULL;
