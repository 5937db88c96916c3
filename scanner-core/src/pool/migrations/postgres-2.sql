-- The code pool on PostgreSQL, version 2 (there was no version 1). Times are nanoseconds since 1970 (UTC), days are ISO 8601, quantities count
-- pieces. Texts are compared byte by byte, as SQLite does, so that both stores choose the same units.
CREATE TABLE schema_version (version BIGINT NOT NULL);
INSERT INTO schema_version VALUES (2);

CREATE TABLE product (
    id            TEXT COLLATE "C" PRIMARY KEY,
    record        TEXT NOT NULL,
    pack_quantity BIGINT NOT NULL CHECK (pack_quantity > 0)
);

CREATE TABLE product_prefix (
    prefix     TEXT COLLATE "C" PRIMARY KEY,
    product_id TEXT COLLATE "C" NOT NULL REFERENCES product (id),
    level      TEXT COLLATE "C" NOT NULL CHECK (level IN ('smallest_pack', 'middle_pack', 'outer_carton'))
);

CREATE TABLE unit (
    key        TEXT COLLATE "C" PRIMARY KEY,
    code       TEXT NOT NULL,
    product_id TEXT COLLATE "C" NOT NULL REFERENCES product (id),
    batch      TEXT COLLATE "C" NOT NULL,
    expiry     TEXT COLLATE "C" NOT NULL,
    made       TEXT COLLATE "C",
    level      TEXT COLLATE "C" NOT NULL CHECK (level IN ('smallest_pack', 'middle_pack', 'outer_carton')),
    parent     TEXT COLLATE "C" REFERENCES unit (key) DEFERRABLE INITIALLY DEFERRED,
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('registered', 'available', 'reserved', 'dispensed', 'opened', 'depleted', 'returned',
                                                          'quarantined', 'expired', 'recalled', 'removed')),
    quantity   BIGINT NOT NULL CHECK (quantity >= 0),
    remaining  BIGINT NOT NULL CHECK (remaining BETWEEN 0 AND quantity),
    revision   BIGINT NOT NULL CHECK (revision > 0)
);
CREATE INDEX unit_by_expiry ON unit (product_id, state, level, expiry, key);
CREATE INDEX unit_by_batch ON unit (product_id, batch);
CREATE INDEX unit_by_parent ON unit (parent) WHERE parent IS NOT NULL;

CREATE TABLE reservation (
    order_id   TEXT COLLATE "C" NOT NULL,
    line       BIGINT NOT NULL,
    key        TEXT COLLATE "C" NOT NULL REFERENCES unit (key),
    quantity   BIGINT NOT NULL CHECK (quantity > 0),
    expires_at BIGINT NOT NULL,
    event_id   TEXT COLLATE "C" PRIMARY KEY
);
CREATE INDEX reservation_by_order ON reservation (order_id);
CREATE INDEX reservation_by_key ON reservation (key);
CREATE INDEX reservation_by_expiry ON reservation (expires_at);

CREATE TABLE sale (
    event_id     TEXT COLLATE "C" PRIMARY KEY,
    order_id     TEXT COLLATE "C" NOT NULL,
    line         BIGINT NOT NULL,
    key          TEXT COLLATE "C" NOT NULL REFERENCES unit (key),
    quantity     BIGINT NOT NULL CHECK (quantity > 0),
    whole        BIGINT NOT NULL CHECK (whole IN (0, 1)),
    return_event TEXT COLLATE "C"
);
CREATE INDEX sale_by_order ON sale (order_id);
CREATE INDEX sale_by_key ON sale (key);
CREATE UNIQUE INDEX one_sale_per_box ON sale (key) WHERE whole = 1 AND return_event IS NULL;

-- Numbers come from a sequence: they rise with every change of a unit, and a transaction that was rolled back leaves a gap. That nothing is
-- missing shows in the revisions of each unit. `writer` is the transaction: entries of running transactions may still appear below others.
CREATE SEQUENCE ledger_sequence;
CREATE TABLE ledger (
    sequence          BIGINT PRIMARY KEY,
    event_id          TEXT COLLATE "C" NOT NULL UNIQUE,
    original_event_id TEXT COLLATE "C",
    at                BIGINT NOT NULL,
    actor             TEXT NOT NULL,
    cause             TEXT NOT NULL,
    kind              TEXT NOT NULL,
    key               TEXT COLLATE "C" NOT NULL,
    from_state        TEXT,
    to_state          TEXT NOT NULL,
    order_id          TEXT COLLATE "C",
    quantity          BIGINT NOT NULL,
    remaining         BIGINT NOT NULL,
    revision          BIGINT NOT NULL,
    writer            BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint)
);
CREATE UNIQUE INDEX ledger_by_unit ON ledger (key, revision);
CREATE FUNCTION ledger_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$;
CREATE TRIGGER ledger_keeps_values BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_refuses();
CREATE TRIGGER ledger_keeps_rows BEFORE TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuses();

CREATE TABLE order_record (order_id TEXT COLLATE "C" PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE setting (name TEXT COLLATE "C" PRIMARY KEY, record TEXT NOT NULL);

CREATE TABLE outbox (
    position      BIGSERIAL PRIMARY KEY,
    event_id      TEXT COLLATE "C" NOT NULL UNIQUE,
    kind          TEXT NOT NULL,
    at            BIGINT NOT NULL,
    payload       TEXT NOT NULL,
    personal      TEXT,
    state         TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'in_flight', 'unknown', 'failed', 'done', 'dropped')),
    attempts      BIGINT NOT NULL DEFAULT 0,
    due_at        BIGINT NOT NULL,
    message_id    TEXT COLLATE "C",
    alone         BIGINT NOT NULL DEFAULT 0,
    claimed_by    TEXT,
    claimed_until BIGINT,
    note          TEXT,
    settled_at    BIGINT
);
CREATE INDEX outbox_open ON outbox (position) WHERE state NOT IN ('done', 'dropped');
CREATE INDEX outbox_by_message ON outbox (message_id);

CREATE TABLE outbox_unit (
    key      TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL REFERENCES outbox (position),
    PRIMARY KEY (key, position)
);
CREATE INDEX outbox_unit_by_position ON outbox_unit (position);

CREATE TABLE counter (name TEXT COLLATE "C" PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO counter VALUES ('message', 0);
