-- How many rated players have so many points. Ranks, the length of the leaderboard and where a page of it begins are sums over this table,
-- which has some thousand rows however many players there are. The triggers keep it right whoever changes a player.
CREATE TABLE ladder (
    points  INTEGER PRIMARY KEY,
    players INTEGER NOT NULL CHECK (players > 0)
) STRICT;

INSERT INTO ladder (points, players) SELECT points, count(*) FROM players WHERE rated > 0 GROUP BY points;

CREATE TRIGGER ladder_joined AFTER INSERT ON players WHEN new.rated > 0 BEGIN
    INSERT INTO ladder (points, players) VALUES (new.points, 1) ON CONFLICT (points) DO UPDATE SET players = players + 1;
END;

CREATE TRIGGER ladder_left AFTER DELETE ON players WHEN old.rated > 0 BEGIN
    -- Either there was one, and nobody is left to be counted; or there were more, and one less remains.
    DELETE FROM ladder WHERE points = old.points AND players = 1;
    UPDATE ladder SET players = players - 1 WHERE points = old.points;
END;

CREATE TRIGGER ladder_moved AFTER UPDATE OF points, rated ON players
WHEN old.points <> new.points OR (old.rated > 0) <> (new.rated > 0) BEGIN
    INSERT INTO ladder (points, players) SELECT new.points, 1 WHERE new.rated > 0
        ON CONFLICT (points) DO UPDATE SET players = players + 1;
    DELETE FROM ladder WHERE points = old.points AND old.rated > 0 AND players = 1;
    UPDATE ladder SET players = players - 1 WHERE points = old.points AND old.rated > 0;
END;
