-- A call that had to be made again: what came of it, for whoever asks later. A call that gets through at once has no
-- row here. The same problem of the same attempt (a vendor that is held, a message that does not show yet) is one row
-- that counts.
CREATE TABLE attempt (
    outbox_id  BIGINT NOT NULL,
    number     BIGINT NOT NULL,     -- how many attempts counted by then
    problem    TEXT NOT NULL,       -- what the answer said
    begun_at   BIGINT NOT NULL,     -- when the call was begun, as far as it is known
    first_at   BIGINT NOT NULL,     -- when the problem was first seen
    last_at    BIGINT NOT NULL,     -- and last
    times      BIGINT NOT NULL,
    doubtful   BIGINT NOT NULL,     -- 1 if it may have been done
    not_before BIGINT NOT NULL,     -- when it was to be made again
    PRIMARY KEY (outbox_id, number, problem)
);
CREATE INDEX attempt_by_time ON attempt (last_at);

-- Few rows of many are parked, and they are asked for often.
CREATE INDEX outbox_parked ON outbox (settled_at, id) WHERE state = 'parked';
