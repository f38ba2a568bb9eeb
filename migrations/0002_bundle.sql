-- Messages that wait anyway may travel in one call. Who travels together is written before the first attempt and is
-- never changed, save that a bundle which the vendor certainly refused is taken apart.
ALTER TABLE outbox ADD COLUMN bundle BIGINT;  -- the first row of those it travels with; NULL if it travels alone
