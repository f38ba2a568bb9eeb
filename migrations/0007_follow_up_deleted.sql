-- A follow-up of a closed ticket that is known to be deleted: the next one has a marker and a key of its own, also where
-- Zendesk names the deleted one no longer and whoever found it out has given up.
CREATE TABLE follow_up_deleted (
    source_ticket_id BIGINT NOT NULL,
    ticket_id        BIGINT NOT NULL,
    PRIMARY KEY (source_ticket_id, ticket_id)
);
