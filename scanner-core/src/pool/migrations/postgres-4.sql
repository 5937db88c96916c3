-- From version 3 to 4: what a column may hold is said by its type. A table's checks are read and planned anew by every statement that writes to it, which
-- took more than half of the time of a sale; a domain's are kept by the session.
CREATE DOMAIN unit_state AS TEXT COLLATE "C"
    CHECK (VALUE IN ('registered', 'available', 'reserved', 'dispensed', 'opened', 'depleted', 'returned', 'quarantined', 'expired', 'recalled',
                     'removed'));
CREATE DOMAIN pack_level AS TEXT COLLATE "C" CHECK (VALUE IN ('smallest_pack', 'middle_pack', 'outer_carton'));
CREATE DOMAIN upload_state AS TEXT COLLATE "C" CHECK (VALUE IN ('pending', 'in_flight', 'unknown', 'failed', 'done', 'dropped'));
CREATE DOMAIN pieces AS BIGINT CHECK (VALUE >= 0);
CREATE DOMAIN at_least_one AS BIGINT CHECK (VALUE > 0);
CREATE DOMAIN flag AS BIGINT CHECK (VALUE IN (0, 1));

ALTER TABLE unit
    DROP CONSTRAINT unit_check, DROP CONSTRAINT unit_coded_check, DROP CONSTRAINT unit_level_check, DROP CONSTRAINT unit_quantity_check,
    DROP CONSTRAINT unit_revision_check, DROP CONSTRAINT unit_state_check;
ALTER TABLE unit
    ALTER COLUMN level TYPE pack_level, ALTER COLUMN state TYPE unit_state, ALTER COLUMN quantity TYPE pieces, ALTER COLUMN remaining TYPE pieces,
    ALTER COLUMN revision TYPE at_least_one, ALTER COLUMN coded TYPE flag, ADD CONSTRAINT unit_remaining CHECK (remaining <= quantity);

ALTER TABLE reservation DROP CONSTRAINT reservation_quantity_check, DROP CONSTRAINT reservation_coded_check;
ALTER TABLE reservation ALTER COLUMN quantity TYPE at_least_one, ALTER COLUMN coded TYPE flag;

ALTER TABLE sale
    DROP CONSTRAINT sale_quantity_check, DROP CONSTRAINT sale_whole_check, DROP CONSTRAINT sale_coded_check;
ALTER TABLE sale ALTER COLUMN quantity TYPE at_least_one, ALTER COLUMN whole TYPE flag, ALTER COLUMN coded TYPE flag;

ALTER TABLE outbox DROP CONSTRAINT outbox_state_check;
ALTER TABLE outbox ALTER COLUMN state TYPE upload_state;

UPDATE schema_version SET version = 4;
