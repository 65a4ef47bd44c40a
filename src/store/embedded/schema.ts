/** Rises with every change of the tables that an older program would misread. */
export const schemaVersion = 1

/**
 * Every change of trust takes one version from `events`, which is the log; the other tables hold what the log amounts to,
 * each subject with the version of its last event. `counts` is kept by triggers so that rows taken away behind our back show.
 */
export const schemaSql = `
CREATE TABLE store (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  version INTEGER PRIMARY KEY AUTOINCREMENT,
  token TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;

CREATE TABLE counts (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counts (name, value) VALUES ('revoked', 0), ('trimmed_through', 0);

CREATE TABLE revocations (
  certificate_key TEXT PRIMARY KEY,
  issuer_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('revoked', 'restored')),
  version INTEGER NOT NULL UNIQUE,
  login_id TEXT,
  reason TEXT NOT NULL,
  comment TEXT NOT NULL,
  actor TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revocations_of_login_id ON revocations (login_id, version) WHERE login_id IS NOT NULL;
CREATE INDEX revocations_of_issuer ON revocations (issuer_id, version);

CREATE TRIGGER revocation_added AFTER INSERT ON revocations WHEN NEW.state = 'revoked' BEGIN
  UPDATE counts SET value = value + 1 WHERE name = 'revoked';
END;
CREATE TRIGGER revocation_removed AFTER DELETE ON revocations WHEN OLD.state = 'revoked' BEGIN
  UPDATE counts SET value = value - 1 WHERE name = 'revoked';
END;
CREATE TRIGGER revocation_changed AFTER UPDATE OF state ON revocations WHEN NEW.state <> OLD.state BEGIN
  UPDATE counts SET value = value + CASE NEW.state WHEN 'revoked' THEN 1 ELSE -1 END WHERE name = 'revoked';
END;

CREATE TABLE contracts (
  contract_id TEXT PRIMARY KEY,
  login_method TEXT NOT NULL CHECK (login_method IN ('certificate', 'password')),
  certificate_limit INTEGER NOT NULL CHECK (certificate_limit > 0),
  method_version INTEGER UNIQUE
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  login_id TEXT PRIMARY KEY,
  contract_id TEXT NOT NULL REFERENCES contracts (contract_id),
  role TEXT NOT NULL CHECK (role IN ('master', 'general')),
  state TEXT NOT NULL CHECK (state IN ('active', 'suspended')),
  state_version INTEGER UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX users_of_contract ON users (contract_id);

CREATE TABLE certificates (
  certificate_key TEXT PRIMARY KEY,
  login_id TEXT NOT NULL REFERENCES users (login_id),
  not_before_ms INTEGER NOT NULL,
  not_after_ms INTEGER NOT NULL,
  recorded_version INTEGER NOT NULL,
  superseded_version INTEGER UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX certificates_of_login_id ON certificates (login_id, not_after_ms);

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`
