-- What a store that was emptied or restored is known by, see StoreInfo.

-- For how long, in milliseconds, sessions have been renewed here, outages left out.
ALTER TABLE fleet ADD COLUMN lived_ms INTEGER NOT NULL DEFAULT 0;

-- 1: a person has said that this store is to be gone on with.
ALTER TABLE fleet ADD COLUMN adopted INTEGER NOT NULL DEFAULT 0;
