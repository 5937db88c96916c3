-- From version 1 to 2: units may leave for good, every change of a unit counts its revision, and what must be told to a platform waits in an outbox.
CREATE TABLE unit_2 (
    key        TEXT PRIMARY KEY,
    code       TEXT NOT NULL,
    product_id TEXT NOT NULL REFERENCES product (id),
    batch      TEXT NOT NULL,
    expiry     TEXT NOT NULL,
    made       TEXT,
    level      TEXT NOT NULL CHECK (level IN ('smallest_pack', 'middle_pack', 'outer_carton')),
    parent     TEXT REFERENCES unit (key) DEFERRABLE INITIALLY DEFERRED,
    state      TEXT NOT NULL CHECK (state IN ('registered', 'available', 'reserved', 'dispensed', 'opened', 'depleted', 'returned',
                                              'quarantined', 'expired', 'recalled', 'removed')),
    quantity   INTEGER NOT NULL CHECK (quantity >= 0),
    remaining  INTEGER NOT NULL CHECK (remaining BETWEEN 0 AND quantity),
    revision   INTEGER NOT NULL CHECK (revision > 0) -- entries of the ledger about it
) STRICT, WITHOUT ROWID;
INSERT INTO unit_2 SELECT unit.*, (SELECT count(*) FROM ledger WHERE ledger.key = unit.key) FROM unit;
DROP TABLE unit;
ALTER TABLE unit_2 RENAME TO unit;
CREATE INDEX unit_by_expiry ON unit (product_id, state, level, expiry, key);
CREATE INDEX unit_by_batch ON unit (product_id, batch);
CREATE INDEX unit_by_parent ON unit (parent);

DROP TRIGGER ledger_keeps_values;
ALTER TABLE ledger ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
UPDATE ledger SET revision = n FROM (SELECT sequence AS s, row_number() OVER (PARTITION BY key ORDER BY sequence) AS n FROM ledger) WHERE s = sequence;
CREATE UNIQUE INDEX ledger_by_unit ON ledger (key, revision);
CREATE TRIGGER ledger_keeps_values BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE INDEX reservation_by_expiry ON reservation (expires_at);
CREATE INDEX sale_by_key ON sale (key);

-- What an order asked for when it was last reserved, so that a change is seen.
CREATE TABLE order_record (order_id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Settings of this pool that every program must agree on, as JSON.
CREATE TABLE setting (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- What must be told to the platform, in order. `personal` is what only the platform may see; it is wiped when the request is settled.
CREATE TABLE outbox (
    position      INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id      TEXT NOT NULL UNIQUE,
    kind          TEXT NOT NULL,
    at            INTEGER NOT NULL,
    payload       TEXT NOT NULL,
    personal      TEXT,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'in_flight', 'unknown', 'failed', 'done', 'dropped')),
    attempts      INTEGER NOT NULL DEFAULT 0,
    due_at        INTEGER NOT NULL,
    message_id    TEXT,
    alone         INTEGER NOT NULL DEFAULT 0,
    claimed_by    TEXT,
    claimed_until INTEGER,
    note          TEXT,
    settled_at    INTEGER
) STRICT;
CREATE INDEX outbox_open ON outbox (position) WHERE state NOT IN ('done', 'dropped');
CREATE INDEX outbox_by_message ON outbox (message_id);

-- The units that an entry is about, as long as it is open: later entries of the same unit wait for it.
CREATE TABLE outbox_unit (
    key      TEXT NOT NULL,
    position INTEGER NOT NULL REFERENCES outbox (position),
    PRIMARY KEY (key, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_unit_by_position ON outbox_unit (position);

-- Numbers the messages of this pool.
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counter VALUES ('message', 0);

UPDATE schema_version SET version = 2;
