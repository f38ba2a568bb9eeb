-- A side conversation of a thread that has been in more than one, on each ticket where it was; also one that Zendesk
-- copied to a follow-up ticket. A thread's first one stands in thread as well.
CREATE TABLE side_conversation (
    id        TEXT NOT NULL,
    ticket_id BIGINT NOT NULL,
    thread_id TEXT NOT NULL,
    PRIMARY KEY (id, ticket_id)
);
CREATE INDEX side_conversation_by_ticket ON side_conversation (ticket_id);

-- A closed ticket that a thread has asked to be followed up: one row, so that one thread finds or makes the follow-up and
-- the others wait for it.
CREATE TABLE follow_up (
    source_ticket_id BIGINT PRIMARY KEY,
    thread_id        TEXT NOT NULL,     -- the thread that finds out
    claimed_at       BIGINT NOT NULL,
    ticket_id        BIGINT             -- the follow-up, once it is known
);
