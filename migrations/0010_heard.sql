-- Whether the newest message of a Slack thread is one of our own posts is asked whenever its channel is compared.
CREATE INDEX outbox_posted ON outbox (result) WHERE vendor = 'slack' AND result IS NOT NULL;
