-- The code pool, version 1. Times are nanoseconds since 1970 (UTC), days are ISO 8601, quantities count pieces.
CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;
INSERT INTO schema_version VALUES (1);

CREATE TABLE product (
    id            TEXT PRIMARY KEY,
    record        TEXT NOT NULL, -- the whole product as JSON
    pack_quantity INTEGER NOT NULL CHECK (pack_quantity > 0)
) STRICT;

-- Holds that no prefix belongs to two products, also where two programs write; the records have the same.
CREATE TABLE product_prefix (
    prefix     TEXT PRIMARY KEY,
    product_id TEXT NOT NULL REFERENCES product (id),
    level      TEXT NOT NULL CHECK (level IN ('smallest_pack', 'middle_pack', 'outer_carton'))
) STRICT;

-- `key` names the unit, `code` is the text as it was registered: two printings of one GS1 unit differ in text and agree in key.
-- Packs above the smallest hold no pieces of their own: quantity 0.
CREATE TABLE unit (
    key        TEXT PRIMARY KEY,
    code       TEXT NOT NULL,
    product_id TEXT NOT NULL REFERENCES product (id),
    batch      TEXT NOT NULL,
    expiry     TEXT NOT NULL,
    made       TEXT,
    level      TEXT NOT NULL CHECK (level IN ('smallest_pack', 'middle_pack', 'outer_carton')),
    parent     TEXT REFERENCES unit (key) DEFERRABLE INITIALLY DEFERRED,
    state      TEXT NOT NULL CHECK (state IN ('registered', 'available', 'reserved', 'dispensed', 'opened', 'depleted', 'returned',
                                              'quarantined', 'expired', 'recalled')),
    quantity   INTEGER NOT NULL CHECK (quantity >= 0),
    remaining  INTEGER NOT NULL CHECK (remaining BETWEEN 0 AND quantity)
) STRICT, WITHOUT ROWID;
CREATE INDEX unit_by_expiry ON unit (product_id, state, level, expiry, key);
CREATE INDEX unit_by_batch ON unit (product_id, batch);
CREATE INDEX unit_by_parent ON unit (parent);

CREATE TABLE reservation (
    order_id   TEXT NOT NULL,
    line       INTEGER NOT NULL,
    key        TEXT NOT NULL REFERENCES unit (key),
    quantity   INTEGER NOT NULL CHECK (quantity > 0),
    expires_at INTEGER NOT NULL,
    event_id   TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE INDEX reservation_by_order ON reservation (order_id);
CREATE INDEX reservation_by_key ON reservation (key);

CREATE TABLE sale (
    event_id     TEXT PRIMARY KEY,
    order_id     TEXT NOT NULL,
    line         INTEGER NOT NULL,
    key          TEXT NOT NULL REFERENCES unit (key),
    quantity     INTEGER NOT NULL CHECK (quantity > 0),
    whole        INTEGER NOT NULL CHECK (whole IN (0, 1)),
    return_event TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sale_by_order ON sale (order_id);
-- A box has one sale record that stands, whatever the program does.
CREATE UNIQUE INDEX one_sale_per_box ON sale (key) WHERE whole = 1 AND return_event IS NULL;

CREATE TABLE ledger (
    sequence          INTEGER PRIMARY KEY,
    event_id          TEXT NOT NULL UNIQUE,
    original_event_id TEXT,
    at                INTEGER NOT NULL,
    actor             TEXT NOT NULL,
    cause             TEXT NOT NULL,
    kind              TEXT NOT NULL,
    key               TEXT NOT NULL,
    from_state        TEXT,
    to_state          TEXT NOT NULL,
    order_id          TEXT,
    quantity          INTEGER NOT NULL,
    remaining         INTEGER NOT NULL
) STRICT;
CREATE TRIGGER ledger_keeps_rows BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_keeps_values BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
