-- Somebody in Slack who started a side conversation or wrote in its thread: which are theirs is asked by person.
CREATE TABLE thread_person (
    user_id   TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    PRIMARY KEY (user_id, thread_id)
);
INSERT INTO thread_person (user_id, thread_id)
SELECT DISTINCT effect_json ->> '$.act.reply.user', thread_id FROM outbox
WHERE effect_id >= 'reply:' AND effect_id < 'reply;' AND effect_json ->> '$.act.reply.user' IS NOT NULL;
