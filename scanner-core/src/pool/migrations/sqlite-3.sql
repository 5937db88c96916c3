-- From version 2 to 3: accounts and sessions, a journal of what changes no unit, stock without codes, patients of orders as pseudonyms.
-- `coded` is 0 for a lot without codes, and for what is held or sold without naming a code.
ALTER TABLE unit ADD COLUMN coded INTEGER NOT NULL DEFAULT 1 CHECK (coded IN (0, 1));
ALTER TABLE reservation ADD COLUMN coded INTEGER NOT NULL DEFAULT 1 CHECK (coded IN (0, 1));
ALTER TABLE sale ADD COLUMN coded INTEGER NOT NULL DEFAULT 1 CHECK (coded IN (0, 1));

CREATE TABLE account (
    name         TEXT PRIMARY KEY,
    full_name    TEXT NOT NULL,
    certificate  TEXT,
    role         TEXT NOT NULL CHECK (role IN ('technician', 'pharmacist', 'manager')),
    password     TEXT NOT NULL, -- Argon2id with its parameters and salt, as a PHC string
    active       INTEGER NOT NULL CHECK (active IN (0, 1)),
    failures     INTEGER NOT NULL DEFAULT 0, -- wrong passwords since the last right one
    locked_until INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- `token` is the SHA-256 of what its holder has: who reads this table cannot act for anybody.
CREATE TABLE session (
    token      TEXT PRIMARY KEY,
    account    TEXT NOT NULL REFERENCES account (name),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_account ON session (account);

-- The ledger's second book: what was done that changes no unit. `detail` is JSON.
CREATE TABLE journal (
    sequence INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    detail   TEXT NOT NULL
) STRICT;
CREATE INDEX journal_by_subject ON journal (kind, subject);
CREATE TRIGGER journal_keeps_rows BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_keeps_values BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TABLE order_patient (order_id TEXT PRIMARY KEY, pseudonym TEXT NOT NULL) STRICT, WITHOUT ROWID;

UPDATE schema_version SET version = 3;
