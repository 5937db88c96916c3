-- From version 3 to 4: nothing changes here, see postgres-4.sql. Since then the journal may say that units were written off.
UPDATE schema_version SET version = 4;
