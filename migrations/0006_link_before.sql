-- Where a thread stood in Slack until its card was posted anew; what is written there still arrives.
CREATE TABLE link_before (
    channel_id TEXT NOT NULL,
    thread_ts  TEXT NOT NULL,
    thread_id  TEXT NOT NULL,
    swept_ts   TEXT,          -- the newest message when it was last read through
    PRIMARY KEY (channel_id, thread_ts)
);
CREATE INDEX link_before_by_thread ON link_before (thread_id);
