-- Times are milliseconds since 1970 (…_at). JSON is TEXT (…_json). Ids are made by the app.
-- INTEGER PRIMARY KEY is SQLite's spelling of a 64-bit key that needs no index of its own.

-- A fact that the app must remember: name and value.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- A side conversation that the app has met: bridged, on its way, or left alone.
CREATE TABLE thread (
    id                   TEXT PRIMARY KEY,
    side_conversation_id TEXT NOT NULL UNIQUE,
    ticket_id            BIGINT NOT NULL,
    place                TEXT NOT NULL,     -- how far the link to Slack has come
    state                TEXT NOT NULL,     -- open | closed, as in Zendesk
    thread_json          TEXT NOT NULL,     -- bridge::BridgedThread
    card_json            TEXT,              -- bridge::Card: long and seldom read, so beside the thread
    updated_at           BIGINT NOT NULL
);
CREATE INDEX thread_by_ticket ON thread (ticket_id);

-- Which Slack thread mirrors which side conversation.
CREATE TABLE link (
    channel_id           TEXT NOT NULL,
    thread_ts            TEXT NOT NULL,
    thread_id            TEXT NOT NULL UNIQUE REFERENCES thread (id),
    side_conversation_id TEXT NOT NULL,
    ticket_id            BIGINT NOT NULL,
    linked_at            BIGINT NOT NULL,
    swept_ts             TEXT,          -- the newest message when the thread was last read through
    PRIMARY KEY (channel_id, thread_ts)
);

-- Something that happened to a thread, in the order of arrival. The key stays for ever: it is how a repeated
-- delivery is known. done_at is set in the transaction that writes what was decided.
CREATE TABLE inbox (
    seq         INTEGER PRIMARY KEY,
    source      TEXT NOT NULL,              -- slack | zendesk
    key         TEXT NOT NULL,
    thread_id   TEXT NOT NULL,
    event_json  TEXT,                       -- bridge::Event; blanked after keep_days
    received_at BIGINT NOT NULL,
    done_at     BIGINT,
    ignored     TEXT,                       -- why it asked for nothing
    UNIQUE (source, key)
);
CREATE INDEX inbox_waiting ON inbox (seq) WHERE done_at IS NULL;

-- Something that was decided, to be done to a vendor. Unique by its effect id, so that it is decided once.
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY,
    thread_id    TEXT NOT NULL,
    effect_id    TEXT NOT NULL,
    vendor       TEXT NOT NULL,             -- slack | zendesk
    effect_json  TEXT,                      -- bridge::Effect; blanked after keep_days
    decided_at   BIGINT NOT NULL,
    caused_at    BIGINT NOT NULL,           -- when its cause happened at the vendor
    not_before   BIGINT NOT NULL,
    attempts     BIGINT NOT NULL,           -- written before each call
    attempted_at BIGINT,
    doubtful     BIGINT NOT NULL,           -- 1 from the moment a call begins until it is known not to be done
    problem      TEXT,                      -- what the last answer said
    state        TEXT NOT NULL,             -- waiting | done | parked
    result       TEXT,                      -- what it is called at the vendor: a ts, an entry's id
    settled_at   BIGINT,
    UNIQUE (effect_id, thread_id)           -- the id first: most hold a time, so that new entries come to lie together
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE state = 'waiting';

-- A ticket that shall be read. asked counts the nudges, so that one that comes during a read is not lost.
CREATE TABLE nudge (
    ticket_id BIGINT PRIMARY KEY,
    asked     BIGINT NOT NULL,
    asked_at  BIGINT NOT NULL
);

-- A Slack message that may belong to a card which is on its way; kept ten minutes.
CREATE TABLE held (
    key         TEXT PRIMARY KEY,
    channel_id  TEXT NOT NULL,
    thread_ts   TEXT NOT NULL,
    event_json  TEXT NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX held_by_thread ON held (channel_id, thread_ts);

-- A signed delivery that names a bridged thread but cannot be read; kept as it came for a person to look at.
CREATE TABLE unread (
    key         TEXT PRIMARY KEY,
    source      TEXT NOT NULL,
    thread_id   TEXT NOT NULL,
    raw         TEXT NOT NULL,
    reason      TEXT NOT NULL,
    received_at BIGINT NOT NULL
);
