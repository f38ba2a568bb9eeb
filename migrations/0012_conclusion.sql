-- Something that the app believes for now and goes by: that it may not read the feed, that a ticket is gone, that a channel
-- takes no posts, that a vendor is down. One row for each who believes it; it goes when it is over, and when that was told if
-- the belief was.
CREATE TABLE conclusion (
    about    TEXT NOT NULL,     -- feed | hidden | ticket | channel | vendor | wait
    subject  TEXT NOT NULL,     -- which ticket, channel or vendor; empty where there is one only
    holder   TEXT NOT NULL,     -- the thread that goes by it; empty if it is the app as a whole
    why      TEXT NOT NULL,     -- a sentence for the people who run the app
    since_at BIGINT NOT NULL,
    told_at  BIGINT,            -- when the operator was told
    over_at  BIGINT,            -- when it was over, if that is not told yet
    PRIMARY KEY (about, subject, holder)
);
