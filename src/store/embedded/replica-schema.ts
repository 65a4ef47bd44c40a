import type { Schema } from './schema.ts'

/**
 * Each row has the version of its last full record, and beside it the version of the one thing that also changes alone
 * (login method, state, superseded): that change may arrive before the record, then the row has version 0 until the record
 * is there too. `round`: the last round in which the store showed the row as new as it is here.
 */
const tables = `
CREATE TABLE store (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE contracts (
  contract_id TEXT PRIMARY KEY,
  certificate_limit INTEGER NOT NULL,
  version INTEGER NOT NULL,
  login_method TEXT NOT NULL,
  method_version INTEGER NOT NULL,
  round INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  login_id TEXT PRIMARY KEY,
  contract_id TEXT NOT NULL,
  role TEXT NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  state_version INTEGER NOT NULL,
  round INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE certificates (
  certificate_key TEXT PRIMARY KEY,
  login_id TEXT NOT NULL,
  not_before_ms INTEGER NOT NULL,
  not_after_ms INTEGER NOT NULL,
  version INTEGER NOT NULL,
  superseded INTEGER NOT NULL,
  superseded_version INTEGER NOT NULL,
  round INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`

/**
 * What programs of version 1 did not keep: optional fields as JSON ('{}' for none), first use, public key. Null: not known, as one of them has
 * written the row; the next round fills it in, so the copy counts as loaded, but behind.
 */
const whatIsIssued = `
ALTER TABLE contracts ADD COLUMN details TEXT;
ALTER TABLE users ADD COLUMN details TEXT;
ALTER TABLE certificates ADD COLUMN used INTEGER;
ALTER TABLE certificates ADD COLUMN public_key_hash TEXT;
CREATE INDEX certificates_of_login_id ON certificates (login_id);
UPDATE store SET name = 'earlier_position' WHERE name = 'position';
`

/** Tables of the directory's copy. */
export const replicaSchema: Schema = { version: 2, steps: [tables, whatIsIssued] }
