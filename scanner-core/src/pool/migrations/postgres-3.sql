-- From version 2 to 3: accounts and sessions, a journal of what changes no unit, stock without codes, patients of orders as pseudonyms.
-- `coded` is 0 for a lot without codes, and for what is held or sold without naming a code.
ALTER TABLE unit ADD COLUMN coded BIGINT NOT NULL DEFAULT 1 CHECK (coded IN (0, 1));
ALTER TABLE reservation ADD COLUMN coded BIGINT NOT NULL DEFAULT 1 CHECK (coded IN (0, 1));
ALTER TABLE sale ADD COLUMN coded BIGINT NOT NULL DEFAULT 1 CHECK (coded IN (0, 1));

CREATE TABLE account (
    name         TEXT COLLATE "C" PRIMARY KEY,
    full_name    TEXT NOT NULL,
    certificate  TEXT,
    role         TEXT COLLATE "C" NOT NULL CHECK (role IN ('technician', 'pharmacist', 'manager')),
    password     TEXT NOT NULL,
    active       BIGINT NOT NULL CHECK (active IN (0, 1)),
    failures     BIGINT NOT NULL DEFAULT 0,
    locked_until BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE session (
    token      TEXT COLLATE "C" PRIMARY KEY,
    account    TEXT COLLATE "C" NOT NULL REFERENCES account (name),
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_by_account ON session (account);

CREATE TABLE journal (
    sequence BIGSERIAL PRIMARY KEY,
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL,
    subject  TEXT COLLATE "C" NOT NULL,
    detail   TEXT NOT NULL
);
CREATE INDEX journal_by_subject ON journal (kind, subject);
CREATE FUNCTION journal_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$;
CREATE TRIGGER journal_keeps_values BEFORE UPDATE OR DELETE ON journal FOR EACH ROW EXECUTE FUNCTION journal_refuses();
CREATE TRIGGER journal_keeps_rows BEFORE TRUNCATE ON journal FOR EACH STATEMENT EXECUTE FUNCTION journal_refuses();

CREATE TABLE order_patient (order_id TEXT COLLATE "C" PRIMARY KEY, pseudonym TEXT NOT NULL);

UPDATE schema_version SET version = 3;
